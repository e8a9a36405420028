//! The shell around the node's telemetry faults ([`arena_node_core::telemetry`]), shared by whoever makes faults and whoever writes to the bus.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arena_chassis::Clock;
use arena_node_core::Effect;
use arena_node_core::telemetry::Filter;
use arena_proto::{Schema, Telemetry, Timestamp};
use tokio::sync::{Notify, watch};

use super::Refusal;

/// The node's telemetry faults. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct TelemetryFaults {
    filter: Arc<Mutex<Filter>>,
    /// Something may have become ready to be published, or will be at another time than before.
    changed: Arc<Notify>,
    /// Whether nothing may be told of the node just now.
    silent: Arc<watch::Sender<bool>>,
    clock: Clock,
}

impl TelemetryFaults {
    /// No fault yet. `seed`: of every chance; `schema`: what the node's columns mean before its first message.
    pub(crate) fn new(seed: u64, schema: Arc<Schema>, clock: Clock) -> Self {
        Self {
            filter: Arc::new(Mutex::new(Filter::new(seed, schema))),
            changed: Arc::default(),
            silent: Arc::new(watch::Sender::new(false)),
            clock,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Filter> {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the node's columns mean just now.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(self.lock().schema())
    }

    /// Makes the fault.
    pub(super) fn apply(&self, effect: &Effect) -> Result<(), Refusal> {
        let mut filter = self.lock();
        filter.apply(effect)?;
        self.tell(filter);
        Ok(())
    }

    /// Takes the fault away; what it held back goes out. There is nothing to take away of one that another agent made.
    pub(super) fn revert(&self, effect: &Effect) -> Result<(), String> {
        let mut filter = self.lock();
        filter.revert(self.clock.now(), &effect.fault);
        let left = filter.has(&effect.fault);
        self.tell(filter);
        if left {
            return Err("telemetry still passes it".to_owned());
        }
        Ok(())
    }

    fn tell(&self, filter: MutexGuard<'_, Filter>) {
        self.silent.send_replace(filter.is_silent());
        drop(filter);
        self.changed.notify_one();
    }

    /// A message on its way to the bus; what comes of it is among [`TelemetryFaults::ready`], now or later.
    pub(crate) fn pass(&self, now: Timestamp, schema: Arc<Schema>, telemetry: Telemetry) {
        self.lock().offer(now, schema, telemetry);
    }

    /// What is to be published now, in this order.
    pub(crate) fn ready(&self, now: Timestamp) -> Vec<Telemetry> {
        self.lock().ready(now)
    }

    /// Waits until there may be something ready. Cancel safe.
    pub(crate) async fn due(&self) {
        let next = self.lock().next_wakeup();
        let due = async {
            match next {
                Some(at) => self.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = self.changed.notified() => {}
        }
    }

    /// Nothing may be told of the node just now.
    pub(crate) fn is_silent(&self) -> bool {
        *self.silent.borrow()
    }

    /// The same, and whenever it changes.
    pub(crate) fn silenced(&self) -> watch::Receiver<bool> {
        self.silent.subscribe()
    }
}
