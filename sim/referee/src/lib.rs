//! The referee: a scenario and the facts of a run in, its score out. The same for runs on real processes and in the simulator.
//!
//! The judge (`arena_scenario::judge`) says whether the goal was met; the referee says how well, and whether by honest means: what a policy
//! claims counts for nothing, what nobody tells is not well, and what the fault's own end healed is nobody's merit. docs/score.md tells
//! every number, its formula and its limits.
//!
//! Absent on purpose: clocks, chance, files. Invariants: the same facts give the same score; a part that is worse never scores higher.

mod blame;
mod collateral;
mod composite;
mod encore;
mod honesty;
mod measures;
mod orders;
mod spread;
mod truth;

#[cfg(test)]
mod tests;

use arena_expression::Mistake;
use arena_scenario::judge::{self, Case, Facts};
use arena_scenario::{Expect, Scenario};

pub use arena_scenario::score::{Budget, EncoreScore, Finding, Measure, Rule, Score};
pub use collateral::hurt_share;
pub use composite::{NOT_CREDITED_SHARE, composite};
pub use encore::{ENCORE_REST, Replay, is_replayable, replays};

/// Scores a run. Fails when a check of the scenario does not compile, which a scenario that was read from a file cannot.
pub fn score(scenario: &Scenario, facts: &Facts) -> Result<Score, Mistake> {
    let verdict = judge::judge(scenario, facts)?;
    let told = Case::new(scenario, facts)?;
    let true_facts = truth::facts(facts);
    let felt_facts = true_facts.as_ref().unwrap_or(facts);
    let felt = Case::new(scenario, felt_facts)?;
    let orders = orders::Orders::of(scenario, facts, &told);
    let encore = encore::score(scenario, facts)?;
    let run = honesty::Run {
        scenario,
        facts,
        told: &told,
        felt: &felt,
        felt_facts,
        orders: &orders,
        verdict: &verdict,
        encore: &encore,
    };
    let findings = run.findings();
    let goal = run.goal();
    let is_fair = findings.iter().all(|finding| finding.rule == Rule::Goal);
    let healed = goal.is_ok() && is_fair;
    let found = blame::found(scenario, facts, &told);
    let cost = collateral::cost(scenario, felt_facts, &felt, &orders);
    let spread = spread::spread(scenario, facts, &told, &orders);
    let is_heal = scenario.truth.expect == Expect::Heal;
    let recovered = goal.ok().filter(|_| healed && is_heal);
    let first_ms = told.first_fault_ms();
    let mut score = Score {
        composite: 0.0,
        passed: verdict.met && findings.is_empty(),
        healed,
        detect_ms: found.detect_ms,
        recover_ms: is_heal.then(|| {
            recovered.map_or(millis(scenario.limit), |since| {
                since.saturating_sub(first_ms)
            })
        }),
        top1: found.top1,
        top3: found.top3,
        wrong_target: count(orders.wrong.len()),
        needless: count(orders.needless.len()),
        lost_user_seconds: cost.lost,
        collateral_user_seconds: cost.collateral,
        containment: spread.peak,
        false_incidents: count(spread.false_incidents.len()),
        false_incidents_per_node_day: spread.false_incidents_per_node_day,
        faults_left: count(spread.left.len()),
        budget: orders::budget(facts),
        encore,
        measures: Vec::new(),
        findings,
    };
    score.measures = measures::Words {
        scenario,
        found: &found,
        orders: &orders,
        cost: &cost,
        spread: &spread,
        calls: told.calls().count(),
        called_ms: told
            .calls()
            .filter_map(|(_, at_ms)| at_ms.checked_sub(first_ms))
            .min(),
    }
    .measures(&score);
    let is_credited = if is_heal { healed } else { score.passed };
    score.composite = composite(&score.measures, is_credited);
    Ok(score)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a run lasts minutes")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}
