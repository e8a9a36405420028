//! How numbers are spread: the middle, and what almost all stay below.

use arena_proto::Spread;

use crate::facts::rounded;

/// The one in the middle, or the mean of the two in the middle; `None` of none. Sorts them.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(rounded(f64::midpoint(lower, upper)))
}

/// All that is told about some numbers.
pub(crate) fn spread(mut values: Vec<f64>) -> Spread {
    let median = median(&mut values);
    // Nearest rank: the least value that 95 of 100 do not exceed.
    let rank = (values.len() * 95).div_ceil(100);
    let p95 = rank.checked_sub(1).and_then(|last| values.get(last));
    Spread {
        count: u64::try_from(values.len()).unwrap_or(u64::MAX),
        median,
        p95: p95.copied().map(rounded),
    }
}
