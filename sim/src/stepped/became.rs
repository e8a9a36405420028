//! What an episode became: with a villain that chooses as it goes, the faults that it made are the scenario that is scored.
//!
//! Absent on purpose: any judgement. Invariant: what a node says that it made is what there is to heal, whoever asked for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_proto::ActionKind;
use arena_scenario::judge::{Facts, FaultFact, Part};
use arena_scenario::{Expect, Injection, Scenario, Selector, Truth, When};

/// The scenario and its facts, as if the villain's faults had been planned: each at its time, in its target, with what cures any of them
/// as the cure. Nothing is to be done where nothing was made that shows.
pub(super) fn became(scenario: &Scenario, facts: &Facts) -> (Scenario, Facts) {
    let mut facts = facts.clone();
    let begin = facts.play_ms;
    let mut injections = Vec::new();
    let mut cures = BTreeSet::new();
    for fault in facts.faults.iter_mut().filter(|fault| fault.is_made()) {
        let Some(injection) = injection(fault, begin) else {
            continue;
        };
        fault.part = Part::Injection;
        injections.push(injection);
        if !fault.fault.symptoms.is_empty() {
            cures.extend(fault.fault.cures);
        }
    }
    let cures: Vec<ActionKind> = cures.into_iter().collect();
    let expect = match (injections.is_empty(), cures.is_empty()) {
        (true, _) => Expect::NoAction,
        (false, true) => Expect::Escalate,
        (false, false) => Expect::Heal,
    };
    let scenario = Scenario {
        injections,
        truth: Truth {
            expect,
            roots: Vec::new(),
            cures,
        },
        ..scenario.clone()
    };
    (scenario, facts)
}

fn injection(fault: &FaultFact, begin_ms: u64) -> Option<Injection> {
    let at = fault.active_ms?.saturating_sub(begin_ms);
    Some(Injection {
        when: When::At(Duration::from_millis(at)),
        fault: fault.fault,
        target: Selector::Entity(fault.target.clone()),
        ttl: Duration::from_millis(fault.ttl_ms),
        // What it was made with is not told; nothing of the score rests on it.
        params: fault.fault.fill(&BTreeMap::new()).ok()?,
    })
}
