//! What a step is worth to the healer; to the villain it is worth the negative of it.
//!
//! The referee's two numbers that can be told while a run goes on and after it: the users' time that was lost in this step, and at the end
//! the composite. Made of what is true, and not of telemetry, so that nobody is paid for lying to the detector.

use arena_referee::hurt_share;
use arena_scenario::judge::{Facts, Sample};

/// From here on a user waits too long, in ms: the level of `latency_high` in detector/policy.toml.
const SLOW_MS: f64 = 200.0;

/// How far the rewards have been given.
#[derive(Debug)]
pub(crate) struct Paid {
    /// Up to this time of the run.
    until_ms: u64,
    /// How users were then.
    last: Sample,
}

impl Paid {
    /// Nothing before now counts.
    pub(crate) fn new(facts: &Facts) -> Self {
        let last = users(facts).last().copied();
        Self {
            until_ms: facts.end_ms,
            last: last.unwrap_or_default(),
        }
    }

    /// Minus the seconds that the average user lost since the last time: 0 at best, minus the length of the step at worst.
    pub(crate) fn step(&mut self, facts: &Facts) -> f64 {
        let mut lost_s = 0.0;
        let from = users(facts).partition_point(|sample| sample.at_ms <= self.until_ms);
        for sample in &users(facts)[from..] {
            let share = hurt_share(facts.steady_rate_hz, &self.last, is_slow(&self.last));
            lost_s += share * seconds(sample.at_ms - self.until_ms);
            self.until_ms = sample.at_ms;
            self.last = *sample;
        }
        // Not minus zero, which is written otherwise.
        0.0 - lost_s
    }
}

fn users(facts: &Facts) -> &[Sample] {
    facts.truth.as_ref().map_or(&[], |truth| &truth.users)
}

fn is_slow(sample: &Sample) -> bool {
    sample.user_latency_p95_ms.is_some_and(|ms| ms > SLOW_MS)
}

#[expect(clippy::cast_precision_loss, reason = "a step is a minute at most")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}
