//! What one plan says: a decision, and what it rested on.

use std::collections::BTreeMap;

use arena_proto::{
    ActionKind, CommandId, Decision, DecisionRecord, Effect, Entity, IncidentState, JudgedRecord,
    Plan, Resolution, RiskClass, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::facts::{name, nanos, nanos_or_none, numbers, rounded, some_text, text};

/// One decision. Where two plans claim the same revision, the greater one stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Decided {
    #[serde(with = "nanos")]
    pub(crate) at: Timestamp,
    pub(crate) decision: Decision,
    pub(crate) incident_state: IncidentState,
    pub(crate) resolution: Option<Resolution>,
    pub(crate) reason: String,
    /// Facts of before this was known have none.
    #[serde(default)]
    basis: Basis,
}

/// What it rested on. A text that is empty says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
struct Basis {
    rail: String,
    cause: String,
    risk: Option<RiskClass>,
    step: String,
    action: Option<ActionKind>,
    target: Option<Entity>,
    playbook: String,
    rung: u32,
    rungs: u32,
    command_id: Option<CommandId>,
    #[serde(with = "nanos_or_none")]
    expires_at: Option<Timestamp>,
    numbers: BTreeMap<String, String>,
    judged: Option<(CommandId, Effect)>,
}

impl From<&Plan> for Decided {
    fn from(plan: &Plan) -> Self {
        Self {
            at: plan.at,
            decision: plan.decision,
            incident_state: plan.incident_state,
            resolution: plan.resolution,
            reason: text(&plan.reason),
            basis: Basis {
                rail: name(&plan.basis.rail),
                cause: name(&plan.basis.cause),
                risk: plan.basis.risk,
                step: name(&plan.basis.step),
                action: plan.action,
                target: plan.target.clone(),
                playbook: name(&plan.playbook),
                rung: plan.rung,
                rungs: plan.rungs,
                command_id: plan.command_id.clone(),
                expires_at: plan.basis.expires_at,
                numbers: numbers(&plan.basis.numbers),
                judged: plan.basis.judged.clone(),
            },
        }
    }
}

impl Decided {
    /// As people read it.
    pub(crate) fn record(&self, revision: u32) -> DecisionRecord {
        let basis = &self.basis;
        DecisionRecord {
            decision: self.decision.to_string(),
            reason: self.reason.clone(),
            at: self.at.to_string(),
            revision,
            incident_state: self.incident_state.to_string(),
            rail: some_text(&basis.rail),
            cause: some_text(&basis.cause),
            risk: basis.risk.map(|risk| risk.to_string()),
            step: some_text(&basis.step),
            action: basis
                .action
                .map(|action| action.as_str().to_ascii_lowercase()),
            target: basis.target.as_ref().map(Entity::to_string),
            playbook: some_text(&basis.playbook),
            rung: basis.rung,
            rungs: basis.rungs,
            command_id: basis.command_id.as_ref().map(CommandId::to_string),
            expires_at: basis.expires_at.map(|at| at.to_string()),
            numbers: basis
                .numbers
                .iter()
                .filter_map(|(name, number)| Some((name.clone(), rounded(number.parse().ok()?))))
                .collect(),
            judged: basis.judged.as_ref().map(|(id, effect)| JudgedRecord {
                command_id: id.to_string(),
                effect: effect.to_string(),
            }),
        }
    }
}
