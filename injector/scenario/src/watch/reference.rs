//! The reference: who knows the truth and cures each root, through the same guard as everybody. It shows that a scenario can be solved.
//!
//! Pure: what is seen in, the next command out.

use std::collections::BTreeMap;

use crate::Scenario;
use crate::judge::{self, ActionFact};
use arena_proto::{ActionKind, Entity, ProcessState};

use super::view::View;

/// After the fault took effect: so that it is felt, and a detector that is any good has seen it.
const DELAY_MS: u64 = 5000;
/// Between two tries: as long as a service takes to come up, or to die once more.
const PAUSE_MS: u64 = 3000;
/// A process that dies at each of its next starts wants as many, which are at most 20 by the catalogue.
const TRIES_MAX: u32 = 22;

/// What was done so far.
#[derive(Debug, Default)]
pub struct Reference {
    tries: BTreeMap<Entity, (u32, u64)>,
}

impl Reference {
    /// What is to be done now, if anything.
    pub fn next(
        &mut self,
        at_ms: u64,
        scenario: &Scenario,
        view: &View,
    ) -> Option<(ActionKind, Entity)> {
        let roots = judge::roots(scenario, &view.facts.faults);
        roots.into_iter().find_map(|root| {
            let (tries, last_ms) = self.tries.get(&root).copied().unwrap_or_default();
            let rested = tries == 0 || at_ms >= last_ms + PAUSE_MS;
            if tries >= TRIES_MAX || !rested {
                return None;
            }
            let action = wanted(at_ms, scenario, view, &root)?;
            self.tries.insert(root.clone(), (tries + 1, at_ms));
            Some((action, root))
        })
    }
}

/// What an action needs beyond its target.
#[must_use]
pub fn params(action: ActionKind) -> BTreeMap<String, String> {
    let given: &[(&str, &str)] = match action {
        // As the remediator's playbook has it.
        ActionKind::Throttle => &[("percent", "50"), ("for", "1m")],
        _ => &[],
    };
    given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn wanted(at_ms: u64, scenario: &Scenario, view: &View, root: &Entity) -> Option<ActionKind> {
    let mut faults = view.facts.faults.iter().filter(|fault| fault.is_made());
    let fault = faults
        .clone()
        .find(|fault| fault.target == *root)
        .or_else(|| faults.next())?;
    if at_ms < fault.active_ms? + DELAY_MS {
        return None;
    }
    let here: Vec<&ActionFact> = view
        .facts
        .actions
        .iter()
        .filter(|action| action.target == *root)
        .collect();
    if here.iter().any(|action| !action.outcome.is_final()) {
        return None;
    }
    let cures = &scenario.truth.cures;
    let cure = cures.iter().find(|cure| fault.fault.cures.contains(cure));
    let cure = *cure.or_else(|| cures.first())?;
    let done = here
        .iter()
        .any(|action| cures.contains(&action.action) && action.is_done());
    if !done {
        return Some(cure);
    }
    // What the cure does not start by itself, or dies of its fault once more.
    let dead = matches!(
        view.process(root),
        Some(ProcessState::Exited | ProcessState::Fatal | ProcessState::Stopped)
    );
    dead.then_some(ActionKind::Start)
}
