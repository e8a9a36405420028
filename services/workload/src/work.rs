//! What a request costs in CPU: the same time on any machine and in any build.

use std::hint::black_box;
use std::time::Duration;

use crate::clock;

/// Enough to be a real share of a request, small enough that twenty checkouts a second through all roles stay below
/// two percent of a core.
const COST: Duration = Duration::from_micros(100);
/// Rounds of one calibration run: some tens of microseconds in a release build.
const CALIBRATION_ROUNDS: u32 = 20_000;
/// The fastest of this many runs counts: the others were disturbed.
const CALIBRATION_RUNS: u32 = 5;
/// Bounds the result, should the clock jump while it is measured.
const ROUNDS_MAX: u128 = 10_000_000;

/// A fixed number of hashing rounds.
pub(crate) struct Work {
    rounds: u32,
}

impl Work {
    /// Measures how many rounds this machine and build do in 100 microseconds. Takes about a millisecond.
    pub(crate) fn calibrate() -> Self {
        let fastest = (0..CALIBRATION_RUNS)
            .map(|_| {
                let begin = clock::now();
                black_box(hash(1, CALIBRATION_ROUNDS));
                clock::now().saturating_duration_since(begin)
            })
            .min()
            .unwrap_or(COST)
            .max(Duration::from_nanos(1));
        let rounds = u128::from(CALIBRATION_ROUNDS) * COST.as_nanos() / fastest.as_nanos();
        Self {
            rounds: u32::try_from(rounds.clamp(1, ROUNDS_MAX)).unwrap_or(CALIBRATION_ROUNDS),
        }
    }

    /// Does the work of one request.
    pub(crate) fn spend(&self, seed: u64) {
        black_box(hash(black_box(seed), self.rounds));
    }
}

/// Burns one core for some tens of microseconds.
pub(crate) fn burn(seed: u64) {
    black_box(hash(black_box(seed), CALIBRATION_ROUNDS));
}

fn hash(seed: u64, rounds: u32) -> u64 {
    let mut random = SplitMix(seed);
    (0..rounds).fold(0, |hash, _| hash ^ random.next())
}

/// `SplitMix64` (<https://prng.di.unimi.it/splitmix64.c>): the same seed gives the same numbers everywhere.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SplitMix(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            numbers,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn work_is_bounded() {
        let work = Work::calibrate();
        assert!((1..=10_000_000).contains(&work.rounds));
    }
}
