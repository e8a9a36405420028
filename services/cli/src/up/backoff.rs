//! When to start a component again that ended by itself. Pure: time is an argument.

use std::time::Duration;

use arena_proto::Timestamp;

/// Most ends are one-off (a crash, a kill by hand): the first restart is nearly at once.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// Often enough that a mended cause is noticed soon, seldom enough to cost nothing.
const DELAY_MAX: Duration = Duration::from_secs(10);

/// A component that ran for so long has started well; its next end is a new story.
const STABLE: Duration = Duration::from_secs(30);

/// So many ends in a row, a good minute with the delays, will not become a start by trying on.
const ATTEMPTS_MAX: u32 = 10;

/// What to do about an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again.
    Again {
        /// After this long.
        after: Duration,
        /// The how-manieth start in a row this will be, from 1.
        attempt: u32,
    },
    /// Leave it.
    GiveUp,
}

/// The history of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    started_at: Timestamp,
    ends_in_a_row: u32,
}

impl Backoff {
    /// It was started for the first time.
    pub(crate) const fn new(now: Timestamp) -> Self {
        Self {
            started_at: now,
            ends_in_a_row: 0,
        }
    }

    /// It was started again.
    pub(crate) const fn started(&mut self, now: Timestamp) {
        self.started_at = now;
    }

    /// It ended, or could not be started.
    pub(crate) fn ended(&mut self, now: Timestamp) -> Verdict {
        if now.saturating_since(self.started_at) >= STABLE {
            self.ends_in_a_row = 0;
        }
        self.ends_in_a_row += 1;
        if self.ends_in_a_row > ATTEMPTS_MAX {
            return Verdict::GiveUp;
        }
        let doublings = self.ends_in_a_row - 1;
        Verdict::Again {
            after: FIRST_DELAY.saturating_mul(1 << doublings).min(DELAY_MAX),
            attempt: self.ends_in_a_row,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(milliseconds)
    }

    #[test]
    fn the_delay_doubles_up_to_its_bound_and_then_nothing_more_is_tried() {
        let mut backoff = Backoff::new(at(0));
        let delays: Vec<u128> = std::iter::from_fn(|| match backoff.ended(at(1)) {
            Verdict::Again { after, .. } => Some(after.as_millis()),
            Verdict::GiveUp => None,
        })
        .collect();
        assert_eq!(
            delays,
            [
                200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 10_000
            ]
        );
    }

    #[test]
    fn stable_uptime_wipes_the_slate_and_short_uptime_does_not() {
        let first = Verdict::Again {
            after: FIRST_DELAY,
            attempt: 1,
        };
        let mut backoff = Backoff::new(at(0));
        assert_eq!(backoff.ended(at(10)), first);
        backoff.started(at(1_000));
        let Verdict::Again { attempt, .. } = backoff.ended(at(30_999)) else {
            panic!("gave up")
        };
        assert_eq!(attempt, 2);
        backoff.started(at(40_000));
        assert_eq!(backoff.ended(at(70_000)), first);
    }
}
