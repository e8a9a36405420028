//! What is counted of requests between two samples: how many came, how they ended, how long they took.
//!
//! Invariant: what is kept of one window is bounded; a request is counted once when it comes and once when it ends.

/// Latencies kept of one window; of more the first are kept. A thousand a second is the most that the users of the shop ask for.
const KEPT_MAX: usize = 10_000;

/// One window.
#[derive(Debug, Default, Clone)]
pub(super) struct Meter {
    /// Began.
    pub(super) came: u32,
    /// Ended, and was told as a success or a failure.
    pub(super) done: u32,
    /// Of those, failures.
    pub(super) failed: u32,
    /// In milliseconds; also of those that were abandoned late.
    latencies_ms: Vec<f32>,
}

impl Meter {
    pub(super) fn ended(&mut self, took_ms: f64, failed: bool) {
        self.done += 1;
        self.failed += u32::from(failed);
        self.took(took_ms);
    }

    /// It has taken so long, whatever came of it.
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    pub(super) fn took(&mut self, took_ms: f64) {
        if self.latencies_ms.len() < KEPT_MAX {
            self.latencies_ms.push(took_ms as f32);
        }
    }

    /// See [`Meter::took`].
    pub(super) fn took_all(&mut self, took_ms: impl IntoIterator<Item = f64>) {
        for took in took_ms {
            self.took(took);
        }
    }

    /// The failures of what ended, in percent; NaN when nothing did.
    pub(super) fn error_percent(&self) -> f32 {
        #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
        let percent = (f64::from(self.failed) / f64::from(self.done) * 100.0) as f32;
        if self.done == 0 { f32::NAN } else { percent }
    }

    /// The latencies that so many of a hundred did not exceed (nearest rank); NaN where there are none.
    pub(super) fn quantiles<const N: usize>(&mut self, percents: [usize; N]) -> [f32; N] {
        self.latencies_ms.sort_unstable_by(f32::total_cmp);
        percents.map(|percent| {
            let rank = (self.latencies_ms.len() * percent).div_ceil(100);
            let index = rank.checked_sub(1);
            index
                .and_then(|index| self.latencies_ms.get(index))
                .copied()
                .unwrap_or(f32::NAN)
        })
    }

    /// Nothing was counted.
    pub(super) fn is_empty(&self) -> bool {
        self.came == 0 && self.latencies_ms.is_empty()
    }

    /// About so many requests came and were answered well, each after what `took_ms` says.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "some hundred"
    )]
    pub(super) fn pretend(&mut self, count: f64, mut took_ms: impl FnMut() -> f64) {
        for _ in 0..count.round() as u32 {
            self.came += 1;
            self.ended(took_ms(), false);
        }
    }

    /// A new window begins.
    pub(super) fn clear(&mut self) {
        (self.came, self.done, self.failed) = (0, 0, 0);
        self.latencies_ms.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_nearest_rank_and_nothing_is_not_zero() {
        let mut meter = Meter::default();
        assert!(meter.error_percent().is_nan() && meter.quantiles([50])[0].is_nan());
        for took in (1..=20).rev() {
            meter.came += 1;
            meter.ended(f64::from(took), took == 20);
        }
        assert_eq!(format!("{:?}", meter.quantiles([50, 95])), "[10.0, 19.0]");
        assert!((meter.error_percent() - 5.0).abs() < 1e-6);
        meter.clear();
        assert!(meter.quantiles([50])[0].is_nan());
    }
}
