//! The one place that reads the time.
//!
//! Invariant: within a process time never runs backwards, whichever [`Clock`] is asked. It is the wall clock, read once
//! at the first use, carried on by the monotonic clock; so a wall clock that is set back does not turn durations
//! negative. Where the wall clock gets ahead (a laptop slept, and the monotonic clock with it), time jumps forward to it:
//! deadlines are compared between processes, some of which started after the sleep.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arena_proto::Timestamp;

/// How far the wall clock may get ahead before time jumps to it: more than NTP's slewing adds up to over days, less than
/// the shortest deadline of a command.
const AHEAD_MAX: Duration = Duration::from_secs(1);

/// The time of this process. All clocks of a process agree.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock(());

struct Anchor {
    started: Instant,
    /// Wall time at `started`, in nanoseconds since the Unix epoch; only ever grows.
    started_at: AtomicI64,
}

static ANCHOR: OnceLock<Anchor> = OnceLock::new();

impl Clock {
    /// The clock of this process.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// The time now: wall time that never runs backwards within this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        let anchor = ANCHOR.get_or_init(|| Anchor {
            started: Instant::now(),
            started_at: AtomicI64::new(unix_nanos(SystemTime::now())),
        });
        anchor.at(anchor.started.elapsed(), unix_nanos(SystemTime::now()))
    }

    /// Sleeps until `at`; returns at once when that has passed.
    pub async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = at.saturating_since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Anchor {
    /// The time when `elapsed` has passed by the monotonic clock and the wall clock says `wall`.
    fn at(&self, elapsed: Duration, wall: i64) -> Timestamp {
        let elapsed = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        let ahead_max = i64::try_from(AHEAD_MAX.as_nanos()).unwrap_or(i64::MAX);
        let wall_at_start = wall.saturating_sub(elapsed);
        let mut started_at = self.started_at.load(Ordering::Acquire);
        if wall_at_start.saturating_sub(started_at) > ahead_max {
            started_at = self
                .started_at
                .fetch_max(wall_at_start, Ordering::AcqRel)
                .max(wall_at_start);
        }
        Timestamp::from_unix_nanos(started_at.saturating_add(elapsed))
    }
}

fn unix_nanos(wall: SystemTime) -> i64 {
    let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn anchor() -> Anchor {
        Anchor {
            started: Instant::now(),
            started_at: AtomicI64::new(1_000 * SECOND),
        }
    }

    #[test]
    fn time_passes_by_the_monotonic_clock_when_the_wall_clock_is_set_back() {
        let anchor = anchor();
        let before = anchor.at(Duration::from_secs(5), 1_005 * SECOND);
        let after = anchor.at(Duration::from_secs(6), 500 * SECOND);
        assert_eq!(before, Timestamp::from_unix_nanos(1_005 * SECOND));
        assert_eq!(after, Timestamp::from_unix_nanos(1_006 * SECOND));
    }

    #[test]
    fn time_jumps_forward_to_a_wall_clock_that_got_ahead_and_stays_there() {
        let anchor = anchor();
        let woke = anchor.at(Duration::from_secs(5), 4_605 * SECOND);
        let later = anchor.at(Duration::from_secs(6), 4_600 * SECOND);
        assert_eq!(woke, Timestamp::from_unix_nanos(4_605 * SECOND));
        assert_eq!(later, Timestamp::from_unix_nanos(4_606 * SECOND));
    }

    #[test]
    fn a_slewed_wall_clock_does_not_move_the_time() {
        let now = anchor().at(Duration::from_secs(5), 1_005 * SECOND + SECOND / 2);
        assert_eq!(now, Timestamp::from_unix_nanos(1_005 * SECOND));
    }

    #[tokio::test]
    async fn sleeping_ends_after_the_time_asked_for() {
        let clock = Clock::new();
        let at = clock.now() + Duration::from_millis(5);
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
        clock.sleep_until(at).await;
    }
}
