//! The noise of a machine that is measured: cheap draws, of one stream a node, a few out of each word.
//!
//! Invariant: how many are drawn for a sample does not depend on what is measured, but on what there is to measure; so a fault in one
//! service does not change the noise of another node.

use crate::chance::{Chance, Purpose};

/// Draws of a quarter word each.
#[derive(Debug)]
pub(super) struct Noise {
    chance: Chance,
    word: u64,
    left: u8,
}

impl Noise {
    pub(super) fn new(seed: u64, key: u64) -> Self {
        Self {
            chance: Chance::stream(seed, Purpose::Noise, key),
            word: 0,
            left: 0,
        }
    }

    /// From 0 to below 1, in 65,536 steps.
    #[inline]
    pub(super) fn uniform(&mut self) -> f64 {
        if self.left == 0 {
            self.word = self.chance.bits();
            self.left = 4;
        }
        self.left -= 1;
        let part = self.word & 0xffff;
        self.word >>= 16;
        #[expect(clippy::cast_precision_loss, reason = "16 bits fit")]
        let part = part as f64;
        part * (1.0 / 65_536.0)
    }

    /// Around 0, with deviation 1 and never beyond 2.45: the difference of two uniform draws, stretched.
    #[inline]
    pub(super) fn around(&mut self) -> f64 {
        const STRETCH: f64 = 2.449_489_742_783_178; // sqrt(6)
        (self.uniform() - self.uniform()) * STRETCH
    }

    /// Around 1, never 0 or less: nearly log-normal with this deviation, by the first terms of its series.
    #[inline]
    pub(super) fn factor(&mut self, deviation: f64) -> f64 {
        near_log_normal(self.around() * deviation)
    }
}

/// Around 1, never 0 or less, as [`Noise::factor`], of a stream of its own.
pub(super) fn factor(chance: &mut Chance, deviation: f64) -> f64 {
    const STRETCH: f64 = 2.449_489_742_783_178; // sqrt(6)
    near_log_normal((chance.uniform() - chance.uniform()) * STRETCH * deviation)
}

/// The first terms of the exponential function, and never less than a twentieth.
fn near_log_normal(x: f64) -> f64 {
    (1.0 + x + 0.5 * x * x + x * x * x / 6.0).max(0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_positive_and_about_one() {
        let mut noise = Noise::new(7, 1);
        let drawn: Vec<f64> = (0..10_000).map(|_| noise.factor(0.5)).collect();
        let mean = drawn.iter().sum::<f64>() / 10_000.0;
        assert!((1.0..1.3).contains(&mean), "{mean}");
        assert!(drawn.iter().all(|factor| *factor > 0.0 && *factor < 4.0));
        let around: f64 = (0..10_000)
            .map(|_| noise.around())
            .map(|x| x * x)
            .sum::<f64>()
            / 10_000.0;
        assert!((around - 1.0).abs() < 0.1, "{around}");
    }
}
