//! What is done next: which rung, on whom, and for what cause. Whether it may be done is asked in `act`.

use arena_proto::{Decision, Entity, IncidentState, Preconditions, Timestamp};

use crate::book::CASES_MAX;
use crate::case::{Case, Stage};
use crate::playbook::{Step, StepAction};
use crate::rails::Proposal;
use crate::words::{after, say, verb};
use crate::{Output, Remediator};

/// How often an incident may wait on one rung for the service's state to fit before the next rung is tried.
pub(crate) const WAITS_MAX: u32 = 2;

impl Remediator {
    /// Decides about an incident that is open and has nothing under way.
    pub(crate) fn decide(&mut self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        let target = match hopeless(case) {
            Ok(target) => target,
            Err(reason) => {
                case.escalate(now, after(&case.because, &reason), out);
                return;
            }
        };
        let undecided = case.undecided();
        if case.rung == 0 {
            self.choose_rung(now, case, &target);
        }
        let Some(step) = case.step() else {
            case.escalate(now, after(&case.because, &used_up(case)), out);
            return;
        };
        let StepAction::Command(action) = step.action else {
            case.next_rung(format!("{} is passed over", step.action));
            return;
        };
        let proposal = Proposal {
            action,
            target,
            risk: step.risk,
            cause: step.cause.clone(),
        };
        self.carry_out(now, case, &step, (proposal, undecided), out);
    }

    /// The first rung; but the one after the last that was tried when the symptom is back within the cooldown.
    fn choose_rung(&self, now: Timestamp, case: &mut Case, target: &Entity) {
        case.rung = 1;
        let cooldown = case.playbook.as_ref().map(|playbook| playbook.cooldown);
        let last = self
            .rails
            .last_on(target)
            .filter(|last| last.symptom == case.symptom);
        if let (Some(last), Some(cooldown)) = (last, cooldown)
            && now.saturating_since(last.ended_at) < cooldown
        {
            case.rung = last.rung + 1;
            case.because = format!(
                "{} of {target} is back {} after {} (rung {}) for {}, within the cooldown of {}",
                case.symptom,
                say(now.saturating_since(last.ended_at)),
                verb(last.action),
                last.rung,
                last.incident,
                say(cooldown)
            );
        }
    }
}

/// The service to act on, or why no rung can ever be tried.
fn hopeless(case: &Case) -> Result<Entity, String> {
    let symptom = &case.symptom;
    if case.over_limit {
        return Err(format!(
            "{CASES_MAX} incidents are open, which is the limit"
        ));
    }
    let Some(playbook) = &case.playbook else {
        return Err(format!(
            "no playbook answers {symptom}: add one to playbooks.toml"
        ));
    };
    if playbook.steps.is_empty() {
        return Err(format!("{symptom}: {}", playbook.escalate));
    }
    if case.rung > case.rungs() {
        return Err(used_up(case));
    }
    case.target().ok_or_else(|| {
        format!(
            "the rungs of {symptom} are for services, and {} is a node",
            case.event.entity
        )
    })
}

fn used_up(case: &Case) -> String {
    let playbook = case.playbook.as_ref();
    let advice = playbook.map_or("", |playbook| playbook.escalate.as_str());
    let sentence = match case.rungs() {
        1 => "its only rung is used up, a person is needed".to_owned(),
        rungs => format!("its {rungs} rungs are used up, a person is needed"),
    };
    after(&sentence, advice).trim_end_matches("; ").to_owned()
}

/// Waits for the service's state to fit, or the symptom to clear; the next rung when it has waited enough. `outdated` is
/// what the node rejected as another process than it has.
pub(crate) fn wait(
    now: Timestamp,
    case: &mut Case,
    (step, outdated): (&Step, Option<Preconditions>),
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
    let plan = case.plan(now, Decision::Wait, IncidentState::Planning, reason);
    out.push(Output::Publish(plan));
    case.stage = Stage::Waiting {
        until: now + step.verify_within,
        outdated,
    };
}
