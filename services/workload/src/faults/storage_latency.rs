//! `storage-latency`: a delay that the ledger's writer waits before it syncs.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::timed::Timed;
use super::{Effect, Switch};
use crate::clock;

/// What every sync passes.
#[derive(Default)]
pub(crate) struct Slowdown {
    delays: Mutex<Timed<Duration>>,
    removed: Condvar,
}

impl Slowdown {
    /// Blocks the calling thread for the longest delay in effect, at most until that delay ends.
    pub(crate) fn wait(&self) {
        let begin = clock::now();
        let mut delays = self.lock();
        loop {
            let now = clock::now();
            let until = delays
                .live(now)
                .map(|(latency, ends_at)| (begin + *latency).min(ends_at))
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

    /// Puts a delay into effect until `ends_at`.
    pub(super) fn slow(&self, id: &str, latency: Duration, ends_at: Instant) {
        self.lock().insert(id, latency, ends_at);
    }

    fn lock(&self) -> MutexGuard<'_, Timed<Duration>> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Effect for Switch<Slowdown> {
    fn is_live(&self, now: Instant) -> bool {
        self.site.lock().contains(&self.id, now)
    }

    /// A writer that waits goes on at once.
    fn end(&self) {
        self.site.lock().remove(&self.id);
        self.site.removed.notify_all();
    }
}
