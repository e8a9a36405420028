//! What many runs say together: means, shares and differences, each with its 95 % confidence interval.
//!
//! Runs of one scenario resemble each other, so they count as one cluster: an interval over several scenarios is about scenarios of that
//! kind, not only about other seeds of these. docs/bench.md tells the formulas with their sources. Only + - * / and square roots are used, so
//! that the same runs give the same bytes everywhere. Absent on purpose: what is measured.

mod student;
mod wilson;

use serde::Serialize;

use student::t_975;
pub use wilson::Share;

/// Of fewer values no interval is told: t of one degree of freedom is 12.7, so two give one that says nothing.
pub const TOLD_MIN: usize = 3;

/// A mean with its spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Values.
    pub n: usize,
    /// Scenarios that they are of.
    pub scenarios: usize,
    /// Of the scenarios' means: each scenario weighs the same.
    pub mean: f64,
    /// The mean's 95 % confidence interval; null where there are fewer than [`TOLD_MIN`] values or scenarios to tell from.
    pub low: Option<f64>,
    /// Its other end.
    pub high: Option<f64>,
    /// Half of the values are at most this.
    pub median: f64,
    /// 95 of a hundred values are at most this.
    pub p95: f64,
}

impl Estimate {
    /// With an interval that holds no value that cannot be.
    pub(crate) fn within(self, (least, most): (f64, f64)) -> Self {
        Self {
            low: self.low.map(|low| low.max(least)),
            high: self.high.map(|high| high.min(most)),
            ..self
        }
    }

    /// Of values by scenario; `None` without any.
    pub(crate) fn of(by_scenario: &[Vec<f64>]) -> Option<Self> {
        let groups: Vec<&Vec<f64>> = by_scenario
            .iter()
            .filter(|group| !group.is_empty())
            .collect();
        let mut all: Vec<f64> = groups
            .iter()
            .flat_map(|group| group.iter().copied())
            .collect();
        all.sort_by(f64::total_cmp);
        let means: Vec<f64> = groups.iter().map(|group| mean(group)).collect();
        let half = match groups.as_slice() {
            [] => return None,
            [one] => half_width(one),
            _ => half_width(&means),
        };
        let mean = mean(&means);
        Some(Self {
            n: all.len(),
            scenarios: groups.len(),
            mean,
            low: half.map(|half| mean - half),
            high: half.map(|half| mean + half),
            median: quantile(&all, 50),
            p95: quantile(&all, 95),
        })
    }

    /// The interval lies on one side of zero: the difference is more than chance is likely to make.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        let one_side = |(low, high): (f64, f64)| low > 0.0 || high < 0.0;
        self.low.zip(self.high).is_some_and(one_side)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / count(values.len())
}

/// Of the 95 % confidence interval of the values' mean (Student); `None` for fewer than [`TOLD_MIN`] values.
fn half_width(values: &[f64]) -> Option<f64> {
    if values.len() < TOLD_MIN {
        return None;
    }
    let freedom = values.len() - 1;
    let mean = mean(values);
    let squares: f64 = values
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    let deviation = (squares / count(freedom)).sqrt();
    Some(t_975(freedom) * deviation / count(values.len()).sqrt())
}

/// The smallest value that so many percent do not exceed (nearest rank). The values are sorted.
pub(crate) fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// As a number; exact for anything that fits into a memory.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of runs are far below 2^53"
)]
pub(crate) const fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-3, "{left} is not {right}");
    }

    #[test]
    fn the_interval_of_one_scenario_is_students() {
        // By hand: mean 5, standard deviation sqrt(10), t(4) = 2.776.
        let estimate = Estimate::of(&[vec![1.0, 3.0, 5.0, 7.0, 9.0]]).expect("values");
        close(estimate.mean, 5.0);
        close(
            estimate.high.expect("five values"),
            5.0 + 2.776 * 10f64.sqrt() / 5f64.sqrt(),
        );
        close(
            estimate.low.expect("five values") + estimate.high.expect("five"),
            10.0,
        );
        close(estimate.median, 5.0);
        close(estimate.p95, 9.0);
    }

    #[test]
    fn runs_of_one_scenario_are_not_independent() {
        // Three scenarios, each without any spread: a hundred seeds more teach nothing about a fourth scenario.
        let few = Estimate::of(&[vec![1.0; 2], vec![3.0; 2], vec![5.0; 2]]).expect("values");
        let many = Estimate::of(&[vec![1.0; 100], vec![3.0; 100], vec![5.0; 100]]).expect("values");
        assert_eq!((few.low, few.high), (many.low, many.high));
        // By hand: standard deviation 2, t(2) = 4.303.
        close(
            few.high.expect("three scenarios"),
            3.0 + 4.303 * 2.0 / 3f64.sqrt(),
        );
        assert!(!few.is_clear());
    }

    #[test]
    fn an_interval_is_of_what_can_be() {
        let two = Estimate::of(&[vec![4.0, 9.0]]).expect("values");
        assert_eq!((two.low, two.high), (None, None));
        let wide = Estimate::of(&[vec![1.0, 60.0, 99.0]]).expect("values");
        assert!(wide.low < Some(0.0) && wide.high > Some(100.0));
        let told = wide.within((0.0, 100.0));
        assert_eq!((told.low, told.high), (Some(0.0), Some(100.0)));
    }

    #[test]
    fn a_single_value_has_no_interval_and_none_has_no_mean() {
        let one = Estimate::of(&[vec![4.0], vec![]]).expect("a value");
        assert_eq!((one.mean, one.low, one.high), (4.0, None, None));
        assert!(!one.is_clear());
        assert_eq!(Estimate::of(&[vec![], vec![]]), None);
    }

    #[test]
    fn values_without_spread_have_an_interval_without_width() {
        let same = Estimate::of(&[vec![2.0; 5]]).expect("values");
        assert_eq!((same.low, same.high), (Some(2.0), Some(2.0)));
        assert!(same.is_clear());
    }

    #[test]
    fn quantiles_are_values() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        close(quantile(&values, 50), 10.0);
        close(quantile(&values, 95), 19.0);
        close(quantile(&values, 100), 20.0);
        close(quantile(&values[..1], 5), 1.0);
    }
}
