//! `load-surge`: many more users come.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::timed::Timed;
use super::{Effect, Switch};
use crate::clock;

/// How many times as many users as usual.
#[derive(Default)]
pub(crate) struct Surge(Mutex<Timed<u32>>);

impl Surge {
    /// 1 without a surge; of several the greatest.
    pub(crate) fn factor(&self) -> u32 {
        let mut surges = self.lock();
        let factors = surges.live(clock::now()).map(|(factor, _)| *factor);
        factors.max().unwrap_or(1)
    }

    /// `factor` times as many until `ends_at`.
    pub(super) fn swell(&self, id: &str, factor: u32, ends_at: Instant) {
        self.lock().insert(id, factor, ends_at);
    }

    fn lock(&self) -> MutexGuard<'_, Timed<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Effect for Switch<Surge> {
    fn is_live(&self, now: Instant) -> bool {
        self.site.lock().contains(&self.id, now)
    }

    fn end(&self) {
        self.site.lock().remove(&self.id);
    }
}
