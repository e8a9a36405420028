//! What the recorder answers: incidents, faults and totals as people's scripts read them (`arena incidents --json`).
//! These shapes are a contract; fields are added, never renamed. Times in milliseconds have three decimals at most.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ActionKind, CommandState, Entity, IncidentState, RejectionReason, Resolution, Severity,
    Timestamp,
};

/// One incident as `arena incidents --json` lists it. Times in milliseconds, null until known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentRecord {
    /// The incident's id.
    pub id: String,
    /// `node` or `node/service`.
    pub entity: String,
    /// The symptom that opened it.
    pub symptom: String,
    /// INFO, WARNING, ERROR or CRITICAL.
    pub severity: String,
    /// The incident's state, a word of [`crate::IncidentState`].
    pub state: String,
    /// How it ended, a word of [`crate::Resolution`].
    pub resolution: Option<String>,
    /// The entity that is believed to be the cause.
    pub root_cause: Option<String>,
    /// RFC 3339, UTC.
    pub opened_at: String,
    /// First abnormal sample to open.
    pub detect_ms: Option<f64>,
    /// Open to the first command issued.
    pub plan_ms: Option<f64>,
    /// First command issued to the last command's final outcome.
    pub act_ms: Option<f64>,
    /// Last command's final outcome to the verdict.
    pub verify_ms: Option<f64>,
    /// What was done, in order.
    pub actions: Vec<ActionRecord>,
    /// The trace that tells the story: 32 hexadecimal digits.
    pub trace_id: String,
    /// RFC 3339, UTC: when it was resolved, escalated or closed.
    pub ended_at: Option<String>,
    /// Why it was opened, in plain words.
    pub reason: String,
    /// Every decision, in order, in plain words.
    pub decisions: Vec<DecisionRecord>,
    /// The same for every incident of this symptom of this entity.
    #[serde(default)]
    pub fingerprint: String,
    /// Who may be the cause, likeliest first.
    #[serde(default)]
    pub candidates: Vec<String>,
    /// Symptoms that this incident explains, by entity: none of them is an incident of its own.
    #[serde(default)]
    pub children: Vec<ChildRecord>,
    /// What supports the resolution, in plain words: why it counts as healed, and by whom. Null until it is resolved.
    #[serde(default)]
    pub support: Option<String>,
    /// How many pieces of evidence are stored with it: at most one an action ([`IncidentStory`] has them).
    #[serde(default)]
    pub evidence_count: u64,
}

/// A symptom that another entity's incident explains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChildRecord {
    /// `node` or `node/service`.
    pub entity: String,
    /// Which symptom.
    pub symptom: String,
    /// The entity that explains it.
    pub inhibited_by: String,
    /// In words, with the readings.
    pub evidence: String,
}

/// One action of an incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionRecord {
    /// A word of [`crate::ActionKind`], in lower case.
    pub action: String,
    /// `node/service`.
    pub target: String,
    /// A word of [`crate::CommandState`]; REQUESTED until the node answered.
    pub outcome: String,
    /// The command's id.
    pub command_id: String,
    /// What the node said about it.
    pub message: String,
    /// What it did to the incident, a word of [`crate::Effect`]; null until it was judged.
    #[serde(default)]
    pub effect: Option<String>,
    /// RFC 3339, UTC.
    #[serde(default)]
    pub issued_at: Option<String>,
    /// RFC 3339, UTC: its final outcome.
    #[serde(default)]
    pub ended_at: Option<String>,
    /// A word of [`crate::RiskClass`]; null for a person's command.
    #[serde(default)]
    pub risk: Option<String>,
    /// What was believed to be wrong; null when the playbook did not say.
    #[serde(default)]
    pub cause: Option<String>,
    /// The step as the playbook writes it: `failover` is two actions.
    #[serde(default)]
    pub step: Option<String>,
    /// Who asked: remediator, cli...
    #[serde(default)]
    pub issuer: Option<String>,
    /// There is evidence that was taken before it.
    #[serde(default)]
    pub evidence: bool,
}

/// Asks the recorder for one command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CommandQuery {
    /// The command's id.
    pub id: String,
}

/// One command, also a person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CommandRecord {
    /// Its id.
    pub id: String,
    /// What is done.
    pub action: ActionKind,
    /// To whom.
    pub target: Entity,
    /// REQUESTED until the node answered.
    pub state: CommandState,
    /// Why the node rejected it.
    pub reason: Option<RejectionReason>,
    /// What the node said about it.
    pub message: String,
    /// Who asked: remediator, cli...; null when only its outcome is known.
    pub issuer: Option<String>,
    /// Null when a person asked.
    pub incident_id: Option<String>,
    /// The last that is known of it.
    pub at: Timestamp,
}

/// One decision of an incident.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecisionRecord {
    /// A word of [`crate::Decision`].
    pub decision: String,
    /// Why, in plain words; of an approval or a denial also who and when.
    pub reason: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// Counts the decisions of an incident from 1.
    #[serde(default)]
    pub revision: u32,
    /// The incident's state from here on, a word of [`crate::IncidentState`].
    #[serde(default)]
    pub incident_state: String,
    /// The rail that refused.
    #[serde(default)]
    pub rail: Option<String>,
    /// What was believed to be wrong.
    #[serde(default)]
    pub cause: Option<String>,
    /// How much the step can hurt, a word of [`crate::RiskClass`].
    #[serde(default)]
    pub risk: Option<String>,
    /// The step as the playbook writes it.
    #[serde(default)]
    pub step: Option<String>,
    /// The action that was issued or considered: a word of [`crate::ActionKind`], in lower case.
    #[serde(default)]
    pub action: Option<String>,
    /// What the action is for: `node/service` or `node`.
    #[serde(default)]
    pub target: Option<String>,
    /// The playbook that it follows.
    #[serde(default)]
    pub playbook: Option<String>,
    /// The rung of the ladder, from 1; 0 when none applies.
    #[serde(default)]
    pub rung: u32,
    /// How many rungs the ladder has.
    #[serde(default)]
    pub rungs: u32,
    /// The command that carries the action.
    #[serde(default)]
    pub command_id: Option<String>,
    /// RFC 3339, UTC: when the question that it puts to a person expires.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// The numbers that decided, by name.
    #[serde(default)]
    pub numbers: BTreeMap<String, f64>,
    /// What an earlier command turned out to have done.
    #[serde(default)]
    pub judged: Option<JudgedRecord>,
}

/// What a command did to its incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JudgedRecord {
    /// The command's id.
    pub command_id: String,
    /// A word of [`crate::Effect`].
    pub effect: String,
}

/// Asks the recorder for incidents, newest first. An absent field does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct IncidentQuery {
    /// Only this one.
    pub id: Option<String>,
    /// Only those opened within this many milliseconds.
    pub since_ms: Option<u64>,
    /// At most this many; the recorder gives at most 200.
    pub limit: Option<u32>,
    /// Only those older than this id's (for the next page).
    pub before: Option<String>,
    /// Only those that are open (neither RESOLVED nor CLOSED), or only those that are not.
    pub open: Option<bool>,
    /// Only those in this state.
    pub state: Option<IncidentState>,
    /// Only those about this; a node stands for its services as well.
    pub entity: Option<Entity>,
    /// Only those of this symptom.
    pub symptom: Option<String>,
    /// Only those that are this bad.
    pub severity: Option<Severity>,
    /// Only those that ended so.
    pub resolution: Option<Resolution>,
}

/// One fault, newest first in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FaultRecord {
    /// The fault's id.
    pub id: String,
    /// Its name in the catalogue.
    pub fault: String,
    /// `node/service`.
    pub target: String,
    /// A word of [`crate::FaultState`].
    pub state: String,
    /// A word of [`crate::FaultReason`].
    pub reason: Option<String>,
    /// What the node said about it.
    pub message: String,
    /// RFC 3339, UTC.
    pub active_at: Option<String>,
    /// RFC 3339, UTC.
    pub expires_at: Option<String>,
    /// RFC 3339, UTC.
    pub reverted_at: Option<String>,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

/// Totals for `arena status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Summary {
    /// Incidents that are neither resolved nor closed (escalated ones are open: a human is needed).
    pub incidents_open: u64,
    /// Faults that are armed, active or reverting, and not past their time to live.
    pub faults_active: u64,
    /// Incidents ever stored.
    pub incidents_total: u64,
    /// Events ever stored.
    pub events_total: u64,
    /// `sqlite` or `postgres`.
    pub database: String,
}

/// Asks the injector for a fault; the answer is [`InjectReply`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct InjectRequest {
    /// Its name in the catalogue.
    pub fault: String,
    /// `node/service`.
    pub target: String,
    /// Time to live in milliseconds.
    pub ttl_ms: u64,
    /// Its parameters, as text.
    pub params: BTreeMap<String, String>,
}

/// Asks the injector to undo a fault: its id, or `all`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RevertRequest {
    /// A fault's id, or `all`.
    pub id: String,
}

/// The injector's answer: what was published, or why nothing was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InjectReply {
    /// The faults that the request was about.
    pub ids: Vec<String>,
    /// Why nothing was published, in plain words with the mend; `None` when all is well.
    pub error: Option<String>,
}
