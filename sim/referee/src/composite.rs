//! One number for all of it.

use arena_scenario::score::Measure;

/// Who did not reach the goal, or not by honest means, gets at most this: what it did well beside that is told, and no heal is bought by it.
/// Every heal gets more (half the weight of `recover_ms`, see docs/score.md).
pub const NOT_CREDITED_MAX: f64 = 20.0;

/// The sum of the weights, each times how good its measure is; at most [`NOT_CREDITED_MAX`] where nothing is credited. 0 to 100 where the
/// weights are 100 together, as they are in every score.
#[must_use]
pub fn composite(measures: &[Measure], is_credited: bool) -> f64 {
    let sum: f64 = measures.iter().map(|one| one.weight * one.quality).sum();
    let sum = if is_credited {
        sum
    } else {
        sum.min(NOT_CREDITED_MAX)
    };
    // Two decimals: what is beyond is no difference that anybody could have made.
    (sum * 100.0).round() / 100.0
}
