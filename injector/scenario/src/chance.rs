//! Chance that is the same everywhere and forever for the same seed: `ChaCha8`, keyed by the seed, one stream for each use, so that one
//! use more does not change what another one draws.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// What is left to chance.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    /// Which node has which service.
    Layout,
    /// When the load's spike comes.
    Spike,
    /// The scenario of this number that is generated.
    Generator(u32),
    /// What the injection of this number hits.
    Target(u32),
}

pub(crate) struct Chance(ChaCha8Rng);

impl Chance {
    pub(crate) fn new(seed: u64, purpose: Use) -> Self {
        // The key is written out, so that it does not depend on how a library spreads a number over one.
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        let (kind, number) = match purpose {
            Use::Layout => (0, 0),
            Use::Spike => (1, 0),
            Use::Generator(number) => (2, number),
            Use::Target(number) => (3, number),
        };
        random.set_stream((kind << 32) | u64::from(number));
        Self(random)
    }

    /// 0 to `limit - 1`; 0 when there is nothing to choose from.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        // The high half of a wide product: even up to one part in 2^64 / limit, which nobody can tell.
        let product = u128::from(self.0.next_u64()) * u128::from(limit);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// Both ends included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True in so many cases of a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them; `None` when there is none.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.index(from.len()))
    }

    /// All of them in a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }

    fn index(&mut self, len: usize) -> usize {
        let limit = u64::try_from(len).unwrap_or(u64::MAX);
        usize::try_from(self.below(limit)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, purpose: Use) -> Vec<u64> {
        let mut chance = Chance::new(seed, purpose);
        (0..8).map(|_| chance.below(1000)).collect()
    }

    #[test]
    fn it_never_changes() {
        // Written down: whoever changes these changes every generated scenario and every choice of a target.
        assert_eq!(draw(7, Use::Layout), [764, 465, 5, 301, 386, 336, 354, 193]);
        assert_ne!(draw(7, Use::Layout), draw(8, Use::Layout));
        assert_ne!(draw(7, Use::Target(0)), draw(7, Use::Target(1)));
        assert_ne!(draw(7, Use::Generator(3)), draw(7, Use::Target(3)));
    }

    #[test]
    fn every_choice_comes_up_and_no_other() {
        let mut chance = Chance::new(1, Use::Spike);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[usize::try_from(chance.between(2, 6)).expect("small") - 2] += 1;
        }
        assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.pick::<u8>(&[]), None);
        let mut items: Vec<u32> = (0..20).collect();
        chance.shuffle(&mut items);
        assert_ne!(items, (0..20).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..20).collect::<Vec<_>>());
    }
}
