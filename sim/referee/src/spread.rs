//! How far it spread: who else was hurt, what was raised for nothing, what is left.

use std::collections::BTreeMap;

use arena_proto::Entity;
use arena_scenario::judge::{ActionFact, Case, Facts, FaultFact, IncidentFact, covers};
use arena_scenario::{Layout, Scenario, TRAFFIC};

use crate::blame::share;
use crate::list;
use crate::orders::{Orders, window};

/// How much later than it happened something is seen, and how far clocks differ: that of the recorder's score (docs/recorder.md).
const NEAR_MS: u64 = 5000;
const MS_PER_DAY: f64 = 86_400_000.0;

/// How far it spread.
#[derive(Debug, Default)]
pub(crate) struct Spread {
    pub(crate) peak: f64,
    pub(crate) peak_why: String,
    pub(crate) false_incidents: Vec<String>,
    pub(crate) false_incidents_per_node_day: f64,
    /// What is left, in words.
    pub(crate) left: Vec<String>,
    /// Injected faults that an action could have ended.
    pub(crate) endable: usize,
}

pub(crate) fn spread(
    scenario: &Scenario,
    facts: &Facts,
    case: &Case<'_>,
    orders: &Orders<'_>,
) -> Spread {
    let (peak, peak_why) = peak(scenario, facts, case);
    let is_false = |incident: &&IncidentFact| !is_explained(facts, orders, incident);
    let false_incidents: Vec<String> = facts
        .incidents
        .iter()
        .filter(is_false)
        .map(|incident| format!("{} of {}", incident.symptom, incident.entity))
        .collect();
    let endable = || {
        let made = case.injections().filter(|fault| fault.is_made());
        made.filter(|fault| !fault.fault.cures.is_empty())
    };
    let left = endable().filter(|fault| fault.end_ms.is_none());
    let left = left.map(|fault| format!("{} on {}", fault.fault.name.as_str(), fault.target));
    Spread {
        peak,
        peak_why,
        false_incidents_per_node_day: per_node_day(facts, false_incidents.len()),
        false_incidents,
        left: left.collect(),
        endable: endable().count(),
    }
}

fn per_node_day(facts: &Facts, count: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let run_ms = crate::seconds(facts.end_ms.saturating_sub(facts.play_ms)) * 1000.0;
    let node_days = f64::from(facts.nodes.max(1)) * run_ms / MS_PER_DAY;
    if node_days > 0.0 {
        number(count) / node_days
    } else {
        0.0
    }
}

/// A fault that has a symptom was in effect about then, or an action was that may have caused it.
fn is_explained(facts: &Facts, orders: &Orders<'_>, incident: &IncidentFact) -> bool {
    let end = incident.cleared_ms.unwrap_or(facts.end_ms);
    let near = |from: u64, to: u64| {
        from <= end.saturating_add(NEAR_MS) && to.saturating_add(NEAR_MS) >= incident.opened_ms
    };
    let by_fault = |fault: &FaultFact| {
        let active = fault.active_ms.filter(|_| !fault.fault.symptoms.is_empty());
        active.is_some_and(|active| near(active, fault.end_ms.unwrap_or(u64::MAX)))
    };
    let by_action = |action: &&ActionFact| {
        let (from, to) = window(action, facts);
        near(from, to)
    };
    facts.faults.iter().any(by_fault) || orders.misplaced.iter().any(by_action)
}

/// The greatest share of the rest that was hurt at one moment: that was unhealthy, drained or throttled by its node's word, or gave errors
/// or was late in truth, where that is known. Users are not among the services.
fn peak(scenario: &Scenario, facts: &Facts, case: &Case<'_>) -> (f64, String) {
    let is_rest = |entity: &Entity| {
        let is_users = entity
            .service
            .as_ref()
            .is_some_and(|name| name.as_str() == TRAFFIC);
        !is_users && !case.roots.iter().any(|root| covers(root, entity))
    };
    let layout = Layout::of(&scenario.topology, scenario.seed);
    let rest = layout.services().filter(|entity| is_rest(entity)).count();
    let truth = facts.truth.iter().flat_map(|truth| &truth.hurt);
    let by_truth = truth.map(|one| (one.at_ms, &one.entity, 1, one.hurt));
    let by_status = facts.states.iter();
    let by_status = by_status.map(|one| (one.at_ms, &one.entity, 0, !one.is_well()));
    let changes = by_status.chain(by_truth);
    let mut changes: Vec<_> = changes
        .filter(|(_, entity, _, _)| is_rest(entity))
        .collect();
    changes.sort_by_key(|(at_ms, ..)| *at_ms);
    let mut hurt: BTreeMap<&Entity, [bool; 2]> = BTreeMap::new();
    let (mut most, mut who, mut when) = (0, String::new(), 0);
    let mut changes = changes.into_iter().peekable();
    while let Some((at_ms, entity, source, is_hurt)) = changes.next() {
        let entry = hurt.entry(entity).or_default();
        entry[source] = is_hurt;
        if *entry == [false; 2] {
            hurt.remove(entity);
        }
        // All that changes at one moment is one change.
        let is_last = changes.peek().is_none_or(|(next_ms, ..)| *next_ms > at_ms);
        if is_last && hurt.len() > most {
            (most, when) = (hurt.len(), at_ms);
            who = list(hurt.keys().take(NAMED_MAX));
        }
    }
    if most == 0 {
        return (0.0, format!("none of {rest} others was hurt"));
    }
    let at = crate::seconds(when.saturating_sub(facts.play_ms));
    let why = format!("{most} of {rest} others were hurt {at:.1} s after the play began: {who}");
    (share(most, rest).min(1.0), why)
}

/// So many are named: a line of a screen.
const NAMED_MAX: usize = 5;
