//! A line of limited rate, as arithmetic: when what is sent now has passed. Pure.
//!
//! Invariants: what was sent earlier passes earlier; over any time no more passes than the rate allows; what would wait for longer than
//! [`BACKLOG_MAX`] is not taken.

use std::time::Duration;

use arena_proto::Timestamp;

use super::REQUEST_TIMEOUT;

/// What waits for longer finds nobody who waits for it.
pub const BACKLOG_MAX: Duration = REQUEST_TIMEOUT;

/// See the module.
#[derive(Debug)]
pub struct Line {
    bytes_per_second: u64,
    /// Until then it is busy with what was taken.
    free_at: Timestamp,
}

impl Line {
    /// A line that is free.
    #[must_use]
    pub const fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            free_at: Timestamp::EPOCH,
        }
    }

    /// When so many bytes that are sent now are through; `None` when too many wait before them.
    pub fn send(&mut self, now: Timestamp, bytes: u64) -> Option<Timestamp> {
        let begins = self.free_at.max(now);
        if begins.saturating_since(now) > BACKLOG_MAX {
            return None;
        }
        // Rounded up, so that many small pieces are no faster than one big one.
        let nanos =
            (u128::from(bytes) * 1_000_000_000).div_ceil(u128::from(self.bytes_per_second.max(1)));
        self.free_at = begins + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(self.free_at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_more_passes_than_the_rate_allows_and_in_order(
            kib in 1_u64..=102_400,
            sends in prop::collection::vec((0_u64..200_000, 1_u64..20_000), 1..200),
        ) {
            let rate = kib * 1024;
            let mut line = Line::new(rate);
            let (mut now, mut passed, mut last) = (Timestamp::EPOCH, 0_u128, Timestamp::EPOCH);
            for (micros, bytes) in sends {
                now = now + Duration::from_micros(micros);
                match line.send(now, bytes) {
                    Some(through) => {
                        prop_assert!(through >= last && through > now);
                        passed += u128::from(bytes);
                        let elapsed = through.saturating_since(Timestamp::EPOCH).as_nanos();
                        prop_assert!(passed * 1_000_000_000 <= elapsed * u128::from(rate));
                        last = through;
                    }
                    None => prop_assert!(last.saturating_since(now) > BACKLOG_MAX),
                }
            }
        }

        #[test]
        fn a_line_that_is_free_takes_exactly_its_time(kib in 1_u64..=1024, bytes in 1_u64..100_000) {
            let now = Timestamp::EPOCH + Duration::from_secs(9);
            let through = Line::new(kib * 1024).send(now, bytes).expect("free");
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(kib * 1024);
            let took = through.saturating_since(now).as_nanos();
            prop_assert!(took >= nanos && took <= nanos + 1);
        }
    }

    #[test]
    fn what_would_wait_for_too_long_is_not_taken_and_costs_nothing() {
        let mut line = Line::new(1024);
        let now = Timestamp::EPOCH;
        assert!(line.send(now, 1024 * 11).is_some());
        assert_eq!(line.send(now, 1), None);
        let later = now + Duration::from_secs(2);
        assert_eq!(line.send(later, 1024), Some(now + Duration::from_secs(12)));
    }
}
