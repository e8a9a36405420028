//! What was done: at the wrong place, in vain, and at what price.

use arena_proto::{ActionKind, CommandState, RiskClass};
use arena_scenario::judge::{ActionFact, Case, Facts};
use arena_scenario::score::Budget;
use arena_scenario::{Expect, Scenario};

use crate::count;

/// What users feel is of the last second and told once a second, and who is cut off in the middle of a checkout waits no longer than 3 s
/// (docs/workload.md): as long after its end an action may still be felt.
pub(crate) const SETTLE_MS: u64 = 3000;

/// The actions of a run, sorted.
#[derive(Debug)]
pub(crate) struct Orders<'a> {
    /// At what is not to blame, or before anything was; where nothing is to be done: all that can hurt.
    pub(crate) wrong: Vec<&'a ActionFact>,
    /// At what is to blame, and no cure, or a cure once more when all was over.
    pub(crate) needless: Vec<&'a ActionFact>,
    /// Those of both that were done to somebody who was not ill.
    pub(crate) misplaced: Vec<&'a ActionFact>,
}

impl<'a> Orders<'a> {
    pub(crate) fn of(scenario: &Scenario, facts: &'a Facts, case: &Case<'a>) -> Self {
        let first_ms = case.first_fault_ms();
        let is_early = |action: &&ActionFact| action.issued_ms < first_ms;
        let is_ill = scenario.truth.expect != Expect::NoAction;
        let (wrong, needless): (Vec<&ActionFact>, Vec<&ActionFact>) = if is_ill {
            let in_vain = case.vain();
            let early = facts.actions.iter().filter(|action| !action.is_free());
            let early = early.filter(|action| case.is_at_root(action) && is_early(action));
            let wrong = case.wrong().into_iter().chain(early).collect();
            let needless = in_vain.into_iter().filter(|action| !is_early(action));
            (wrong, needless.collect())
        } else {
            let hurting = facts.actions.iter().filter(|action| !action.is_free());
            (hurting.collect(), Vec::new())
        };
        let well = needless
            .iter()
            .filter(|action| case.is_over(&action.target, action.issued_ms));
        let misplaced = wrong.iter().chain(well);
        // What a node refused was not done to anybody.
        let misplaced = misplaced.filter(|action| action.outcome != CommandState::Rejected);
        Self {
            misplaced: misplaced.copied().collect(),
            wrong,
            needless,
        }
    }
}

/// What was spent, whoever asked for it.
pub(crate) fn budget(facts: &Facts) -> Budget {
    let actions = &facts.actions;
    let of_class = |class: RiskClass| {
        let mut classes = actions
            .iter()
            .map(|one| one.risk.unwrap_or(one.action.risk()));
        count(classes.by_ref().filter(|risk| *risk == class).count())
    };
    let renews = |one: &&ActionFact| {
        matches!(
            one.action,
            ActionKind::Start | ActionKind::Restart | ActionKind::Kill | ActionKind::Rollback
        )
    };
    Budget {
        actions: count(actions.len()),
        restarts: count(actions.iter().filter(renews).count()),
        low: of_class(RiskClass::Low),
        medium: of_class(RiskClass::Medium),
        high: of_class(RiskClass::High),
        cost_s: actions.iter().map(|one| u64::from(one.action.cost())).sum(),
    }
}

/// From when to when an action may be felt; without an end to the end of the run.
pub(crate) fn window(action: &ActionFact, facts: &Facts) -> (u64, u64) {
    let end = action.end_ms.unwrap_or(facts.end_ms);
    (action.issued_ms, end.saturating_add(SETTLE_MS))
}

/// As people write it.
pub(crate) fn told(actions: &[&ActionFact]) -> String {
    let one = |action: &&ActionFact| format!("{} {}", action.action.verb(), action.target);
    let mut words: Vec<String> = actions.iter().take(TOLD_MAX).map(one).collect();
    if actions.len() > TOLD_MAX {
        words.push(format!("and {} more", actions.len() - TOLD_MAX));
    }
    words.join(", ")
}

/// So many are named: a line of a screen.
const TOLD_MAX: usize = 5;
