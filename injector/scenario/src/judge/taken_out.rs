//! Services that work with less than they have: drained, throttled, their node quarantined. As long as one is, nothing is healed: what
//! was taken out to hide a trouble is trouble itself. A root that the truth accepts to be taken out is not meant.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::{ActionKind, Entity};

use super::case::covers;
use super::facts::{Facts, StateFact};
use crate::model::Scenario;

/// A service that was taken out for a time.
#[derive(Debug)]
pub(super) struct TakenOut<'a> {
    pub(super) entity: &'a Entity,
    /// In a word.
    pub(super) how: &'static str,
    from_ms: u64,
    /// `None`: to the end.
    to_ms: Option<u64>,
}

impl TakenOut<'_> {
    pub(super) fn covers(&self, at_ms: u64) -> bool {
        self.from_ms <= at_ms && self.to_ms.is_none_or(|to| at_ms < to)
    }
}

/// Every such time, but for what was so before the first fault.
pub(super) fn taken_out<'a>(
    scenario: &Scenario,
    facts: &'a Facts,
    roots: &BTreeSet<Entity>,
) -> Vec<TakenOut<'a>> {
    let mut times: Vec<TakenOut<'a>> = Vec::new();
    let mut open: BTreeMap<&Entity, usize> = BTreeMap::new();
    for state in &facts.states {
        let how = how(scenario, roots, state).filter(|_| state.at_ms > facts.play_ms);
        if let Some(index) = open.remove(&state.entity) {
            times[index].to_ms = Some(state.at_ms);
        }
        if let Some(how) = how {
            open.insert(&state.entity, times.len());
            times.push(TakenOut {
                entity: &state.entity,
                how,
                from_ms: state.at_ms,
                to_ms: None,
            });
        }
    }
    times
}

fn how(scenario: &Scenario, roots: &BTreeSet<Entity>, state: &StateFact) -> Option<&'static str> {
    let is_root = roots.iter().any(|root| covers(root, &state.entity));
    let accepted = |kinds: &[ActionKind]| {
        let mut cures = scenario.truth.cures.iter();
        is_root && cures.any(|cure| kinds.contains(cure))
    };
    if state.drained && !accepted(&[ActionKind::Drain, ActionKind::Quarantine]) {
        return Some("drained");
    }
    (state.throttled && !accepted(&[ActionKind::Throttle])).then_some("throttled")
}
