//! What is done next: which rung, whether it fits the service's state, and the command.

use arena_proto::{
    ActionKind, CommandId, Decision, Entity, IncidentState, Preconditions, Timestamp, check_action,
};

use crate::book::CASES_MAX;
use crate::case::{Case, Flight, Refused, Stage};
use crate::playbook::{Step, StepAction};
use crate::rails::{self, HELD_MAX, Rail, Refusal};
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
        let allowed = rails::permission(&self.control)
            .and_then(|()| rails::held(&self.book, &target, &case.symptom));
        if let Err(refusal) = allowed {
            refuse(now, case, refusal, out);
            return;
        }
        let chosen = case.rung > 0;
        let because = case.because.clone();
        if !chosen {
            self.choose_rung(now, case, &target);
        }
        let Some(step) = case.step() else {
            case.escalate(now, after(&case.because, &used_up(case)), out);
            return;
        };
        if let Err(refusal) = self.rails.check(now, &self.book, &case.event.id, &target) {
            refuse(now, case, refusal, out);
            if !chosen && matches!(case.stage, Stage::Deciding(_)) {
                // Whether this is a recurrence is judged when it may act.
                case.rung = 0;
                case.because = because;
            }
            return;
        }
        let StepAction::Command(action) = step.action else {
            case.next_rung(format!("{} is passed over", step.action));
            return;
        };
        if let Err(sentence) = self.fits(case, &target, action) {
            wait(now, case, (&step, None), &sentence, out);
            return;
        }
        self.act(now, case, &step, (action, target), out);
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

    /// Does the action fit the service's state? A status that is older than the incident's last event says nothing against
    /// it: the service has changed since, and the node asks the same guard.
    fn fits(&self, case: &Case, target: &Entity, action: ActionKind) -> Result<(), String> {
        match self.service(target) {
            Some((node, service)) if node.at >= case.event.at => {
                check_action(action, &target.to_string(), service.state, &service.detail)
                    .map_err(|refusal| refusal.sentence)
            }
            _ => Ok(()),
        }
    }

    fn act(
        &mut self,
        now: Timestamp,
        case: &mut Case,
        step: &Step,
        (action, target): (ActionKind, Entity),
        out: &mut Vec<Output>,
    ) {
        let verb = verb(action);
        let because = if case.because.is_empty() {
            case.event.reason.clone()
        } else {
            case.because.clone()
        };
        let reason = format!(
            "{because}; rung {} of {}: {verb} {target}",
            case.rung,
            case.rungs()
        );
        let preconditions = self.preconditions(case, &target, action);
        case.attempts += 1;
        let flight = Flight {
            command_id: CommandId::derive(&case.event.id, case.revision + 1),
            action,
            target,
            params: step.params.clone(),
            deadline: step.deadline,
            issued_at: now,
            preconditions,
        };
        let mut plan = case.plan(now, Decision::Act, IncidentState::Acting, reason.clone());
        flight.describe(&mut plan);
        let command = case.command(&flight, reason);
        out.push(Output::Publish(plan));
        out.push(Output::Issue(Box::new(command)));
        case.record_planned(now, out);
        case.stage = Stage::Acting(flight);
        self.rails.spend();
    }

    /// The process that a command is meant for: as the node's status has it, or as the incident does where that is newer.
    pub(crate) fn preconditions(
        &self,
        case: &Case,
        target: &Entity,
        action: ActionKind,
    ) -> Preconditions {
        let event = &case.event;
        let by_event = (*target == event.entity && event.generation > 0).then_some((
            event.at,
            event.pid,
            event.generation,
        ));
        let by_status = self
            .service(target)
            .map(|(node, service)| (node.at, service.pid, service.generation));
        let newest = by_status
            .into_iter()
            .chain(by_event)
            .max_by_key(|(at, ..)| *at);
        Preconditions {
            start_time: None,
            // What is started is dead: it has no process, though a message may still tell of the last one.
            pid: newest
                .and_then(|(_, pid, _)| pid)
                .filter(|_| action != ActionKind::Start),
            generation: newest.map(|(.., generation)| generation),
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

/// Tells a refusal once, and escalates when our own rails hold an incident up for too long.
fn refuse(now: Timestamp, case: &mut Case, refusal: Refusal, out: &mut Vec<Output>) {
    let Refusal {
        by,
        sentence,
        retry_at,
    } = refusal;
    let before = match &case.stage {
        Stage::Deciding(Some(refused)) => Some(refused.clone()),
        _ => None,
    };
    let since = (!by.is_a_persons()).then(|| {
        let held = before.as_ref().and_then(|refused| refused.since);
        held.unwrap_or(now)
    });
    let give_up_at = since.map(|since| since + HELD_MAX);
    if give_up_at.is_some_and(|at| now >= at) {
        let reason = format!("held up for {}: {sentence}", say(HELD_MAX));
        case.escalate(now, after(&case.because, &reason), out);
        return;
    }
    if before.is_none_or(|refused| refused.by != by) {
        let (decision, state) = if by == Rail::Approve {
            (Decision::Wait, IncidentState::AwaitingApproval)
        } else {
            (Decision::Refuse, IncidentState::Planning)
        };
        let reason = after(&case.because, &format!("not acting: {sentence}"));
        out.push(Output::Publish(case.plan(now, decision, state, reason)));
    }
    case.stage = Stage::Deciding(Some(Refused {
        by,
        since,
        retry_at: retry_at.into_iter().chain(give_up_at).min(),
    }));
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
