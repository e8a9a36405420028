//! The rows of a report: each policy over all scenarios, and in each.

use std::collections::BTreeMap;

use arena_scenario::Expect;
use serde::Serialize;

use crate::job::{Matrix, Measure, Trial};
use crate::stats::{Estimate, Share};

/// A policy at a level of noise, over all scenarios.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Who healed.
    pub policy: String,
    /// The level of telemetry noise, in percent.
    pub noise: u32,
    /// Runs that met their goal: healed, left alone, or a person called. Null without a run.
    pub met: Option<Share>,
    /// The same of those alone in which something is to be healed.
    pub healed: Option<Share>,
    /// What was measured, where it applies.
    pub measures: BTreeMap<Measure, Estimate>,
}

/// The same in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScenarioRow {
    /// Which scenario.
    pub scenario: String,
    /// What a good remediator does in it.
    pub expect: Expect,
    /// What came of it.
    #[serde(flatten)]
    pub row: Row,
}

pub(super) fn by_policy(matrix: &Matrix, runs: &[Trial]) -> Vec<Row> {
    let rows = matrix.noise.iter().flat_map(|noise| {
        matrix.policies.iter().map(move |policy| {
            let of_row: Vec<&Trial> = runs
                .iter()
                .filter(|run| run.noise == *noise && run.policy == *policy)
                .collect();
            row(policy, *noise, &of_row)
        })
    });
    rows.collect()
}

pub(super) fn by_scenario(matrix: &Matrix, runs: &[Trial]) -> Vec<ScenarioRow> {
    // One pass: thousands of scenarios times policies would each look at all runs.
    let mut grouped: BTreeMap<(u32, &str, &str), Vec<&Trial>> = BTreeMap::new();
    for run in runs {
        let key = (run.noise, run.scenario.as_str(), run.policy.as_str());
        grouped.entry(key).or_default().push(run);
    }
    let mut rows = Vec::new();
    for noise in &matrix.noise {
        for scenario in &matrix.scenarios {
            for policy in &matrix.policies {
                let key = (*noise, scenario.name.as_str(), policy.as_str());
                let Some(of_row) = grouped.get(&key) else {
                    continue;
                };
                rows.push(ScenarioRow {
                    scenario: scenario.name.clone(),
                    expect: scenario.truth.expect,
                    row: row(policy, *noise, of_row),
                });
            }
        }
    }
    rows
}

fn row(policy: &str, noise: u32, runs: &[&Trial]) -> Row {
    let estimates = Measure::ALL.iter().filter_map(|measure| {
        let values = by_name(runs, |run| run.measure(*measure));
        Some((*measure, Estimate::of(&values)?.within(measure.range())))
    });
    let is_to_heal = |run: &Trial| run.expect == Expect::Heal;
    Row {
        policy: policy.to_owned(),
        noise,
        met: Share::of(&by_name(runs, |run| Some(run.outcome.met))),
        healed: Share::of(&by_name(runs, |run| {
            is_to_heal(run).then_some(run.outcome.met)
        })),
        measures: estimates.collect(),
    }
}

/// What each run says, by scenario.
fn by_name<T>(runs: &[&Trial], say: impl Fn(&Trial) -> Option<T>) -> Vec<Vec<T>> {
    let mut groups: BTreeMap<&str, Vec<T>> = BTreeMap::new();
    for run in runs {
        if let Some(said) = say(run) {
            groups.entry(&run.scenario).or_default().push(said);
        }
    }
    groups.into_values().collect()
}
