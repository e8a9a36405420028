//! A histogram of latencies with fixed logarithmic buckets: nothing is allocated for a request, and a percentile is off
//! by at most 5 %.

use std::time::Duration;

/// Buckets for a doubling: their bounds are 9 % apart, and the middle is told.
const PER_DOUBLING: u32 = 8;
/// Everything below is one bucket.
const MIN_MICROS: f64 = 50.0;
/// 50 µs doubled 18 times is 13 s, more than a request may take.
const BUCKETS: usize = (18 * PER_DOUBLING) as usize + 1;

/// Counts of latencies.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: [u32; BUCKETS],
    total: u32,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
        }
    }
}

impl Histogram {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to the buckets that there are"
    )]
    pub(crate) fn add(&mut self, latency: Duration) {
        let micros = (latency.as_micros() as f64).max(MIN_MICROS);
        let bucket = (micros / MIN_MICROS).log2() * f64::from(PER_DOUBLING);
        let bucket = (bucket as usize).min(BUCKETS - 1);
        self.counts[bucket] = self.counts[bucket].saturating_add(1);
        self.total = self.total.saturating_add(1);
    }

    /// The latency in milliseconds that `quantile` (0 to 1) of the requests did not exceed; NaN without requests.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank within the total, a bucket within the buckets"
    )]
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f32 {
        if self.total == 0 {
            return f32::NAN;
        }
        let rank = (f64::from(self.total) * quantile).ceil().max(1.0) as u32;
        let mut seen = 0_u32;
        let reached = self.counts.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        let bucket = reached.unwrap_or(BUCKETS - 1) as f64 + 0.5;
        let micros = MIN_MICROS * (bucket / f64::from(PER_DOUBLING)).exp2();
        (micros / 1000.0) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_five_percent() {
        let mut histogram = Histogram::default();
        for micros in (1..=10_000_u64).map(|step| step * 100) {
            histogram.add(Duration::from_micros(micros));
        }
        for (quantile, truth) in [(0.5, 500.0_f32), (0.95, 950.0)] {
            let told = histogram.quantile_ms(quantile);
            assert!(
                (told / truth - 1.0).abs() < 0.05,
                "{quantile}: {told} for {truth}"
            );
        }
    }

    #[test]
    fn extremes_land_in_the_outer_buckets() {
        let mut histogram = Histogram::default();
        assert!(histogram.quantile_ms(0.5).is_nan());
        histogram.add(Duration::ZERO);
        assert!(histogram.quantile_ms(1.0) < 0.06);
        histogram.add(Duration::from_hours(1));
        assert!(histogram.quantile_ms(1.0) > 12_000.0);
    }
}
