//! The shapes that pages and scripts get, in answers and in live events alike. A contract: fields are added, never renamed.

use std::collections::BTreeMap;

use arena_proto::{
    ActionKind, Command, CommandRecord, CommandState, Decision, Entity, FaultReason, FaultState,
    FaultStatus, IncidentState, RejectionReason, Resolution, Severity, Timestamp,
};
use arena_view::question::Question;
use arena_view::status::StatusReport;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the gateway hears the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct BusView {
    /// It does.
    pub connected: bool,
    /// Since when it is so.
    pub since: Timestamp,
    /// What the streams keep has been read. Until then incidents, faults, commands and questions are unknown, and their lists empty.
    pub caught_up: bool,
}

/// What is fixed while the gateway runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct About {
    /// The gateway's version.
    pub version: String,
    /// Since when it runs.
    pub started_at: Timestamp,
    /// The trace viewer's address, without a slash at its end; null when there is none. A trace is at `/trace/<trace id>`.
    pub viewer_url: Option<String>,
    /// Nothing can be changed through this gateway.
    pub read_only: bool,
    /// A change wants a token.
    pub token_required: bool,
}

/// One line of an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IncidentView {
    /// Its id.
    pub id: String,
    /// Whom it is about.
    pub entity: Entity,
    /// The symptom that opened it.
    pub symptom: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: IncidentState,
    /// How it ended; null until it did.
    pub resolution: Option<Resolution>,
    /// Who is believed to be the cause.
    pub root_cause: Option<String>,
    /// Why it was opened, or what was decided last, in plain words.
    pub reason: String,
    /// The first abnormal sample.
    pub first_abnormal_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was resolved, escalated or closed.
    pub ended_at: Option<Timestamp>,
    /// The last decision about it.
    pub decision: Option<Decision>,
    /// The trace that tells its story: 32 hexadecimal digits.
    pub trace_id: String,
}

/// A fault as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FaultView {
    /// Its id.
    pub id: String,
    /// Its name in the catalogue.
    pub fault: String,
    /// Where it is made.
    pub target: Entity,
    /// Where it stands.
    pub state: FaultState,
    /// Why it was rejected, or why it ended.
    pub reason: Option<FaultReason>,
    /// What the node says about it.
    pub message: String,
    /// When it was first heard of.
    pub at: Timestamp,
    /// Since when it has effect.
    pub active_at: Option<Timestamp>,
    /// When it ends whatever happens.
    pub expires_at: Option<Timestamp>,
    /// When it was reverted.
    pub reverted_at: Option<Timestamp>,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

impl From<&FaultStatus> for FaultView {
    /// As its node just said.
    fn from(status: &FaultStatus) -> Self {
        Self {
            id: status.id.to_string(),
            fault: status.fault.clone(),
            target: Entity {
                node: status.node.clone(),
                service: status.service.clone(),
            },
            state: status.state,
            reason: status.reason,
            message: status.message.clone(),
            at: status.at,
            active_at: status.active_at,
            expires_at: status.expires_at,
            reverted_at: status.reverted_at,
            params: status.params.clone(),
        }
    }
}

/// A command as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CommandView {
    /// Its id.
    pub id: String,
    /// What is done.
    pub action: ActionKind,
    /// To whom.
    pub target: Entity,
    /// Where it stands.
    pub state: CommandState,
    /// Why the node rejected it.
    pub reason: Option<RejectionReason>,
    /// What the node says about it.
    pub message: String,
    /// The incident that it is for; null when a person asked.
    pub incident_id: Option<String>,
    /// When this was said.
    pub at: Timestamp,
}

impl From<&Command> for CommandView {
    /// As it was asked for: nobody said anything of it yet.
    fn from(command: &Command) -> Self {
        Self {
            id: command.id.to_string(),
            action: command.action,
            target: command.target(),
            state: CommandState::Requested,
            reason: None,
            message: command.reason.clone(),
            incident_id: command.incident_id.as_ref().map(ToString::to_string),
            at: command.at,
        }
    }
}

impl From<CommandRecord> for CommandView {
    fn from(record: CommandRecord) -> Self {
        Self {
            id: record.id,
            action: record.action,
            target: record.target,
            state: record.state,
            reason: record.reason,
            message: record.message,
            incident_id: record.incident_id,
            at: record.at,
        }
    }
}

/// The readings of one second: by node, by service (empty: the node itself), by metric. What has no reading is not there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct SamplesView {
    /// When they were gathered.
    pub at: Timestamp,
    /// The readings.
    pub nodes: BTreeMap<String, BTreeMap<String, BTreeMap<String, f32>>>,
    /// So many series are not kept, because there are more than the gateway holds; 0 in any arena of a sane size.
    pub series_left_out: u64,
}

/// The last readings of series, side by side.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct SamplesReport {
    /// When the readings were gathered, oldest first: about a second apart, five minutes at most.
    pub at: Vec<Timestamp>,
    /// By entity and metric.
    pub series: Vec<SeriesView>,
    /// So many series are not kept, because there are more than the gateway holds.
    pub series_left_out: u64,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SeriesView {
    /// Of whom.
    pub entity: Entity,
    /// Of what, unit last.
    pub metric: String,
    /// One for each of `at`; null where there was no reading.
    pub values: Vec<Option<f32>>,
}

/// A node that is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NodeGone {
    /// Its name.
    pub name: String,
}

/// That what was missed cannot be told any more. A snapshot follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Resync {
    /// Why.
    pub reason: String,
}

/// Everything, as of one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Snapshot {
    /// Which run of the gateway counts the events.
    pub epoch: String,
    /// The last event that is in it.
    pub seq: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What is fixed while the gateway runs.
    pub about: About,
    /// Everything that events change.
    #[serde(flatten)]
    pub state: State,
}

/// Everything that events change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct State {
    /// Whether the gateway hears the bus.
    pub bus: BusView,
    /// As `/api/v1/status` has it.
    pub status: StatusReport,
    /// Newest first: those that are open, and the last that are over.
    pub incidents: Vec<IncidentView>,
    /// Newest first: those in effect, and the last that are over.
    pub faults: Vec<FaultView>,
    /// Newest first.
    pub commands: Vec<CommandView>,
    /// What waits for an answer, by incident.
    pub questions: Vec<Question>,
}
