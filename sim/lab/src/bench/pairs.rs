//! Two policies on the same scenarios and seeds: what one is better by, without what the seeds differ by.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::job::{Matrix, Measure, Trial};
use crate::stats::Estimate;

/// Left minus right.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// One policy.
    pub left: String,
    /// The other.
    pub right: String,
    /// The level of telemetry noise, in percent.
    pub noise: u32,
    /// Runs that both have made.
    pub runs: usize,
    /// By how many percent points more of its runs the left one meets the goal.
    pub met: Option<Estimate>,
    /// By how much more the left one has of each measure that both have.
    pub difference: BTreeMap<Measure, Estimate>,
}

/// The runs of one policy, by what is the same for another.
type Paired<'a> = BTreeMap<(u32, &'a str, u64), &'a Trial>;

pub(super) fn of(matrix: &Matrix, runs: &[Trial]) -> Vec<Pair> {
    let of_policy = |policy: &String| -> Paired<'_> {
        let own = runs.iter().filter(|run| run.policy == *policy);
        own.map(|run| (run.pairing(), run)).collect()
    };
    let policies: Vec<(&String, Paired<'_>)> = matrix
        .policies
        .iter()
        .map(|policy| (policy, of_policy(policy)))
        .collect();
    let mut pairs = Vec::new();
    for noise in &matrix.noise {
        for (index, left) in policies.iter().enumerate() {
            for right in &policies[index + 1..] {
                pairs.push(pair(left, right, *noise));
            }
        }
    }
    pairs
}

fn pair(left: &(&String, Paired<'_>), right: &(&String, Paired<'_>), noise: u32) -> Pair {
    let both: Vec<(&Trial, &Trial)> = left
        .1
        .iter()
        .filter(|(key, _)| key.0 == noise)
        .filter_map(|(key, one)| Some((*one, *right.1.get(key)?)))
        .collect();
    let estimates = Measure::ALL.iter().filter_map(|measure| {
        let estimate = differences(&both, |run| run.measure(*measure));
        Some((*measure, estimate?))
    });
    Pair {
        left: left.0.clone(),
        right: right.0.clone(),
        noise,
        runs: both.len(),
        met: differences(&both, |run| Some(if run.outcome.met { 100.0 } else { 0.0 })),
        difference: estimates.collect(),
    }
}

fn differences(
    both: &[(&Trial, &Trial)],
    value: impl Fn(&Trial) -> Option<f64>,
) -> Option<Estimate> {
    let mut by_scenario: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (left, right) in both {
        if let Some((left_value, right_value)) = value(left).zip(value(right)) {
            let group = by_scenario.entry(&left.scenario).or_default();
            group.push(left_value - right_value);
        }
    }
    let groups: Vec<Vec<f64>> = by_scenario.into_values().collect();
    Estimate::of(&groups)
}
