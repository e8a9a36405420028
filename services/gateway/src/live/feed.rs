//! From the bus to the core. Each source has a task of its own, which opens it when the bus is there, tries again when that fails, and reads
//! on for ever: readers go on by themselves after the bus was away.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arena_bus::{Bus, BusError, Change, Consume, Durable, From, Partitions, Value, Values};
use arena_chassis::Clock;
use arena_gateway_core::metrics::Counters;
use arena_gateway_core::{History, Input};
use arena_proto::{FaultStatus, IncidentEvent, Outcome, Plan};
use tokio::sync::{Notify, mpsc};

use super::LiveHandle;
use super::poll;

/// How far back the streams are read at the start. What is older is in the database: `/api/v1/incidents` has it, and the status counts it.
const PAST: Duration = Duration::from_hours(24);
/// Between two attempts to open a source: a bucket that nobody has made yet appears within seconds.
const OPEN_EVERY: Duration = Duration::from_millis(500);

/// Where inputs go; closed once the gateway shuts down.
pub(super) type Inputs = mpsc::Sender<Input>;

/// Begins to read everything.
pub(super) fn start(bus: &Bus, live: &LiveHandle) {
    let feed = Feed {
        bus: bus.clone(),
        clock: live.inner.clock,
        inputs: live.inner.inputs.clone(),
        news: Arc::default(),
        counters: Arc::clone(&live.inner.counters),
    };
    let shutdown = live.inner.shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = feed.all() => {}
        }
    });
}

#[derive(Debug, Clone)]
pub(super) struct Feed {
    pub(super) bus: Bus,
    pub(super) clock: Clock,
    pub(super) inputs: Inputs,
    /// Something happened that the recorder counts.
    pub(super) news: Arc<Notify>,
    counters: Arc<Counters>,
}

/// Nobody takes inputs any more, or the bus is closed for good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Over;

impl Feed {
    async fn all(self) {
        // Each ends only when all do.
        let _ = tokio::join!(
            poll::poll(&self),
            self.statuses(),
            self.telemetry(),
            self.values(
                "observers",
                async || self.bus.watch_observers().await,
                Input::Observer
            ),
            self.values(
                "approvals",
                async || self.bus.watch_approvals().await,
                Input::Approval
            ),
            self.stream(History::Incidents, |event: IncidentEvent| Input::Incident(
                event
            )),
            self.stream(History::Plans, |plan: Plan| Input::Plan(plan)),
            self.stream(History::Outcomes, |outcome: Outcome| Input::Outcome(
                outcome
            )),
            self.stream(History::Faults, |status: FaultStatus| Input::Fault(status)),
        );
    }

    pub(super) async fn send(&self, input: Input) -> Result<(), Over> {
        self.inputs.send(input).await.map_err(|_| Over)
    }

    /// Opens a source as soon as that can be done.
    pub(super) async fn open<T, F>(&self, what: &str, open: impl Fn() -> F) -> Result<T, Over>
    where
        F: Future<Output = Result<T, BusError>>,
    {
        let mut connected = self.bus.connected();
        let mut told = false;
        loop {
            connected
                .wait_for(|connected| *connected)
                .await
                .map_err(|_| Over)?;
            match open().await {
                Ok(source) => return Ok(source),
                Err(error) if !std::mem::replace(&mut told, true) => {
                    tracing::warn!("cannot read {what} now: {error}");
                }
                Err(_) => {}
            }
            tokio::time::sleep(OPEN_EVERY).await;
        }
    }

    async fn statuses(&self) -> Result<(), Over> {
        let mut statuses = self.open("status", || self.bus.watch_statuses()).await?;
        while let Some(change) = statuses.next_change().await {
            let input = match change {
                Change::Put(status) => Input::Status(status),
                Change::Removed(node) => Input::StatusRemoved(node),
            };
            self.send(input).await?;
        }
        Err(Over)
    }

    async fn telemetry(&self) -> Result<(), Over> {
        let open = || self.bus.telemetry(Partitions::all());
        let mut telemetry = self.open("telemetry", open).await?;
        while let Some((message, schema)) = telemetry.next().await {
            self.counters.telemetry_lost(telemetry.lost());
            self.send(Input::Telemetry(message, schema)).await?;
        }
        Err(Over)
    }

    async fn values<T: Value, F>(
        &self,
        what: &str,
        open: impl Fn() -> F,
        input: impl Fn(T) -> Input,
    ) -> Result<(), Over>
    where
        F: Future<Output = Result<Values<T>, BusError>>,
    {
        let mut values = self.open(what, open).await?;
        while let Some(value) = values.next().await {
            self.send(input(value)).await?;
        }
        Err(Over)
    }

    async fn stream<M: Durable>(
        &self,
        history: History,
        input: impl Fn(M) -> Input,
    ) -> Result<(), Over> {
        let open = || {
            let since = From::Since(self.clock.now() - PAST);
            self.bus.consume(Consume::ephemeral().from(since))
        };
        let mut messages = self.open(M::NAME, open).await?;
        while let Some(delivery) = messages.next_stored().await {
            self.send(input(delivery.message)).await?;
        }
        self.send(Input::CaughtUp(history)).await?;
        while let Some(delivery) = messages.next().await {
            self.send(input(delivery.message)).await?;
            self.news.notify_one();
        }
        Err(Over)
    }
}
