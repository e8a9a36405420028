//! A party's own clock: off by a constant, and faster or slower by a constant.
//!
//! Invariant: it never goes back; [`Clock::when`] is the first moment at which it shows a time.

use arena_proto::Timestamp;

use super::Skew;
use crate::chance::Chance;

/// Parts of a million.
const MILLION: i128 = 1_000_000;
/// No clock that people use drifts by more; it must stay far below a million.
const DRIFT_PPM_MAX: i64 = 1_000;

/// A clock. The default one is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    began: Timestamp,
    offset_nanos: i64,
    drift_ppm: i64,
}

impl Clock {
    /// A clock that began to be off as it is at `began`.
    #[must_use]
    pub fn new(began: Timestamp, skew: &Skew, chance: &mut Chance) -> Self {
        let offset_ms = skew
            .offset_ms
            .saturating_add(around(skew.offset_spread_ms, chance));
        let drift = i64::from(skew.drift_ppm) + around(u64::from(skew.drift_spread_ppm), chance);
        Self {
            began,
            offset_nanos: offset_ms.saturating_mul(1_000_000),
            drift_ppm: drift.clamp(-DRIFT_PPM_MAX, DRIFT_PPM_MAX),
        }
    }

    /// Whether it is right at any time.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.offset_nanos == 0 && self.drift_ppm == 0
    }

    /// What it shows at a time.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Timestamp {
        if self.is_right() {
            return now;
        }
        let since = i128::from(now.unix_nanos()) - i128::from(self.began.unix_nanos());
        let drifted = (since * i128::from(self.drift_ppm)).div_euclid(MILLION);
        let shown = i128::from(now.unix_nanos()) + i128::from(self.offset_nanos) + drifted;
        timestamp(shown)
    }

    /// The first moment at which it shows this time.
    #[must_use]
    pub fn when(&self, shown: Timestamp) -> Timestamp {
        if self.is_right() {
            return shown;
        }
        let began = i128::from(self.began.unix_nanos());
        let since = i128::from(shown.unix_nanos()) - i128::from(self.offset_nanos) - began;
        let guess = began + (since * MILLION).div_euclid(MILLION + i128::from(self.drift_ppm));
        // Rounding makes the guess wrong by a nanosecond or two, either way.
        let mut when = timestamp(guess - 2);
        while self.at(when) < shown && when < timestamp(i128::from(i64::MAX)) {
            when = timestamp(i128::from(when.unix_nanos()) + 1);
        }
        when
    }
}

/// From `-spread` to `spread`, each as likely.
fn around(spread: u64, chance: &mut Chance) -> i64 {
    let drawn = chance.below(spread.saturating_mul(2).saturating_add(1));
    i64::try_from(drawn).unwrap_or(i64::MAX) - i64::try_from(spread).unwrap_or(i64::MAX)
}

fn timestamp(nanos: i128) -> Timestamp {
    let limit = if nanos < 0 { i64::MIN } else { i64::MAX };
    Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap_or(limit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chance::Purpose;

    proptest! {
        #[test]
        fn it_never_goes_back_and_when_is_the_first_moment(
            seed: u64,
            offset_ms in -100_000_i64..100_000,
            drift_ppm in -2_000_i32..2_000,
            now in 0_i64..100_000_000_000_000,
            step in 0_i64..10_000,
        ) {
            let skew = Skew { offset_ms, offset_spread_ms: 50, drift_ppm, drift_spread_ppm: 10 };
            let began = Timestamp::from_unix_nanos(1_000_000_000_000);
            let clock = Clock::new(began, &skew, &mut Chance::stream(seed, Purpose::Clock, 0));
            let at = |nanos| clock.at(Timestamp::from_unix_nanos(nanos));
            prop_assert!(at(now) <= at(now + step));
            let shown = at(now);
            let when = clock.when(shown);
            prop_assert!(clock.at(when) >= shown);
            prop_assert!(clock.at(Timestamp::from_unix_nanos(when.unix_nanos() - 1)) < shown);
        }
    }
}
