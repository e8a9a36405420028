//! Whom an incident's end is owed to, and what an action did: cured, useless, harmful, or nobody can tell.
//!
//! The outcome of an action and that of an incident are two things. An action that succeeded cured nothing when the
//! symptom was calm before a node had even taken it up; and an incident is not healed while what our action brought about
//! is there in its stead.

use std::time::Duration;

use arena_proto::{
    CommandId, CommandState, Effect, IncidentEvent, IncidentEventKind, ObserverState, Outcome,
    Resolution, SignalState, Timestamp,
};

use crate::case::{By, Case, Credit, Stage, Trial};
use crate::flight::Flight;
use crate::graph::Graph;
use crate::span::VERIFY;
use crate::words::{after, say, verb};
use crate::{Output, Remediator};

/// An action on what a service calls is felt in how its calls go (latency, errors, its probe); a process that ends ends by
/// its own fault, or by a hand that has nothing to do with ours. By name, as no reading tells the one from the other.
const ENDS_BY_ITSELF: &str = "process_exited";

impl Remediator {
    /// The symptom of the target, or of what calls it, that came after our last action and is still there. What the
    /// detector blames on something else is not ours; nor is the same symptom again, which is the incident going on.
    pub(crate) fn harm(&self, case: &Case) -> Option<String> {
        let flight = match &case.stage {
            Stage::Verifying { flight, .. } => flight,
            Stage::Escalated => case.harmed.as_ref()?,
            _ => return None,
        };
        let (entity, target) = (&case.event.entity, &flight.target);
        let came_of_it = self.book.unresolved().find(|other| {
            let event = &other.event;
            let is_new =
                other.cleared_since.is_none() && event.first_abnormal_at > flight.issued_at;
            let is_blamed = [&event.entity, entity, target].contains(&&event.root_cause);
            let is_another = event.entity != *entity && is_blamed;
            // What we did to it for another incident explains it better.
            let last = self.rails.last_on(&event.entity);
            let last = last.filter(|last| last.incident != case.event.id);
            let is_explained =
                last.is_some_and(|last| last.may_have_caused(event.first_abnormal_at));
            is_new
                && is_another
                && !is_explained
                && (event.entity == *target || self.may_be_hurt_by(target, event))
        })?;
        Some(format!(
            "{} of {}",
            came_of_it.symptom, came_of_it.event.entity
        ))
    }

    fn may_be_hurt_by(&self, target: &arena_proto::Entity, event: &IncidentEvent) -> bool {
        let Some(caller) = event.entity.service.as_ref() else {
            return false;
        };
        let graph = Graph(&self.statuses);
        event.symptom != ENDS_BY_ITSELF
            && graph
                .touched(target)
                .iter()
                .any(|callee| graph.calls(caller, callee))
    }

    /// The symptom had its time and did not clear.
    pub(crate) fn not_cured(
        &self,
        now: Timestamp,
        case: &mut Case,
        flight: &Flight,
        since: Timestamp,
        out: &mut Vec<Output>,
    ) {
        let mut reason = format!(
            "{} of {} did not clear {} within {}",
            verb(flight.action),
            flight.target,
            case.symptom,
            say(now.saturating_since(since))
        );
        let storm = |observer: &arena_proto::Observer| observer.state == ObserverState::Storm;
        let effect = if self.observers.values().any(storm) {
            // Nobody saw whether it did.
            Effect::Unknown
        } else if let Some(harm) = self.harm(case) {
            reason = format!("{reason}, and {harm} came of it");
            Effect::Harmful
        } else {
            Effect::Useless
        };
        case.judged = Some((flight.command_id.clone(), effect));
        if effect != Effect::Unknown {
            case.note_trial(flight, now);
        }
        let last = case.rung >= case.rungs();
        let key = if last {
            VERIFY.to_owned()
        } else {
            format!("{VERIFY}.{}", flight.command_id)
        };
        out.push(case.verify_span(key, flight, since, now, Some(reason.clone())));
        case.next_rung(reason);
    }
}

impl Case {
    /// An action had its time. It is thanked all the same where the first calm sample lies within that: the detector may
    /// tell late.
    pub(crate) fn note_trial(&mut self, flight: &Flight, until: Timestamp) {
        let from = self.could_act_from(flight);
        self.trials.push(Trial {
            flight: flight.clone(),
            from,
            until,
        });
    }

    /// When the node took a command up, as far as that is known.
    fn could_act_from(&self, flight: &Flight) -> Timestamp {
        let accepted = self.accepted.as_ref();
        let accepted = accepted.filter(|(command, _)| *command == flight.command_id);
        accepted.map_or(flight.issued_at, |(_, at)| *at)
    }

    /// The earlier action that cured after all, and how long after it was taken up all was calm.
    fn cured_after_all(&self) -> Option<(&Trial, Duration)> {
        let calm = self.calm_since?;
        let mut trials = self.trials.iter().rev();
        let trial = trials.find(|trial| trial.from <= calm && calm <= trial.until)?;
        Some((trial, calm.saturating_since(trial.from)))
    }

    /// Whom to thank, but for an action that did not help in time.
    fn thanked(&self) -> Option<&Credit> {
        let is_useless = |credit: &&Credit| {
            let mut trials = self.trials.iter();
            trials.any(|trial| trial.flight.command_id == credit.command_id)
        };
        self.credit.as_ref().filter(|credit| !is_useless(credit))
    }
}

/// The symptom cleared, and another came of the action: a person is called, as there is nothing left to act for.
pub(crate) fn harmed(
    now: Timestamp,
    case: &mut Case,
    flight: &Flight,
    harm: &str,
    out: &mut Vec<Output>,
) {
    let reason = format!(
        "{} of {} cleared {}, and {harm} came of it: that is not healed",
        verb(flight.action),
        flight.target,
        case.symptom
    );
    case.judged = Some((flight.command_id.clone(), Effect::Harmful));
    case.escalate_unhealed(now, &reason, out);
    case.harmed = Some(flight.clone());
}

/// The symptom cleared, and what the rung's `verify` wants does not hold: a person is called.
pub(crate) fn not_proven(
    now: Timestamp,
    case: &mut Case,
    flight: &Flight,
    unproven: &str,
    out: &mut Vec<Output>,
) {
    let reason = format!(
        "{} cleared after {} of {}, and {unproven}: that is not healed",
        case.symptom,
        verb(flight.action),
        flight.target
    );
    case.judged = Some((flight.command_id.clone(), Effect::Useless));
    case.escalate_unhealed(now, &reason, out);
}

/// An action that succeeded on the incident's service while it is open is thanked when the symptom clears; of several,
/// the last.
pub(crate) fn give_credit(case: &mut Case, outcome: &Outcome) {
    let id = &case.event.id;
    let ours = outcome
        .command_id
        .as_str()
        .starts_with(&format!("cmd-{id}."));
    if ours
        && matches!(
            outcome.state,
            CommandState::Accepted | CommandState::Running
        )
    {
        note_accepted(&mut case.accepted, &outcome.command_id, outcome.at);
    }
    if outcome.state != CommandState::Succeeded {
        return;
    }
    let by = if ours {
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
            command_id: outcome.command_id.clone(),
            action: outcome.action,
            target: outcome.target(),
            at: outcome.at,
        });
    }
}

/// The first word of the node on the command that it last took up.
fn note_accepted(accepted: &mut Option<(CommandId, Timestamp)>, id: &CommandId, at: Timestamp) {
    let known = accepted.as_ref().filter(|(known, _)| known == id);
    let first = known.map_or(at, |(_, known_at)| at.min(*known_at));
    *accepted = Some((id.clone(), first));
}

/// Since when a symptom is calm, by an event of its incident: its first calm sample. `None`: it is not.
pub(crate) fn calm_since(event: &IncidentEvent, symptom: &str) -> Option<Timestamp> {
    let mut signals = event.signals.iter();
    let own = signals.find(|signal| signal.entity == event.entity && signal.symptom == symptom);
    let is_cleared = event.kind == IncidentEventKind::Cleared;
    match own {
        Some(signal)
            if matches!(
                signal.state,
                SignalState::Recovering | SignalState::Resolved
            ) =>
        {
            Some(signal.since.min(event.at))
        }
        _ => is_cleared.then_some(event.at),
    }
}

/// Did our action come when all was calm already? `accepted` is the node's first word on it, where it was heard.
fn came_too_late(case: &Case) -> Option<String> {
    let calm_since = case.calm_since?;
    let Stage::Verifying { flight, .. } = &case.stage else {
        return None;
    };
    let could_act_from = case.could_act_from(flight);
    (calm_since < could_act_from).then(|| {
        format!(
            "{} was calm {} before the node took up our {}",
            case.symptom,
            say(could_act_from.saturating_since(calm_since)),
            verb(flight.action)
        )
    })
}

/// How an incident that stayed clear ended, and why. What our last action did is told with it.
pub(crate) fn verdict(case: &mut Case) -> (Resolution, String) {
    let symptom = &case.symptom;
    let stable = format!("stayed clear for {}", say(case.stable_for()));
    let late = if matches!(case.stage, Stage::Escalated) {
        "late, after it was escalated"
    } else {
        ""
    };
    let too_late = came_too_late(case);
    let mut cured = None;
    let (resolution, reason) = match (case.thanked(), too_late, case.cured_after_all()) {
        (Some(credit), None, _) => of_credit(case, credit, &stable),
        (Some(credit), ..) if credit.by == By::Person => of_credit(case, credit, &stable),
        (_, _, Some((trial, calm_after))) => {
            let action = verb(trial.flight.action);
            cured = Some((trial.flight.command_id.clone(), Effect::Cured));
            let reason = format!(
                "{symptom} was calm {} after our {action}, which was told late, and {stable}",
                say(calm_after)
            );
            (Resolution::Remediated, reason)
        }
        (Some(_), Some(too_late), None) => (
            Resolution::SelfRecovered,
            format!("{too_late}, and {stable}"),
        ),
        (None, _, None) => {
            let cleared = say(case.event.at.saturating_since(case.event.opened_at));
            let why = match case.credit {
                Some(_) => "no action is known to have helped in time",
                None => "no action is known to have succeeded",
            };
            let reason =
                format!("{symptom} cleared {cleared} after it was opened and {stable}; {why}");
            (Resolution::SelfRecovered, reason)
        }
    };
    let reason = after(late, &reason);
    if cured.is_some() {
        case.judged = cured;
    } else if let Stage::Verifying { flight, .. } = &case.stage {
        let effect = if resolution == Resolution::Remediated {
            Effect::Cured
        } else {
            Effect::Unknown
        };
        case.judged = Some((flight.command_id.clone(), effect));
    }
    (resolution, reason)
}

/// Who is thanked, and how soon after their action it cleared.
fn of_credit(case: &Case, credit: &Credit, stable: &str) -> (Resolution, String) {
    let symptom = &case.symptom;
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
}
