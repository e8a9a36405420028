//! What came of an action: the node's outcome, and the detector's word on the symptom, which alone decides.

use arena_proto::{
    CommandState, Decision, IncidentState, Outcome, Preconditions, RejectionReason, Resolution,
    ServiceStatus, Timestamp, check_action,
};

use crate::case::{By, Case, Credit, Flight, Stage};
use crate::ladder::wait;
use crate::playbook::StepAction;
use crate::span::VERIFY;
use crate::words::{after, say, verb};
use crate::{Output, Remediator};

impl Remediator {
    /// Takes an outcome in: it may end a flight, and it may be what cures an incident.
    pub(crate) fn hear(&mut self, now: Timestamp, outcome: &Outcome, out: &mut Vec<Output>) {
        if !outcome.state.is_final() {
            return;
        }
        for id in self.book.unresolved_ids() {
            let Some(mut case) = self.book.take(&id) else {
                continue;
            };
            give_credit(&mut case, outcome);
            if let Stage::Acting(flight) = &case.stage
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
            self.rails.remember(now, case, &flight, &step);
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
            let mut plan = case.plan(now, Decision::Verify, IncidentState::Verifying, reason);
            flight.describe(&mut plan);
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
        if outcome.state != CommandState::Rejected {
            self.rails.remember(now, case, &flight, &step);
        }
        let outdated = (outcome.reason == Some(RejectionReason::TargetChanged))
            .then_some(flight.preconditions);
        if case.cleared_since.is_some() {
            needless(now, case, &failure, out);
        } else if outcome.state == CommandState::Rejected && is_about_the_moment(outcome.reason) {
            wait(now, case, (&step, outdated), &failure, out);
        } else {
            case.next_rung(failure);
        }
    }

    /// What time and the detector say about an incident.
    pub(crate) fn judge(&mut self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        self.shift(now, case, out);
        let cleared_since = case.cleared_since;
        match &case.stage {
            Stage::Acting(flight) if now >= flight.gives_up_at() => {
                let flight = flight.clone();
                self.lose(now, case, &flight, out);
            }
            Stage::Acting(_) => {}
            _ if cleared_since.is_some_and(|since| now >= since + case.stable_for()) => {
                let (resolution, reason) = verdict(case);
                case.resolve(now, resolution, reason, out);
            }
            _ if cleared_since.is_some() => {}
            Stage::Verifying {
                flight,
                since,
                until,
            } if now >= *until => {
                let (flight, since) = (flight.clone(), *since);
                not_cured(now, case, &flight, since, out);
            }
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
            case.resolve(now, Resolution::Merged, reason, out);
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
        if let Some(step) = case.step() {
            self.rails.remember(now, case, &flight, &step);
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
        let (Some(step), Some(target)) = (case.step(), case.target()) else {
            case.stage = Stage::Deciding(None);
            return;
        };
        let service = self
            .service(&target)
            .map(|(_, service)| service)
            .filter(|service| !outdated.is_some_and(|outdated| is_still(service, outdated)));
        let fits = service.is_some_and(|service| {
            let StepAction::Command(action) = step.action else {
                return false;
            };
            check_action(
                action,
                service.name.as_str(),
                service.state,
                &service.detail,
            )
            .is_ok()
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
        Some(TargetChanged | Busy | Expired | NotAllowed | LeverStopped) => true,
        Some(UnknownTarget | Unsupported | Fenced) | None => false,
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

/// An action that succeeded on the incident's service while it is open is thanked when the symptom clears; of several,
/// the last.
fn give_credit(case: &mut Case, outcome: &Outcome) {
    if outcome.state != CommandState::Succeeded {
        return;
    }
    let id = &case.event.id;
    let by = if outcome
        .command_id
        .as_str()
        .starts_with(&format!("cmd-{id}."))
    {
        By::Remediator
    } else {
        let at_work_on = [Some(case.event.entity.clone()), case.target()];
        let concerns = at_work_on
            .iter()
            .flatten()
            .any(|entity| *entity == outcome.target());
        let a_persons = outcome.incident_id.as_ref().is_none_or(|other| other == id);
        if !(concerns && a_persons && outcome.at >= case.event.first_abnormal_at) {
            return;
        }
        By::Person
    };
    if case
        .credit
        .as_ref()
        .is_none_or(|credit| credit.at < outcome.at)
    {
        case.credit = Some(Credit {
            by,
            action: outcome.action,
            at: outcome.at,
        });
    }
}

/// The symptom had its time and did not clear.
fn not_cured(
    now: Timestamp,
    case: &mut Case,
    flight: &Flight,
    since: Timestamp,
    out: &mut Vec<Output>,
) {
    let reason = format!(
        "{} of {} did not clear {} within {}",
        verb(flight.action),
        flight.target,
        case.symptom,
        say(now.saturating_since(since))
    );
    let last = case.rung >= case.rungs();
    let key = if last {
        VERIFY.to_owned()
    } else {
        format!("{VERIFY}.{}", flight.command_id)
    };
    out.push(case.verify_span(key, flight, since, now, Some(reason.clone())));
    case.next_rung(reason);
}

/// How an incident that stayed clear ended, and why.
fn verdict(case: &Case) -> (Resolution, String) {
    let symptom = &case.symptom;
    let stable = format!("stayed clear for {}", say(case.stable_for()));
    let late = if matches!(case.stage, Stage::Escalated) {
        "late, after it was escalated"
    } else {
        ""
    };
    let (resolution, reason) = if let Some(credit) = &case.credit {
        let (resolution, whose) = match credit.by {
            By::Remediator => (Resolution::Remediated, "our"),
            By::Person => (Resolution::Manual, "a person's"),
        };
        let action = verb(credit.action);
        let reason = if case.event.at < credit.at {
            format!("{symptom} cleared while {whose} {action} was under way and {stable}")
        } else {
            let cleared = say(case.event.at.saturating_since(credit.at));
            format!("{symptom} cleared {cleared} after {whose} {action} and {stable}")
        };
        (resolution, reason)
    } else {
        let reason = format!(
            "{symptom} cleared {} after it was opened and {stable}; no action is known to have succeeded",
            say(case.event.at.saturating_since(case.event.opened_at))
        );
        (Resolution::SelfRecovered, reason)
    };
    (resolution, after(late, &reason))
}
