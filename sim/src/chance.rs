//! Chance: streams of numbers that follow from a seed, one for each purpose and each thing that it is about, so that one more draw here,
//! or one more node there, never shifts another stream.
//!
//! Absent on purpose: chance of the operating system. Invariant, held by a golden test: a stream never changes from one build to the next;
//! for that, its generator is named (xoshiro256++), its start is ours ([`Chance::stream`]), and only `libm` computes what the standard
//! library leaves to the machine.

use std::time::Duration;

use arena_proto::fnv1a;
use rand_core::{Rng as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What a stream of chance is for. Its number goes into the stream: one that was given is never given again, and new ones are added at the
/// end, so that no stream changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u64)]
pub enum Purpose {
    /// The noise of what a node measures. Key: the node.
    Noise = 1,
    /// How many users come, and when. Key: the group of users.
    Users = 2,
    /// How long a service takes to start, and to warm up. Key: the service.
    Start = 3,
    /// Whether an action succeeds, and how long it takes. Key: the service.
    Action = 4,
    /// What happens by itself in a service: requests that fail, memory that leaks. Key: the service.
    Service = 5,
    /// What happens to messages on their way to the bus. Key: the party.
    LinkOut = 6,
    /// What happens to messages on their way from the bus. Key: the party.
    LinkIn = 7,
    /// Partitions of parties, and restarts of the bus. Key: the party; of the bus itself `u64::MAX`.
    Cut = 8,
    /// How far a party's clock is off. Key: the party.
    Clock = 9,
    /// When in a second a node samples, and a service is probed. Key: the node.
    Phase = 10,
    /// The telemetry faults of a node's agent. Key: the node.
    Telemetry = 11,
    /// The boot ids of agents, and other ids that tell one run of a program from the next. Key: the party.
    Boot = 12,
    /// What an injector's villain draws. Key: 0.
    Villain = 13,
    /// What a policy that heals draws. Key: the policy's own.
    Policy = 14,
    /// Layouts and scenarios that are generated. Key: the generator's own.
    Generate = 15,
    /// Resampling, for intervals of statistics. Key: the statistic.
    Bootstrap = 16,
    /// The effects of faults. Key: the fault's.
    Fault = 17,
    /// For tests. Key: the test's own.
    Test = 18,
}

/// A stream of chance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// The stream of a run's seed, for a purpose, about one thing (an index, or [`key`] of a name).
    #[must_use]
    pub fn stream(seed: u64, purpose: Purpose, key: u64) -> Self {
        // Each word is well mixed with the next, so that neighbouring seeds and keys have nothing in common.
        let mixed = mix(mix(mix(seed) ^ purpose as u64) ^ key);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// 64 bits, each as likely.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 to below 1, each multiple of 2^-53 as likely.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        // The top bits: the number of bits that an f64 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
        let bits = (self.bits() >> 11) as f64;
        bits * (1.0 / 9_007_199_254_740_992.0)
    }

    /// From `least` to below `most`.
    #[inline]
    pub fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.uniform()
    }

    /// True in so many of a hundred cases; 0 and less: never, 100 and more: always. Draws in every case.
    #[inline]
    pub fn percent(&mut self, percent: f64) -> bool {
        self.uniform() * 100.0 < percent
    }

    /// Below `count`, each as likely; 0 when there is none. The bias of a multiplication in place of a division is below 2^-32 for
    /// counts below 2^32.
    #[inline]
    pub fn below(&mut self, count: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(count);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// From zero to below `most`, in whole nanoseconds.
    #[inline]
    pub fn duration(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.below(nanos))
    }

    /// Exponential with this mean: the time between events that know nothing of each other.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        // 1 - u is never 0.
        -mean * libm::log(1.0 - self.uniform())
    }

    /// As [`Chance::exponential`], as a time.
    pub fn exponential_time(&mut self, mean: Duration) -> Duration {
        Duration::try_from_secs_f64(self.exponential(mean.as_secs_f64())).unwrap_or(Duration::MAX)
    }

    /// Nearly normal with mean 0 and deviation 1, and never beyond 3: the sum of twelve 16-bit draws (Irwin and Hall), out of three
    /// words, kept within bounds. For noise, which must be cheap and must not have tails that a machine does not have.
    #[inline]
    pub fn noise(&mut self) -> f64 {
        const TERMS: f64 = 12.0;
        const STEPS: f64 = 65_536.0;
        let mut sum = 0_u32;
        for _ in 0..3 {
            let word = self.bits();
            for part in 0..4 {
                #[expect(clippy::cast_possible_truncation, reason = "16 bits of it")]
                let term = (word >> (16 * part)) as u16;
                sum += u32::from(term);
            }
        }
        // Of twelve uniform draws the variance is 1; each is half a step low.
        let noise = (f64::from(sum) + TERMS / 2.0) / STEPS - TERMS / 2.0;
        noise.clamp(-3.0, 3.0)
    }

    /// One of them; `None` when there is none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(from.len() as u64)).ok()?;
        from.get(index)
    }

    /// Any order of them is as likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = usize::try_from(self.below(end as u64 + 1)).unwrap_or(end);
            items.swap(end, other);
        }
    }
}

/// The key of a thing that has a name and no index.
#[must_use]
pub fn key(name: &str) -> u64 {
    fnv1a(name.bytes())
}

/// The finalizer of splitmix64 (<https://prng.di.unimi.it/splitmix64.c>).
const fn mix(word: u64) -> u64 {
    let z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    fn test(seed: u64) -> Chance {
        Chance::stream(seed, Purpose::Test, 0)
    }

    /// Should this fail, every run that was ever recorded plays otherwise.
    #[test]
    fn a_stream_never_changes() {
        let mut chance = Chance::stream(42, Purpose::Noise, 7);
        let words: Vec<u64> = (0..4).map(|_| chance.bits()).collect();
        expect![[r#"
            [
                8992836111749503819,
                4499460498287612655,
                12186789821018215111,
                9099446139465468998,
            ]
        "#]]
        .assert_debug_eq(&words);
        let drawn = (
            chance.uniform().to_bits(),
            chance.exponential(1.0).to_bits(),
            chance.noise().to_bits(),
            chance.below(1000),
            chance.duration(Duration::from_secs(1)),
        );
        expect![[r#"
            (
                4604513626402227592,
                4621066033345527104,
                4604232291663740928,
                814,
                291.235969ms,
            )
        "#]]
        .assert_debug_eq(&drawn);
        let mut order: Vec<u8> = (0..8).collect();
        chance.shuffle(&mut order);
        expect![[r#"
            "[7, 6, 3, 1, 4, 5, 2, 0]"
        "#]]
        .assert_debug_eq(&format!("{order:?}"));
    }

    #[test]
    fn neighbours_have_nothing_in_common() {
        let mut firsts = std::collections::BTreeSet::new();
        for seed in 0..20 {
            for purpose in [Purpose::Noise, Purpose::Users, Purpose::Start] {
                for key in 0..20 {
                    firsts.insert(Chance::stream(seed, purpose, key).bits() >> 32);
                }
            }
        }
        assert_eq!(firsts.len(), 20 * 3 * 20);
    }

    /// Draws a case. With six deviations of room a case in 500 million fails by bad luck.
    const DRAWS: u32 = 20_000;

    fn mean(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let drawn: Vec<f64> = (0..DRAWS).map(|_| draw()).collect();
        let mean = drawn.iter().sum::<f64>() / f64::from(DRAWS);
        let squares = drawn.iter().map(|value| (value - mean) * (value - mean));
        (mean, squares.sum::<f64>() / f64::from(DRAWS))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn draws_are_spread_as_they_should_be(seed: u64) {
            let room = |variance: f64| 6.0 * (variance / f64::from(DRAWS)).sqrt();
            let mut chance = test(seed);
            let (uniform, _) = mean(|| chance.uniform());
            prop_assert!((uniform - 0.5).abs() < room(1.0 / 12.0), "uniform {}", uniform);
            let (exponential, _) = mean(|| chance.exponential(2.0));
            prop_assert!((exponential - 2.0).abs() < room(4.0), "exponential {}", exponential);
            let (noise, variance) = mean(|| chance.noise());
            prop_assert!(noise.abs() < room(1.0), "noise {}", noise);
            prop_assert!((variance - 1.0).abs() < 0.1, "variance {}", variance);
            let (share, _) = mean(|| f64::from(u8::from(chance.percent(30.0))));
            prop_assert!((share - 0.3).abs() < room(0.21), "percent {}", share);
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let (below, _) = mean(|| chance.below(7) as f64);
            prop_assert!((below - 3.0).abs() < room(4.0), "below {}", below);
        }

        #[test]
        fn draws_keep_their_bounds(seed: u64, count in 0_u64..10) {
            let mut chance = test(seed);
            for _ in 0..200 {
                prop_assert!((0.0..1.0).contains(&chance.uniform()));
                prop_assert!(chance.below(count) < count.max(1));
                prop_assert!(chance.noise().abs() <= 3.0);
                prop_assert!(chance.exponential(1.0) >= 0.0);
                prop_assert!(!chance.percent(0.0) && chance.percent(100.0));
            }
        }

        #[test]
        fn a_shuffle_loses_nothing(seed: u64, count in 0_usize..50) {
            let mut items: Vec<usize> = (0..count).collect();
            test(seed).shuffle(&mut items);
            items.sort_unstable();
            prop_assert!(items.iter().copied().eq(0..count));
        }
    }
}
