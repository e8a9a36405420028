//! Chance that a seed decides: the same numbers on every machine and in every version.

use std::time::Duration;

/// A source of numbers: `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). Good enough to choose
/// by; nothing secret rests on it.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The numbers of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Both ends are possible. With `max` below `min`: `min`.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        let span = u128::from(max.saturating_sub(min)) + 1;
        // The high half of the product: its bias is below span / 2^64.
        let drawn = (u128::from(self.next()) * span) >> 64;
        min + u64::try_from(drawn).unwrap_or(0)
    }

    /// One of these; `None` when there are none.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(all.len().checked_sub(1)?).unwrap_or(u64::MAX);
        all.get(usize::try_from(self.between(0, last)).unwrap_or(0))
    }

    /// So often in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    /// A pause before something that happens at any time with the same chance: exponential, by inversion. Between a quarter of the
    /// mean and four times it, so that no pause is none and none is an evening. Whole milliseconds.
    pub fn pause(&mut self, mean: Duration) -> Duration {
        // 53 bits, as many as a double tells apart, shifted into (0, 1].
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
        let share = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let drawn = mean.mul_f64((-libm::log(share)).clamp(0.25, 4.0));
        Duration::from_millis(u64::try_from(drawn.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same() {
        let draw = |seed| -> Vec<u64> {
            let mut chance = Chance::new(seed);
            (0..8).map(|_| chance.between(1, 6)).collect()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        // The first number of seed 0 in the reference implementation.
        assert_eq!(Chance::new(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn every_number_of_the_range_comes_and_no_other() {
        let mut chance = Chance::new(1);
        let mut seen = [0; 6];
        for _ in 0..6000 {
            let face = usize::try_from(chance.between(1, 6)).unwrap_or(0);
            seen[face - 1] += 1;
        }
        assert!(
            seen.iter().all(|count| (900..1100).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn pauses_have_their_mean_and_their_ends() {
        let mean = Duration::from_secs(20);
        let mut chance = Chance::new(1);
        let pauses: Vec<Duration> = (0..10_000).map(|_| chance.pause(mean)).collect();
        assert!(
            pauses
                .iter()
                .all(|pause| (mean / 4..=mean * 4).contains(pause))
        );
        let sum: Duration = pauses.iter().sum();
        // Cut at both ends, the mean is 1.01 of what was asked for.
        assert!((mean.mul_f64(0.95)..mean.mul_f64(1.07)).contains(&(sum / 10_000)));
    }
}
