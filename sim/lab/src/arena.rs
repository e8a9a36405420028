//! One run in the simulator, and what of it is measured.
//!
//! Absent on purpose: judging (the judge's and the referee's). Invariant: what does not apply to a scenario is not measured, so that it weighs
//! in no mean.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_scenario::Scenario;
use arena_scenario::judge::{Facts, FaultFact, Part};
use arena_scenario::score::Score;
use arena_sim::net::Network;
use arena_sim::{Played, Setup, policy};

use crate::course::{Course, Lane, Span};
use crate::job::{Job, Measure, Outcome};
use crate::work::guarded;

/// The word for a run in which nothing was made, as its arena was not well before.
pub const NO_STEADY_STATE: &str = "no_steady_state";

/// Plays a job in the simulator, with its healer by name; the error says why it could not.
pub fn play(job: &Job) -> Result<Outcome, String> {
    let scenario = Scenario::clone(&job.scenario);
    let healer = policy::healer(&job.policy, job.seed).map_err(|error| error.to_string())?;
    let network = Network::named(&job.network);
    let network = network.ok_or_else(|| format!("there is no network {}", job.network))?;
    let setup = Setup {
        seed: job.seed,
        encore: job.encore,
        network,
        ..Setup::new(scenario, healer)
    };
    let played = arena_sim::play(setup).map_err(|error| error.to_string())?;
    Ok(outcome(&played))
}

/// The same; a panic is an error, too.
pub fn play_guarded(job: &Job) -> Result<Outcome, String> {
    guarded(|| play(job))
}

fn outcome(played: &Played) -> Outcome {
    let score = played.score.as_ref();
    let heal_ms = played.verdict.as_ref().and_then(|verdict| verdict.heal_ms);
    Outcome {
        met: score.is_some_and(|score| score.passed),
        failed: failed(played),
        measures: score.map(measures).unwrap_or_default(),
        virtual_ms: played.virtual_ms,
        log_sha256: played.log.sha256.clone(),
        course: course(&played.facts, heal_ms),
    }
}

/// The criteria and the rules of honesty that were not fulfilled, by name.
fn failed(played: &Played) -> Vec<String> {
    let Some((verdict, score)) = played.verdict.as_ref().zip(played.score.as_ref()) else {
        return vec![NO_STEADY_STATE.to_owned()];
    };
    let criteria = verdict.criteria.iter();
    let criteria = criteria.filter(|one| one.required && !one.passed);
    let rules = score.findings.iter().map(|finding| finding.rule.as_str());
    // That the goal was missed is what the criteria say one by one, unless it was missed in truth alone.
    let rules = rules.filter(|rule| *rule != "goal" || verdict.met);
    let mut names: Vec<String> = criteria
        .map(|one| one.name.to_string())
        .chain(rules.map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

fn measures(score: &Score) -> BTreeMap<Measure, f64> {
    let millis = |ms: u64| Duration::from_millis(ms).as_secs_f64() * 1000.0;
    let all = [
        (Measure::DetectMs, score.detect_ms.map(millis)),
        (Measure::RecoverMs, score.recover_ms.map(millis)),
        (
            Measure::LocalisationPercent,
            score.top1.map(|share| share * 100.0),
        ),
        (Measure::Needless, Some(number(score.needless))),
        (Measure::Wrong, Some(number(score.wrong_target))),
        (
            Measure::CollateralUserSeconds,
            Some(score.collateral_user_seconds),
        ),
        (Measure::ContainmentPercent, Some(score.containment * 100.0)),
        (
            Measure::FalseIncidentsNodeDay,
            Some(score.false_incidents_per_node_day),
        ),
        (Measure::Composite, Some(score.composite)),
    ];
    let known = all
        .into_iter()
        .filter_map(|(measure, value)| Some((measure, value?)));
    known.collect()
}

/// Counts of actions; more than fit are as bad.
pub(crate) fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// `heal_ms`: users were well for good since then, from the first fault on.
fn course(facts: &Facts, heal_ms: Option<u64>) -> Course {
    let began = |fault: &FaultFact| fault.armed_ms.or(fault.active_ms);
    let of_file = facts
        .faults
        .iter()
        .filter(|fault| fault.part == Part::Injection);
    let first = of_file.filter_map(|fault| fault.active_ms).min();
    let zero = first.unwrap_or(facts.play_ms);
    let span = |lane, label, from: u64, to: Option<u64>| Span {
        lane,
        label,
        from_ms: from.saturating_sub(zero),
        to_ms: to.unwrap_or(facts.end_ms).saturating_sub(zero),
    };
    let faults = facts.faults.iter().filter_map(|fault| {
        let label = format!("{} {}", fault.target, fault.fault.name);
        Some(span(Lane::Fault, label, began(fault)?, fault.end_ms))
    });
    let incidents = facts.incidents.iter().map(|incident| {
        let label = format!("{} {}", incident.entity, incident.symptom);
        span(
            Lane::Incident,
            label,
            incident.opened_ms,
            incident.cleared_ms,
        )
    });
    let actions = facts.actions.iter().map(|action| {
        let label = format!("{} {}", action.action.verb(), action.target);
        span(Lane::Action, label, action.issued_ms, action.end_ms)
    });
    let mut spans: Vec<Span> = faults.chain(incidents).chain(actions).collect();
    spans.sort_by_key(|span| (span.from_ms, span.lane));
    Course {
        spans,
        healed_ms: heal_ms,
        end_ms: facts.end_ms.saturating_sub(zero),
    }
}
