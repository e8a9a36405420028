//! Was what is to blame found, and when?

use arena_proto::Entity;
use arena_scenario::judge::{BlameFact, Case, Facts, IncidentFact, Part};
use arena_scenario::{Expect, Scenario};

use crate::{list, millis, seconds};

/// How many of an incident's candidates a person reads.
const FEW: usize = 3;

/// What was found of what is to blame.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) detect_ms: Option<u64>,
    pub(crate) detect_why: String,
    pub(crate) top1: Option<f64>,
    pub(crate) top1_why: String,
    pub(crate) top3: Option<f64>,
    pub(crate) top3_why: String,
}

/// Nothing, where nothing is to be found.
pub(crate) fn found(scenario: &Scenario, facts: &Facts, case: &Case<'_>) -> Found {
    if scenario.truth.expect == Expect::NoAction || case.roots.is_empty() {
        return Found::default();
    }
    let (detect_ms, detect_why) = detected(scenario, facts, case);
    let (top1, top1_why) = located(facts, case, 1);
    let (top3, top3_why) = located(facts, case, FEW);
    Found {
        detect_ms: Some(detect_ms),
        detect_why,
        top1: Some(top1),
        top1_why,
        top3: Some(top3),
        top3_why,
    }
}

/// From each root's first fault to the first incident that names it first, on the average; a root that is missed counts as the time limit.
fn detected(scenario: &Scenario, facts: &Facts, case: &Case<'_>) -> (u64, String) {
    let limit = millis(scenario.limit);
    let (mut sum, mut words) = (0_u64, Vec::new());
    for root in &case.roots {
        let begun = begun_ms(facts, case, root);
        let named = facts.incidents.iter().flat_map(blames);
        let named =
            named.filter(|blame| blame.at_ms >= begun && blame.candidates.first() == Some(root));
        let named = named.map(|blame| blame.at_ms - begun).min();
        words.push(match named {
            Some(after) => format!("{root} was named {:.1} s after its fault", seconds(after)),
            None => format!(
                "{root} was never named first: {:.0} s count",
                seconds(limit)
            ),
        });
        sum += named.unwrap_or(limit).min(limit);
    }
    let roots = u64::try_from(case.roots.len()).unwrap_or(u64::MAX);
    (sum / roots, list(words))
}

/// When the first fault at this root may have been felt; of a root that no fault hit, when the first was.
fn begun_ms(facts: &Facts, case: &Case<'_>, root: &Entity) -> u64 {
    let faults = facts.faults.iter();
    let here = faults.filter(|fault| fault.part == Part::Injection && fault.target == *root);
    let begun = here.filter_map(|fault| fault.armed_ms.or(fault.active_ms));
    begun.min().unwrap_or_else(|| case.first_fault_ms())
}

/// Every word on who is the cause. One who was not told of candidates has the cause alone.
fn blames(incident: &IncidentFact) -> Vec<BlameFact> {
    if !incident.blames.is_empty() {
        return incident.blames.clone();
    }
    vec![BlameFact {
        at_ms: incident.opened_ms,
        candidates: vec![incident.root_cause.clone()],
    }]
}

/// The share of the roots that some incident names among its first so many, by its last word; each incident that names none of them there
/// counts as one more root that was not found.
fn located(facts: &Facts, case: &Case<'_>, first: usize) -> (f64, String) {
    let since = case.first_fault_ms();
    let incidents = facts.incidents.iter();
    let incidents = incidents.filter(|incident| incident.opened_ms >= since);
    let last_words: Vec<(&str, Vec<Entity>)> = incidents
        .filter_map(|incident| {
            let mut candidates = blames(incident).pop()?.candidates;
            candidates.truncate(first);
            Some((incident.id.as_str(), candidates))
        })
        .collect();
    let named = |root: &&Entity| last_words.iter().any(|(_, words)| words.contains(root));
    let found: Vec<&Entity> = case.roots.iter().filter(named).collect();
    let misled = last_words
        .iter()
        .filter(|(_, words)| !words.iter().any(|word| case.roots.contains(word)));
    let misled: Vec<&str> = misled.map(|(id, _)| *id).collect();
    let mut why = format!("{} of {} roots named", found.len(), case.roots.len());
    if !misled.is_empty() {
        why = format!(
            "{why}; {} incidents name none: {}",
            misled.len(),
            list(&misled)
        );
    }
    (share(found.len(), case.roots.len() + misled.len()), why)
}

/// 0 of nothing.
pub(crate) fn share(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 {
        return 0.0;
    }
    number(part) / number(whole)
}
