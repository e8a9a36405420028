//! Telemetry noise as one number, for the sweep of a benchmark.

use std::time::Duration;

use arena_scenario::{Quality, Scenario};

/// Half of everything lost: beyond that a remediator is blind, and its score says nothing about it.
pub const NOISE_PERCENT_MAX: u32 = 50;
/// As late as it is bad: 10 % is 200 ms late, as in the hard ones of `arena scenarios generate`.
const DELAY_MS_PER_PERCENT: u64 = 20;
/// The fault that telemetry is late by knows no less.
const DELAY_MS_MIN: u64 = 100;

/// The scenario with telemetry that is so bad: of its messages so many percent lost, as many told twice, and each late by 20 ms a percent (from
/// 5 % on). What is worse by itself stays as it is.
#[must_use]
pub fn with_noise(scenario: &Scenario, percent: u32) -> Scenario {
    let mut noisy = scenario.clone();
    let own = scenario.telemetry;
    let delay_ms = u64::from(percent) * DELAY_MS_PER_PERCENT;
    let delay = Duration::from_millis(if delay_ms < DELAY_MS_MIN { 0 } else { delay_ms });
    noisy.telemetry = Quality {
        loss_percent: own.loss_percent.max(percent),
        duplicate_percent: own.duplicate_percent.max(percent),
        delay: own.delay.max(delay),
    };
    noisy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::fixtures::curated;

    #[test]
    fn none_changes_nothing_and_more_is_worse() {
        let bad = curated("control-bad-telemetry");
        assert_eq!(with_noise(&bad, 0), bad);
        for percent in (0..=NOISE_PERCENT_MAX).step_by(5) {
            let noisy = with_noise(&bad, percent).telemetry;
            assert!(noisy.loss_percent >= bad.telemetry.loss_percent.max(percent));
            assert!(noisy.delay >= bad.telemetry.delay);
        }
    }

    #[test]
    fn every_level_is_a_scenario_that_can_be_read() {
        for percent in [1, 10, 33, NOISE_PERCENT_MAX] {
            let noisy = with_noise(&curated("dies-crash"), percent);
            let read = Scenario::parse("noisy", &noisy.to_toml());
            assert_eq!(read, Ok(noisy), "{percent}");
        }
    }
}
