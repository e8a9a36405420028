//! Lots that faults draw for requests and messages; not for secrets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A sequence of lots that follows from its seed.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The sequence of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(splitmix64(seed)))
    }

    fn next(&self) -> u64 {
        splitmix64(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// True for `percent` of the lots.
    #[must_use]
    pub fn takes(&self, percent: u64) -> bool {
        // The top bits: 2^32 lots are split into hundredths finely enough.
        percent >= 100 || (self.next() >> 32) * 100 < percent << 32
    }

    /// One of so many, from 0; 0 when there is none.
    #[must_use]
    pub fn one_of(&self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % count).unwrap_or(0)
    }

    /// From `-jitter` to `+jitter` around `middle`, each as likely.
    #[must_use]
    pub fn around(&self, middle: Duration, jitter: Duration) -> Duration {
        let span =
            u64::try_from(jitter.as_nanos()).map_or(u64::MAX, |nanos| nanos.saturating_mul(2));
        if span == 0 {
            return middle;
        }
        let above = Duration::from_nanos(self.next() % span.saturating_add(1));
        (middle + above).saturating_sub(jitter)
    }
}

/// Vigna's splitmix64 (<https://prng.di.unimi.it/splitmix64.c>): enough for lots.
const fn splitmix64(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lots a case: with 6 standard deviations of room, one case in 500 million fails by bad luck.
    const LOTS: u32 = 2_000;

    proptest! {
        #[test]
        fn a_share_is_met_within_what_chance_allows(seed: u64, percent in 1_u64..=100) {
            let chance = Chance::new(seed);
            let taken = (0..LOTS).filter(|_| chance.takes(percent)).count();
            let share = f64::from(u32::try_from(percent).expect("small")) / 100.0;
            let expected = f64::from(LOTS) * share;
            let room = 6.0 * (expected * (1.0 - share)).sqrt();
            let taken = f64::from(u32::try_from(taken).expect("small"));
            prop_assert!((taken - expected).abs() <= room, "{taken} for {expected}");
        }

        #[test]
        fn a_jitter_stays_within_its_bounds_and_is_on_both_sides(seed: u64, middle_ms in 1_u64..30_000, part in 1_u64..=100) {
            let chance = Chance::new(seed);
            let middle = Duration::from_millis(middle_ms);
            let jitter = middle * u32::try_from(part).expect("small") / 100;
            let drawn: Vec<Duration> = (0..100).map(|_| chance.around(middle, jitter)).collect();
            prop_assert!(drawn.iter().all(|drawn| (middle.saturating_sub(jitter)..=middle + jitter).contains(drawn)));
            prop_assert!(drawn.iter().any(|drawn| *drawn < middle) && drawn.iter().any(|drawn| *drawn > middle));
        }
    }

    #[test]
    fn without_a_jitter_it_is_the_middle() {
        let middle = Duration::from_millis(7);
        assert_eq!(Chance::new(1).around(middle, Duration::ZERO), middle);
    }
}
