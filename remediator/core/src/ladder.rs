//! What is done next: which rung, on whom, and for what cause. Whether it may be done is asked in `act`.

use std::time::Duration;

use arena_proto::{ActionKind, Decision, Entity, IncidentState, Preconditions, Timestamp};

use crate::book::CASES_MAX;
use crate::case::{Case, Stage};
use crate::planner::{Basis, Deed, Move};
use crate::playbook::Step;
use crate::rails::Proposal;
use crate::words::{after, say};
use crate::{Output, Remediator};

/// How often an incident may wait on one rung for the service's state to fit before the next rung is tried.
pub(crate) const WAITS_MAX: u32 = 2;

/// How long a symptom may take to clear once what an incident was left alone for is over: twice the 2 to 3 s that the
/// detector takes for that.
const CLEARS_WITHIN: Duration = Duration::from_secs(6);

impl Remediator {
    /// Decides about an incident that is open and has nothing under way.
    pub(crate) fn decide(&mut self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        if let Some(reason) = hopeless(case) {
            case.escalate(now, &after(&case.because, &reason), out);
            return;
        }
        let undecided = case.undecided();
        if case.rung == 0 {
            self.choose_rung(now, case);
        }
        let Move {
            rung,
            step,
            deed,
            basis,
        } = match self.next_move(case) {
            Ok(next) => next,
            Err(passed_over) => {
                let reason = after(&case.because, &used_up(case, &passed_over));
                case.rung = case.rungs() + 1;
                case.escalate(now, &reason, out);
                return;
            }
        };
        case.rung = rung;
        match deed {
            Deed::Act(action, target) => {
                let risk = step.risk;
                let proposal = Proposal {
                    action,
                    target,
                    risk,
                    basis,
                };
                self.carry_out(now, case, &step, (proposal, undecided), out);
            }
            Deed::Wait => leave_alone(now, case, &step, &basis, out),
            Deed::Escalate => {
                let (because, passed_over) = (basis.because(), basis.passed_over);
                let reason = format!("a person is needed{because}{passed_over}");
                case.escalate(now, &after(&case.because, &reason), out);
            }
        }
    }

    /// A rung that only waits: it ends when its time is over, or soon after what it waits for is.
    pub(crate) fn wait_on(&self, now: Timestamp, case: &mut Case, step: &Step, until: Timestamp) {
        if now >= until {
            case.next_rung(format!(
                "{} did not clear while it was left alone",
                case.symptom
            ));
        } else if now + CLEARS_WITHIN < until && self.waited_enough(case, step) {
            case.stage = Stage::Waiting {
                until: now + CLEARS_WITHIN,
                outdated: None,
            };
        }
    }
}

/// Does nothing, and says so.
fn leave_alone(now: Timestamp, case: &mut Case, step: &Step, basis: &Basis, out: &mut Vec<Output>) {
    let left_alone = format!(
        "left alone for up to {}{}{}",
        say(step.verify_within),
        basis.because(),
        basis.passed_over
    );
    let reason = after(case.why_now(), &left_alone);
    let mut plan = case.plan(now, Decision::Wait, IncidentState::Planning, reason);
    basis.describe(&mut plan);
    plan.basis.risk = Some(step.risk);
    out.push(Output::Publish(plan));
    case.stage = Stage::Waiting {
        until: now + step.verify_within,
        outdated: None,
    };
}

/// Why no rung can ever be tried, if that is so.
fn hopeless(case: &Case) -> Option<String> {
    let symptom = &case.symptom;
    if case.over_limit {
        return Some(format!(
            "{CASES_MAX} incidents are open, which is the limit"
        ));
    }
    let Some(playbook) = &case.playbook else {
        return Some(format!(
            "no playbook answers {symptom}: add one to playbooks.toml"
        ));
    };
    if playbook.steps.is_empty() {
        return Some(format!("{symptom}: {}", playbook.escalate));
    }
    if case.rung > case.rungs() {
        return Some(used_up(case, ""));
    }
    None
}

fn used_up(case: &Case, passed_over: &str) -> String {
    let playbook = case.playbook.as_ref();
    let advice = playbook.map_or("", |playbook| playbook.escalate.as_str());
    let sentence = match (case.rung, case.rungs()) {
        (1, 1) if !passed_over.is_empty() => "its only rung does not apply".to_owned(),
        (1, rungs) if !passed_over.is_empty() => format!("none of its {rungs} rungs applies"),
        (_, 1) => "its only rung is used up".to_owned(),
        (_, rungs) => format!("its {rungs} rungs are used up"),
    };
    let sentence = format!("{sentence}, a person is needed");
    [sentence.as_str(), advice, passed_over]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

/// Waits for the service's state to fit, or the symptom to clear; the next rung when it has waited enough. `outdated` is
/// what the node rejected as another process than it has.
pub(crate) fn wait(
    now: Timestamp,
    case: &mut Case,
    (step, action, target): (&Step, ActionKind, &Entity),
    outdated: Option<Preconditions>,
    sentence: &str,
    out: &mut Vec<Output>,
) {
    if case.waits >= WAITS_MAX {
        case.next_rung(format!(
            "{} was not possible after {WAITS_MAX} waits: {sentence}",
            step.action
        ));
        return;
    }
    case.waits += 1;
    let reason = format!(
        "{sentence}; waiting up to {} for that to change or for {} to clear (wait {} of {WAITS_MAX})",
        say(step.verify_within),
        case.symptom,
        case.waits
    );
    let reason = after(&case.because, &reason);
    let mut plan = case.plan(now, Decision::Wait, IncidentState::Planning, reason);
    (plan.action, plan.target) = (Some(action), Some(target.clone()));
    plan.basis.step = step.action.to_string();
    out.push(Output::Publish(plan));
    case.stage = Stage::Waiting {
        until: now + step.verify_within,
        outdated,
    };
}
