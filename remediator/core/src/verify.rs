//! What came of an action: the node's outcome, and the detector's word on the symptom, which alone decides.

use arena_proto::{
    ActionKind, CommandState, Decision, Effect, IncidentState, Outcome, Preconditions,
    RejectionReason, Resolution, ServiceStatus, Timestamp, check_action,
};

use crate::case::{Case, Stage};
use crate::flight::Flight;
use crate::ladder::wait;
use crate::planner::Deed;
use crate::playbook::{Step, StepAction};
use crate::rails::LastAction;
use crate::verdict::{give_credit, harmed, not_proven};
use crate::words::{say, verb};
use crate::{Output, Remediator};

impl Remediator {
    /// Takes an outcome in: it may end a flight, and it may be what cures an incident. Before all has been told it only
    /// says who did what when: what followed from it was planned then, or the outcome is told again.
    pub(crate) fn hear(&mut self, now: Timestamp, outcome: &Outcome, out: &mut Vec<Output>) {
        for id in self.book.unresolved_ids() {
            let Some(mut case) = self.book.take(&id) else {
                continue;
            };
            give_credit(&mut case, outcome);
            if let Stage::Acting(flight) = &case.stage
                && self.restored
                && outcome.state.is_final()
                && flight.command_id == outcome.command_id
            {
                let flight = flight.clone();
                self.land(now, &mut case, flight, outcome, out);
            }
            self.book.put(case);
        }
    }

    /// Ends a flight by its outcome.
    fn land(
        &mut self,
        now: Timestamp,
        case: &mut Case,
        flight: Flight,
        outcome: &Outcome,
        out: &mut Vec<Output>,
    ) {
        let failure = failure(&flight, outcome);
        // What the action did comes on top of what was cleared before: from here it has to last.
        case.cleared_since = case.cleared_since.map(|_| now);
        out.push(case.act_span(&flight, now, failure.clone()));
        let Some(step) = case.step() else {
            case.next_rung("the playbook has no such rung any more".to_owned());
            return;
        };
        if outcome.state == CommandState::Succeeded {
            self.rails.remember(
                flight.target.clone(),
                last_action(now, case, &flight, &step),
            );
            if step.action == StepAction::Failover && flight.action == ActionKind::Start {
                case.take_over(now, &flight);
                return;
            }
            let reason = format!(
                "{} of {} succeeded after {}{}; {} must clear within {} and stay clear for {}",
                verb(flight.action),
                flight.target,
                say(now.saturating_since(flight.issued_at)),
                processes(outcome),
                case.symptom,
                say(step.verify_within),
                say(case.stable_for())
            );
            case.note_done(&step, &flight);
            let mut plan = case.plan(now, Decision::Verify, IncidentState::Verifying, reason);
            flight.describe(&mut plan);
            plan.basis.step = step.action.to_string();
            (plan.basis.cause, plan.basis.risk) = (step.cause, Some(step.risk));
            out.push(Output::Publish(plan));
            case.stage = Stage::Verifying {
                flight,
                since: now,
                until: now + step.verify_within,
            };
            return;
        }
        let failure = failure.unwrap_or_default();
        case.stage = Stage::Deciding(None);
        if outcome.state == CommandState::Rejected {
            self.rails.rejected(flight.action, &flight.target);
        } else {
            let effect = if case.cleared_since.is_none() && outcome.state == CommandState::Failed {
                Effect::Useless
            } else {
                Effect::Unknown
            };
            case.judged = Some((flight.command_id.clone(), effect));
            self.rails.remember(
                flight.target.clone(),
                last_action(now, case, &flight, &step),
            );
        }
        let outdated = (outcome.reason == Some(RejectionReason::TargetChanged))
            .then_some(flight.preconditions);
        if case.cleared_since.is_some() {
            needless(now, case, &failure, out);
        } else if outcome.state == CommandState::Rejected && is_about_the_moment(outcome.reason) {
            let what = (&step, flight.action, &flight.target);
            wait(now, case, what, outdated, &failure, out);
        } else {
            case.next_rung(failure);
        }
    }

    /// What time and the detector say about an incident.
    pub(crate) fn judge(&mut self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        self.shift(now, case, out);
        case.harm = case.cleared_since.and_then(|_| self.harm(case));
        let wants_proof = match case.stage {
            Stage::Verifying { .. } => true,
            Stage::Escalated => case.unproven.is_some(),
            _ => false,
        };
        let is_asked = wants_proof && case.cleared_since.is_some();
        case.unproven = is_asked.then(|| self.unproven(case)).flatten();
        case.concluded = case
            .concluded
            .take()
            .filter(|_| case.cleared_since.is_some());
        let is_stable = case
            .cleared_since
            .is_some_and(|since| now >= since + case.stable_for());
        match &case.stage {
            Stage::Acting(flight) if now >= flight.gives_up_at() => {
                let flight = flight.clone();
                self.lose(now, case, &flight, out);
            }
            Stage::Acting(_) => {}
            _ if is_stable && case.harm.is_none() && case.unproven.is_none() => {
                self.conclude(now, case, out);
            }
            Stage::Verifying {
                flight,
                since,
                until,
            } if now >= *until => {
                let (flight, since) = (flight.clone(), *since);
                if case.cleared_since.is_none() {
                    self.not_cured(now, case, &flight, since, out);
                } else if let Some(harm) = case.harm.clone() {
                    harmed(now, case, &flight, &harm, out);
                } else if let Some(unproven) = case.unproven.clone() {
                    not_proven(now, case, &flight, &unproven, out);
                }
            }
            _ if case.cleared_since.is_some() => {}
            Stage::Waiting { until, outdated } => {
                let (until, outdated) = (*until, *outdated);
                self.look_again(now, case, until, outdated);
            }
            _ => {}
        }
        self.merge(now, case, out);
    }

    /// The detector opens an incident of the same entity and symptom again only when the last one was over for it. What
    /// is under way for the last one is brought to its end first.
    fn merge(&self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        let under_way = match case.stage {
            Stage::Acting(_) => true,
            Stage::Verifying { .. } => case.cleared_since.is_none(),
            Stage::Deciding(_) | Stage::Waiting { .. } | Stage::Escalated => false,
            Stage::Resolved => return,
        };
        if let (false, Some(successor)) = (under_way, self.successor(case)) {
            let reason = format!(
                "{} of {} was opened again as {successor}, which goes on from here",
                case.event.symptom, case.event.entity
            );
            if let Stage::Verifying { flight, .. } = &case.stage {
                // It cleared and is back: the action did not hold.
                case.judged = Some((flight.command_id.clone(), Effect::Useless));
            }
            case.resolve(now, Resolution::Merged, &reason, out);
        }
    }

    /// Nothing was heard of a command, and nothing can come of it any more.
    fn lose(&mut self, now: Timestamp, case: &mut Case, flight: &Flight, out: &mut Vec<Output>) {
        let reason = format!(
            "no outcome of {} within {}: {} of {} is UNKNOWN, which is not taken for success",
            flight.command_id,
            say(flight.gives_up_at().saturating_since(flight.issued_at)),
            verb(flight.action),
            flight.target
        );
        out.push(case.act_span(flight, now, Some(reason.clone())));
        case.judged = Some((flight.command_id.clone(), Effect::Unknown));
        if let Some(step) = case.step() {
            self.rails
                .remember(flight.target.clone(), last_action(now, case, flight, &step));
        }
        if case.cleared_since.is_some() {
            needless(now, case, &reason, out);
        } else {
            case.next_rung(reason);
        }
    }

    /// Looks whether what an incident waits for has come: the same rung again when the service is unwell and the action
    /// fits, the next rung when the time is over.
    fn look_again(
        &self,
        now: Timestamp,
        case: &mut Case,
        until: Timestamp,
        outdated: Option<Preconditions>,
    ) {
        let Some(step) = case.step() else {
            case.stage = Stage::Deciding(None);
            return;
        };
        if step.action == StepAction::Wait {
            self.wait_on(now, case, &step, until);
            return;
        }
        let Ok(Deed::Act(action, target)) = self.deed(case, &step) else {
            case.stage = Stage::Deciding(None);
            return;
        };
        let service = self
            .service(&target)
            .map(|(_, service)| service)
            .filter(|service| !outdated.is_some_and(|outdated| is_still(service, outdated)));
        let fits = service.is_some_and(|service| {
            let name = service.name.as_str();
            check_action(action, name, service.state, &service.detail).is_ok()
        });
        if fits && (now >= until || service.is_some_and(|service| !service.is_healthy())) {
            case.stage = Stage::Deciding(None);
        } else if now >= until {
            case.next_rung(format!(
                "{} did not clear within {}, and {} did not become possible",
                case.symptom,
                say(step.verify_within),
                step.action
            ));
        }
    }
}

/// What the rails remember of an action that has come to an end, whichever.
fn last_action(now: Timestamp, case: &Case, flight: &Flight, step: &Step) -> LastAction {
    LastAction {
        incident: case.event.id.clone(),
        symptom: case.symptom.clone(),
        action: flight.action,
        rung: case.rung,
        begun_at: flight.issued_at,
        ended_at: now,
        settle: step.settle,
    }
}

/// Is it still the process that a command was for?
fn is_still(service: &ServiceStatus, meant: Preconditions) -> bool {
    meant.generation == Some(service.generation)
        && meant.pid.is_none_or(|pid| service.pid == Some(pid))
}

/// The action did no good, and needs not: the symptom is cleared.
fn needless(now: Timestamp, case: &mut Case, failure: &str, out: &mut Vec<Output>) {
    let reason = format!(
        "{failure}; {} is cleared all the same, and must stay clear for {}",
        case.symptom,
        say(case.stable_for())
    );
    let plan = case.plan(now, Decision::Wait, IncidentState::Verifying, reason);
    out.push(Output::Publish(plan));
    case.next_rung(failure.to_owned());
}

/// The process that the outcome tells of changed, or another action is in flight: that passes.
fn is_about_the_moment(reason: Option<RejectionReason>) -> bool {
    use RejectionReason::{
        Busy, Expired, Fenced, LeverStopped, NotAllowed, TargetChanged, UnknownTarget, Unsupported,
    };
    match reason {
        // A remediator that goes on after it was fenced has a newer token.
        Some(TargetChanged | Busy | Expired | NotAllowed | LeverStopped | Fenced) => true,
        Some(UnknownTarget | Unsupported) | None => false,
    }
}

/// Why a command that ended did no good; `None` when it succeeded.
fn failure(flight: &Flight, outcome: &Outcome) -> Option<String> {
    if outcome.state == CommandState::Succeeded {
        return None;
    }
    let mut said = outcome.state.to_string();
    if let Some(reason) = outcome.reason {
        said = format!("{said} as {reason}");
    }
    if !outcome.message.is_empty() {
        said = format!("{said} ({})", outcome.message);
    }
    Some(format!(
        "{} of {} was {said}",
        verb(flight.action),
        flight.target
    ))
}

fn processes(outcome: &Outcome) -> String {
    match (outcome.pid_before, outcome.pid_after) {
        (Some(before), Some(after)) if before != after => format!(" (pid {before} to {after})"),
        (None, Some(after)) => format!(" (pid {after})"),
        _ => String::new(),
    }
}
