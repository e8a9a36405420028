//! Every number with how good it is, its weight and its reason.

use std::borrow::Cow;

use arena_scenario::score::{Measure, Score};
use arena_scenario::{Expect, Scenario};

use crate::blame::Found;
use crate::collateral::Cost;
use crate::orders::{Orders, told};
use crate::spread::Spread;
use crate::{list, millis, seconds};

/// Of a heal, or a call, that comes at the last moment so much is left: it is worth far more than none.
const LATEST_QUALITY: f64 = 0.5;
/// When all users are lost for so long by actions at the wrong place, that is half bad: a needless restart of a single replica.
const COLLATERAL_HALF_S: f64 = 3.0;
/// A ladder's first three rungs, to recover, restart and drain, cost 8 s (docs/remediator.md): four times that is half bad.
const COST_HALF_S: f64 = 32.0;

/// Weights in percent, by what the scenario expects: heal, escalate, no-action. Each column is 100.
const WEIGHTS: [(&str, [f64; 3]); 14] = [
    ("recover_ms", [40.0, 0.0, 0.0]),
    ("called_ms", [0.0, 40.0, 0.0]),
    ("actions", [0.0, 0.0, 50.0]),
    ("calls", [0.0, 0.0, 20.0]),
    ("detect_ms", [15.0, 15.0, 0.0]),
    ("top1", [10.0, 10.0, 0.0]),
    ("top3", [5.0, 5.0, 0.0]),
    ("wrong_target", [6.0, 10.0, 0.0]),
    ("needless", [4.0, 5.0, 0.0]),
    ("collateral_user_seconds", [8.0, 10.0, 15.0]),
    ("containment", [5.0, 0.0, 0.0]),
    ("false_incidents", [3.0, 5.0, 15.0]),
    ("faults_left", [2.0, 0.0, 0.0]),
    ("cost_s", [2.0, 0.0, 0.0]),
];

/// What the measures are told from.
pub(crate) struct Words<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) found: &'a Found,
    pub(crate) orders: &'a Orders<'a>,
    pub(crate) cost: &'a Cost,
    pub(crate) spread: &'a Spread,
    /// Persons called.
    pub(crate) calls: usize,
    /// The first of them, from the first fault on.
    pub(crate) called_ms: Option<u64>,
}

impl Words<'_> {
    /// All of them, in the order of the table in docs/score.md.
    pub(crate) fn measures(&self, score: &Score) -> Vec<Measure> {
        let told = [self.times(score), self.findings(score), self.prices(score)];
        told.into_iter().flatten().collect()
    }

    fn measure(&self, name: &'static str, value: f64, quality: f64, reason: String) -> Measure {
        let column = match self.scenario.truth.expect {
            Expect::Heal => 0,
            Expect::Escalate => 1,
            Expect::NoAction => 2,
        };
        let weights = WEIGHTS.iter().find(|(known, _)| *known == name);
        Measure {
            name: Cow::Borrowed(name),
            value,
            quality: quality.clamp(0.0, 1.0),
            weight: weights.map_or(0.0, |(_, weights)| weights[column]),
            reason,
        }
    }

    fn times(&self, score: &Score) -> Vec<Measure> {
        let within_ms = millis(self.scenario.healed.within);
        let limit_ms = millis(self.scenario.limit);
        let mut times = Vec::new();
        if let Some(time) = score.recover_ms {
            let (quality, reason) = if score.healed {
                let reason = format!(
                    "users were well for good {:.1} s after the first fault",
                    seconds(time)
                );
                (late(time, within_ms), reason)
            } else {
                let reason = format!("not healed: the limit of {:.0} s counts", seconds(time));
                (0.0, reason)
            };
            times.push(self.measure("recover_ms", seconds(time) * 1000.0, quality, reason));
        }
        if self.scenario.truth.expect == Expect::Escalate {
            let time = self.called_ms.unwrap_or(limit_ms);
            let (quality, reason) = match self.called_ms {
                Some(time) => (
                    late(time, limit_ms),
                    format!(
                        "a person was called {:.1} s after the first fault",
                        seconds(time)
                    ),
                ),
                None => (0.0, "no person was called".to_owned()),
            };
            times.push(self.measure("called_ms", seconds(time) * 1000.0, quality, reason));
        }
        if let Some(time) = score.detect_ms {
            let quality = 1.0 - ratio(time, within_ms);
            let reason = self.found.detect_why.clone();
            times.push(self.measure("detect_ms", seconds(time) * 1000.0, quality, reason));
        }
        times
    }

    fn findings(&self, score: &Score) -> Vec<Measure> {
        let mut findings = Vec::new();
        let shares = [
            ("top1", score.top1, &self.found.top1_why),
            ("top3", score.top3, &self.found.top3_why),
        ];
        for (name, share, why) in shares {
            findings.extend(share.map(|share| self.measure(name, share, share, why.clone())));
        }
        let counted = |name, count: u64, reason| {
            let count = number(count);
            self.measure(name, count, 1.0 / (1.0 + count), reason)
        };
        let actions = score.budget.actions;
        let calls = u64::try_from(self.calls).unwrap_or(u64::MAX);
        let wrong = none_or(&told(&self.orders.wrong));
        let needless = none_or(&told(&self.orders.needless));
        let raised = none_or(&list(&self.spread.false_incidents));
        findings.push(counted("actions", actions, format!("{actions} actions")));
        findings.push(counted(
            "calls",
            calls,
            format!("{calls} calls for a person"),
        ));
        findings.push(counted("wrong_target", score.wrong_target, wrong));
        findings.push(counted("needless", score.needless, needless));
        findings.push(counted("false_incidents", score.false_incidents, raised));
        findings
    }

    fn prices(&self, score: &Score) -> Vec<Measure> {
        let spread = self.spread;
        let all = self.cost.users * COLLATERAL_HALF_S;
        let collateral = score.collateral_user_seconds;
        let endable = number(u64::try_from(spread.endable).unwrap_or(u64::MAX));
        let left = number(score.faults_left);
        let left_quality = if endable > 0.0 {
            1.0 - left / endable
        } else {
            1.0
        };
        let cost_s = number(score.budget.cost_s);
        let budget = format!(
            "{} actions, {} of them new processes; {} low, {} medium, {} high",
            score.budget.actions,
            score.budget.restarts,
            score.budget.low,
            score.budget.medium,
            score.budget.high
        );
        vec![
            self.measure(
                "lost_user_seconds",
                score.lost_user_seconds,
                1.0,
                self.cost.lost_why.clone(),
            ),
            self.measure(
                "collateral_user_seconds",
                collateral,
                half_at(collateral, all),
                self.cost.collateral_why.clone(),
            ),
            self.measure(
                "containment",
                score.containment,
                1.0 - score.containment,
                spread.peak_why.clone(),
            ),
            self.measure(
                "faults_left",
                left,
                left_quality,
                none_or(&list(&spread.left)),
            ),
            self.measure("cost_s", cost_s, half_at(cost_s, COST_HALF_S), budget),
        ]
    }
}

/// 1 at once, [`LATEST_QUALITY`] at the limit.
fn late(time: u64, limit: u64) -> f64 {
    1.0 - (1.0 - LATEST_QUALITY) * ratio(time, limit)
}

/// 0 to 1.
fn ratio(time: u64, limit: u64) -> f64 {
    if limit == 0 {
        return 1.0;
    }
    (seconds(time) / seconds(limit)).min(1.0)
}

/// 1 of nothing, and half at `half`.
fn half_at(value: f64, half: f64) -> f64 {
    if half > 0.0 {
        half / (half + value)
    } else {
        1.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of one run")]
const fn number(count: u64) -> f64 {
    count as f64
}

fn none_or(words: &str) -> String {
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_of_each_expectation_are_a_hundred() {
        for column in 0..3 {
            let sum: f64 = WEIGHTS.iter().map(|(_, weights)| weights[column]).sum();
            assert!((sum - 100.0).abs() < 1e-9, "column {column} is {sum}");
        }
    }
}
