//! What is known of one command: the plan that issued it, the command itself, its outcomes, and the judgement of what it
//! did to its incident.
//!
//! Each of the three alone names the action and its target, so an action is whole even when its command aged out of
//! its stream (60 s) before the recorder came to it.

use std::collections::BTreeMap;

use arena_proto::{
    ActionKind, ActionRecord, CommandId, CommandRecord, CommandState, Effect, Entity, IncidentId,
    Plan, RejectionReason, RiskClass, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::Event;
use crate::facts::{keep_max, keep_min, merge, name, nanos, nanos_or_none, some_text, text};

/// Facts about one command.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionFacts {
    incident_id: Option<IncidentId>,
    /// What is asked; the least, should two messages disagree.
    asked: Option<Asked>,
    /// Who asked and why: from the command.
    request: Option<Request>,
    /// The earliest that its plan or the command itself says.
    #[serde(with = "nanos_or_none")]
    issued_at: Option<Timestamp>,
    /// At most one a state, so at most nine.
    outcomes: BTreeMap<CommandState, OutcomeFact>,
    /// The symptom of its incident, from a plan that is about it; the least, should two disagree.
    symptom: Option<String>,
    /// What the plan that issued it rested on; the least, should two disagree.
    basis: Option<Basis>,
    /// The last judgement: a late recovery may change it.
    judged: Option<Judged>,
    /// There is evidence that was taken before it.
    evidence: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Asked {
    action: ActionKind,
    target: Entity,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Request {
    issuer: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct OutcomeFact {
    #[serde(with = "nanos")]
    at: Timestamp,
    reason: Option<RejectionReason>,
    message: String,
    pid_before: Option<u32>,
    pid_after: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Basis {
    step: String,
    cause: String,
    risk: Option<RiskClass>,
}

/// Ordered by the revision of the plan that judges.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Judged {
    revision: u32,
    effect: Effect,
}

impl ActionFacts {
    /// Adds what an event says about the command `id`; an event that is not about it adds nothing.
    pub fn apply(&mut self, id: &CommandId, event: &Event) {
        if let Event::Plan(plan) = event {
            self.judge(id, plan);
        }
        if event.command_id() != Some(id) {
            return;
        }
        let asked = match event {
            Event::Plan(plan) => {
                keep_min(&mut self.symptom, name(&plan.symptom));
                let basis = Basis {
                    step: name(&plan.basis.step),
                    cause: name(&plan.basis.cause),
                    risk: plan.basis.risk,
                };
                keep_min(&mut self.basis, basis);
                plan.action.zip(plan.target.clone())
            }
            Event::Command(command) => {
                let request = Request {
                    issuer: text(&command.issuer),
                    reason: text(&command.reason),
                };
                keep_max(&mut self.request, request);
                Some((command.action, command.target()))
            }
            Event::Outcome(outcome) => {
                let fact = OutcomeFact {
                    at: outcome.at,
                    reason: outcome.reason,
                    message: text(&outcome.message),
                    pid_before: outcome.pid_before,
                    pid_after: outcome.pid_after,
                };
                merge(&mut self.outcomes, outcome.state, fact);
                Some((outcome.action, outcome.target()))
            }
            Event::Evidence(_) => {
                self.evidence = true;
                None
            }
            Event::Incident(_) | Event::Fault(_) | Event::FaultStatus(_) => return,
        };
        if let Some((action, target)) = asked {
            keep_min(&mut self.asked, Asked { action, target });
        }
        if let Some(id) = event.incident_id() {
            keep_min(&mut self.incident_id, id.clone());
        }
        if matches!(event, Event::Plan(_) | Event::Command(_)) {
            keep_min(&mut self.issued_at, event.at());
        }
    }

    fn judge(&mut self, id: &CommandId, plan: &Plan) {
        let Some((_, effect)) = plan.basis.judged.as_ref().filter(|(of, _)| of == id) else {
            return;
        };
        let judged = Judged {
            revision: plan.revision,
            effect: *effect,
        };
        keep_max(&mut self.judged, judged);
        keep_min(&mut self.symptom, name(&plan.symptom));
        keep_min(&mut self.incident_id, plan.incident_id.clone());
    }

    /// The symptom of its incident; `None` for a person's command.
    #[must_use]
    pub fn symptom(&self) -> Option<&str> {
        self.symptom.as_deref()
    }

    /// The step as the playbook writes it.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        let step = self.basis.as_ref().map(|basis| basis.step.as_str());
        step.filter(|step| !step.is_empty())
    }

    /// What it did to its incident; `None` until it was judged.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        self.judged.as_ref().map(|judged| judged.effect)
    }

    /// There is evidence that was taken before it.
    #[must_use]
    pub const fn has_evidence(&self) -> bool {
        self.evidence
    }

    /// The incident that it is for, if any.
    #[must_use]
    pub const fn incident_id(&self) -> Option<&IncidentId> {
        self.incident_id.as_ref()
    }

    /// What is asked.
    #[must_use]
    pub fn action(&self) -> Option<ActionKind> {
        self.asked.as_ref().map(|asked| asked.action)
    }

    /// Of what.
    #[must_use]
    pub fn target(&self) -> Option<&Entity> {
        self.asked.as_ref().map(|asked| &asked.target)
    }

    /// Who asked; `None` until the command itself is known.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.request.as_ref().map(|request| request.issuer.as_str())
    }

    /// When it was issued.
    #[must_use]
    pub const fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// Where it stands: the last of the final outcomes, else the last outcome, else REQUESTED.
    #[must_use]
    pub fn state(&self) -> CommandState {
        self.current()
            .map_or(CommandState::Requested, |(state, _)| state)
    }

    /// When it ended; `None` until a final outcome is known.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.current()
            .filter(|(state, _)| state.is_final())
            .map(|(_, fact)| fact.at)
    }

    /// What the node said about it; a rejection begins with its reason.
    #[must_use]
    pub fn message(&self) -> String {
        match self.current() {
            None => String::new(),
            Some((_, fact)) => match fact.reason {
                None => fact.message.clone(),
                Some(reason) if fact.message.is_empty() => reason.to_string(),
                Some(reason) => format!("{reason}: {}", fact.message),
            },
        }
    }

    /// As it is told by itself, also a person's; `None` while nobody said what is asked.
    #[must_use]
    pub fn command(&self, id: &CommandId) -> Option<CommandRecord> {
        let asked = self.asked.as_ref()?;
        let said = self.current().map(|(_, fact)| fact);
        Some(CommandRecord {
            id: id.to_string(),
            action: asked.action,
            target: asked.target.clone(),
            state: self.state(),
            reason: said.and_then(|fact| fact.reason),
            message: said.map_or_else(String::new, |fact| fact.message.clone()),
            issuer: self.issuer().map(ToOwned::to_owned),
            incident_id: self.incident_id.as_ref().map(ToString::to_string),
            at: said.map(|fact| fact.at).or(self.issued_at)?,
        })
    }

    /// As people read it.
    #[must_use]
    pub fn record(&self, id: &CommandId) -> ActionRecord {
        ActionRecord {
            action: self
                .action()
                .map_or_else(String::new, |action| action.as_str().to_ascii_lowercase()),
            target: self.target().map_or_else(String::new, Entity::to_string),
            outcome: self.state().to_string(),
            command_id: id.to_string(),
            message: self.message(),
            effect: self.effect().map(|effect| effect.to_string()),
            issued_at: self.issued_at.map(|at| at.to_string()),
            ended_at: self.ended_at().map(|at| at.to_string()),
            risk: self
                .basis
                .as_ref()
                .and_then(|basis| Some(basis.risk?.to_string())),
            cause: self
                .basis
                .as_ref()
                .and_then(|basis| some_text(&basis.cause)),
            step: self.step().map(ToOwned::to_owned),
            issuer: self.issuer().map(ToOwned::to_owned),
            evidence: self.evidence,
        }
    }

    fn current(&self) -> Option<(CommandState, &OutcomeFact)> {
        self.outcomes
            .iter()
            .map(|(state, fact)| (*state, fact))
            .max_by_key(|(state, fact)| (state.is_final(), fact.at, *state))
    }
}
