//! The fault `storage-latency`: a delay that the ledger's writer waits before it syncs.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// The delays in effect, each with its end.
#[derive(Default)]
pub(crate) struct Slowdown {
    delays: Mutex<BTreeMap<String, Delay>>,
    removed: Condvar,
}

#[derive(Clone, Copy)]
struct Delay {
    latency: Duration,
    ends_at: Instant,
}

impl Slowdown {
    /// Puts a delay into effect until `ends_at`; one with the same id is replaced.
    pub(crate) fn insert(&self, id: &str, latency: Duration, ends_at: Instant) {
        self.lock()
            .insert(id.to_owned(), Delay { latency, ends_at });
    }

    /// Ends a delay; a writer that waits for it goes on at once.
    pub(crate) fn remove(&self, id: &str) {
        self.lock().remove(id);
        self.removed.notify_all();
    }

    /// It is in effect.
    pub(crate) fn contains(&self, id: &str, now: Instant) -> bool {
        self.lock().get(id).is_some_and(|delay| now < delay.ends_at)
    }

    /// Blocks the calling thread for the longest delay in effect, at most until that delay ends.
    pub(crate) fn wait(&self) {
        let begin = clock::now();
        let mut delays = self.lock();
        loop {
            let now = clock::now();
            delays.retain(|_, delay| now < delay.ends_at);
            let until = delays
                .values()
                .map(|delay| (begin + delay.latency).min(delay.ends_at))
                .max();
            let Some(left) = until.map(|until| until.saturating_duration_since(now)) else {
                return;
            };
            if left.is_zero() {
                return;
            }
            delays = self
                .removed
                .wait_timeout(delays, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Delay>> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
