//! `deadlock`: a lock that every request needs, and that nobody gives back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::timed::Timed;
use super::{Effect, Switch};
use crate::clock;

/// What every request passes.
#[derive(Default)]
pub(crate) struct Gate {
    held: Mutex<Timed<()>>,
    released: Notify,
}

impl Gate {
    /// An answer, which waits for the lock before it is begun, and before it is given: nobody who asked before is let out.
    pub(crate) async fn wrap<T>(self: Arc<Self>, answer: impl Future<Output = T>) -> T {
        self.pass().await;
        let answer = answer.await;
        self.pass().await;
        answer
    }

    /// Returns when no deadlock is in effect: at once, mostly.
    async fn pass(&self) {
        loop {
            // Before the look, so that no release between the two is missed.
            let released = self.released.notified();
            let Some(ends_at) = self.held_until(clock::now()) else {
                return;
            };
            tokio::select! {
                () = released => {}
                () = tokio::time::sleep_until(ends_at.into()) => {}
            }
        }
    }

    fn held_until(&self, now: Instant) -> Option<Instant> {
        self.lock().live(now).map(|((), ends_at)| ends_at).max()
    }

    fn lock(&self) -> MutexGuard<'_, Timed<()>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds every request until `ends_at`.
    pub(super) fn hold(&self, id: &str, ends_at: Instant) {
        self.lock().insert(id, (), ends_at);
    }
}

impl Effect for Switch<Gate> {
    fn is_live(&self, now: Instant) -> bool {
        self.site.lock().contains(&self.id, now)
    }

    fn end(&self) {
        self.site.lock().remove(&self.id);
        self.site.released.notify_waiters();
    }
}
