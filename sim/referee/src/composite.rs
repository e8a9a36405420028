//! One number for all of it.

use arena_scenario::score::Measure;

/// Who did not reach the goal, or not by honest means, gets this share of the sum: what was done well beside the goal is told, and buys no
/// heal. It is at most 12 then, and every heal gets at least 20: half the weight of `recover_ms` (docs/score.md).
pub const NOT_CREDITED_SHARE: f64 = 0.2;

/// The sum of the weights, each times how good its measure is; a share of it where nothing is credited. 0 to 100 where the weights are 100
/// together, as they are in every score.
#[must_use]
pub fn composite(measures: &[Measure], is_credited: bool) -> f64 {
    let sum: f64 = measures.iter().map(|one| one.weight * one.quality).sum();
    let credited = if is_credited {
        sum
    } else {
        sum * NOT_CREDITED_SHARE
    };
    // Two decimals: what is beyond is no difference that anybody could have made.
    (credited * 100.0).round() / 100.0
}
