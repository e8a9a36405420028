//! What forbids an action: a person's decision, or a rail of our own. None of them acts; each says why not, in numbers,
//! and when it is worth asking again.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    ActionKind, Control, Decision, Entity, IncidentId, LeverPosition, Mode, Plan, Timestamp,
};

use crate::book::Book;
use crate::case::{Case, Flight};
use crate::playbook::{Playbook, Step};
use crate::words::{say, verb};

/// How many commands may be in flight at once: a policy that is wrong hurts at most so many services before the first
/// verdict on it. About as many as a small node has.
const FLIGHTS_MAX: usize = 4;
/// One action is earned in this time: actions that are needed more often for long do not help.
const ACTION_EARNED_IN: Duration = Duration::from_secs(1);
/// How many actions may be saved up: what a node with a dozen services that died at once needs is there.
const ACTIONS_SAVED_MAX: u32 = 12;
/// How long our own rails may hold an incident up before a person is called.
pub(crate) const HELD_MAX: Duration = Duration::from_mins(1);
/// How long the last action on a service is remembered: the longest cooldown that a playbook can ask for.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// What refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rail {
    /// The safety lever is stopped.
    Lever,
    /// The mode lets nobody act.
    Observe,
    /// The mode lets a person decide.
    Approve,
    /// This other incident's command is in flight on the service.
    InFlight(IncidentId),
    /// The same symptom of the service is being verified for this other incident.
    Verifying(IncidentId),
    /// The service settles after an action for this other incident.
    Settling(IncidentId),
    /// Too many commands are in flight.
    Flights,
    /// Too many actions lately.
    Tokens,
}

impl Rail {
    /// A person's decision, which may stand for as long as they like.
    pub(crate) const fn is_a_persons(&self) -> bool {
        matches!(self, Self::Lever | Self::Observe | Self::Approve)
    }
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) by: Rail,
    pub(crate) sentence: String,
    /// When it is worth asking again without any further input.
    pub(crate) retry_at: Option<Timestamp>,
}

/// The last action on a service.
#[derive(Debug, Clone)]
pub(crate) struct LastAction {
    pub(crate) incident: IncidentId,
    pub(crate) symptom: String,
    pub(crate) action: ActionKind,
    pub(crate) rung: u32,
    pub(crate) ended_at: Timestamp,
    settle: Duration,
}

/// What the rails remember.
#[derive(Debug)]
pub(crate) struct Rails {
    last: BTreeMap<Entity, LastAction>,
    /// Saved up, as the time that it takes to earn it.
    saved: Duration,
    saved_at: Timestamp,
}

impl Default for Rails {
    fn default() -> Self {
        Self {
            last: BTreeMap::new(),
            saved: ACTION_EARNED_IN * ACTIONS_SAVED_MAX,
            saved_at: Timestamp::EPOCH,
        }
    }
}

/// May anything be done at all?
pub(crate) fn permission(control: &Control) -> Result<(), Refusal> {
    let by = if control.by.is_empty() {
        String::new()
    } else {
        format!(" (set by {})", control.by)
    };
    let (rail, sentence) = match (control.lever, control.mode) {
        (LeverPosition::Stopped, _) => (
            Rail::Lever,
            format!("the safety lever is STOPPED{by}: nothing is done until it is released"),
        ),
        (LeverPosition::Released, Mode::Observe) => (
            Rail::Observe,
            format!("the mode is OBSERVE{by}: it plans and never acts"),
        ),
        (LeverPosition::Released, Mode::Approve) => (
            Rail::Approve,
            format!(
                "the mode is APPROVE{by}: it waits for a person, and as approvals cannot be given yet, for the mode AUTO \
                 or an action by hand (arena do)"
            ),
        ),
        (LeverPosition::Released, Mode::Auto) => return Ok(()),
    };
    Err(Refusal {
        by: rail,
        sentence,
        retry_at: None,
    })
}

/// Is another incident at work on this service?
pub(crate) fn held(book: &Book, target: &Entity, symptom: &str) -> Result<(), Refusal> {
    let refusal = |by, sentence| {
        Err(Refusal {
            by,
            sentence,
            retry_at: None,
        })
    };
    if let Some(other) = book.flight_on(target) {
        let id = other.event.id.clone();
        let sentence =
            format!("a command for {id} is in flight on {target}, and one at a time is the limit");
        return refusal(Rail::InFlight(id), sentence);
    }
    if let Some(other) = book.verified_on(target, symptom) {
        let id = other.event.id.clone();
        let sentence = format!("{symptom} of {target} is being verified for {id}");
        return refusal(Rail::Verifying(id), sentence);
    }
    Ok(())
}

impl Rails {
    /// Is it too early, or too much?
    pub(crate) fn check(
        &mut self,
        now: Timestamp,
        book: &Book,
        incident: &IncidentId,
        target: &Entity,
    ) -> Result<(), Refusal> {
        if let Some(last) = self
            .last
            .get(target)
            .filter(|last| last.incident != *incident)
        {
            let settled_at = last.ended_at + last.settle;
            if now < settled_at {
                return Err(Refusal {
                    by: Rail::Settling(last.incident.clone()),
                    sentence: format!(
                        "{target} settles for {} after {} for {}, which may have caused this; {} are left",
                        say(last.settle),
                        verb(last.action),
                        last.incident,
                        say(settled_at.saturating_since(now))
                    ),
                    retry_at: Some(settled_at),
                });
            }
        }
        let flights = book.flights();
        if flights >= FLIGHTS_MAX {
            return Err(Refusal {
                by: Rail::Flights,
                sentence: format!(
                    "{flights} commands are in flight, and {FLIGHTS_MAX} is the limit"
                ),
                retry_at: None,
            });
        }
        self.earn(now);
        if self.saved < ACTION_EARNED_IN {
            let left = ACTION_EARNED_IN.saturating_sub(self.saved);
            return Err(Refusal {
                by: Rail::Tokens,
                sentence: format!(
                    "{ACTIONS_SAVED_MAX} actions at once and one more every {} is the limit; the next is earned in {}",
                    say(ACTION_EARNED_IN),
                    say(left)
                ),
                retry_at: Some(now + left),
            });
        }
        Ok(())
    }

    fn earn(&mut self, now: Timestamp) {
        let earned = self.saved + now.saturating_since(self.saved_at);
        self.saved = earned.min(ACTION_EARNED_IN * ACTIONS_SAVED_MAX);
        self.saved_at = self.saved_at.max(now);
    }

    /// An action is taken.
    pub(crate) fn spend(&mut self) {
        self.saved = self.saved.saturating_sub(ACTION_EARNED_IN);
    }

    /// An action of a case has come to an end, whichever.
    pub(crate) fn remember(
        &mut self,
        ended_at: Timestamp,
        case: &Case,
        flight: &Flight,
        step: &Step,
    ) {
        let last = LastAction {
            incident: case.event.id.clone(),
            symptom: case.symptom.clone(),
            action: flight.action,
            rung: case.rung,
            ended_at,
            settle: step.settle,
        };
        self.keep(flight.target.clone(), last);
    }

    fn keep(&mut self, target: Entity, action: LastAction) {
        let now = action.ended_at;
        self.last
            .retain(|_, last| now.saturating_since(last.ended_at) < REMEMBERED_FOR);
        let later = self
            .last
            .get(&target)
            .is_some_and(|last| last.ended_at > now);
        if !later {
            self.last.insert(target, action);
        }
    }

    /// The last action on a service, within the time that it is remembered.
    pub(crate) fn last_on(&self, target: &Entity) -> Option<&LastAction> {
        self.last.get(target)
    }

    /// Remembers what a plan from before a restart tells of an action that ended.
    pub(crate) fn restore(&mut self, plan: &Plan, playbook: Option<&Playbook>) {
        let step = playbook.and_then(|playbook| playbook.step(plan.rung));
        if plan.decision == Decision::Verify
            && let (Some(target), Some(action), Some(step)) =
                (plan.target.clone(), plan.action, step)
        {
            let last = LastAction {
                incident: plan.incident_id.clone(),
                symptom: plan.symptom.clone(),
                action,
                rung: plan.rung,
                ended_at: plan.at,
                settle: step.settle,
            };
            self.keep(target, last);
        }
    }
}
