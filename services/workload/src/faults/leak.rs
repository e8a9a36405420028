//! What the three leaks have in common: a thread that takes more and more of something, keeps it, and gives it back at the end.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Effect;
use crate::clock;

/// Between two helpings: often enough that the growth is steady at a reading a second.
const STEP: Duration = Duration::from_millis(100);

/// What is taken. Dropped, it has given all back.
pub(super) trait Hoard: Send + 'static {
    /// Takes `count` more, or as many as can be had; the error says why there are no more, and ends the growth.
    fn take(&mut self, count: u64) -> io::Result<()>;
}

/// How fast, and how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growth {
    /// A second.
    pub(super) rate: u64,
    /// In all.
    pub(super) ceiling: u64,
}

/// The thread that holds the hoard.
pub(super) struct Leak {
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Leak {
    /// Grows from now on and holds until `ends_at`. The thread has the fault's name.
    pub(super) fn start(
        name: &'static str,
        growth: Growth,
        ends_at: Instant,
        hoard: impl Hoard,
    ) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let asked = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || hold(name, growth, ends_at, hoard, &asked))?;
        Ok(Self { stop, thread })
    }
}

impl Effect for Leak {
    fn is_live(&self, _: Instant) -> bool {
        !self.thread.is_finished()
    }

    fn end(&self) {
        *self
            .stop
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
    }
}

/// Returns when all was given back.
fn hold(name: &str, growth: Growth, ends_at: Instant, mut hoard: impl Hoard, stop: &Stop) {
    let begin = clock::now();
    let mut taken = 0;
    let mut ceiling = growth.ceiling;
    loop {
        let now = clock::now();
        let due = growth
            .due(now.saturating_duration_since(begin))
            .min(ceiling);
        if let Err(error) = hoard.take(due.saturating_sub(taken)) {
            eprintln!("{name} grows no more: {error}");
            ceiling = 0;
        }
        taken = taken.max(due);
        let left = ends_at.saturating_duration_since(now);
        let pause = if taken < ceiling {
            left.min(STEP)
        } else {
            left
        };
        if pause.is_zero() || stop.within(pause) {
            return;
        }
    }
}

impl Growth {
    fn due(self, since: Duration) -> u64 {
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        (self.rate.saturating_mul(millis) / 1000).min(self.ceiling)
    }
}

impl Stop {
    /// Waits so long at most, and tells whether the end was asked for.
    fn within(&self, pause: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, _) = self
            .changed
            .wait_timeout_while(asked, pause, |asked| !*asked)
            .unwrap_or_else(PoisonError::into_inner);
        *asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_steadily_to_its_ceiling() {
        let growth = Growth {
            rate: 50,
            ceiling: 120,
        };
        let due = |millis| growth.due(Duration::from_millis(millis));
        assert_eq!(
            [0, 19, 20, 1000, 2400, 999_999].map(due),
            [0, 0, 1, 50, 120, 120]
        );
    }
}
