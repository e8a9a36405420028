//! The status of an arena: nodes, services, what people and the detector decided, what is open, and what is not well.

mod build;

use std::collections::BTreeMap;

use arena_proto::{
    Control, Entity, FaultRecord, IncidentRecord, LeverPosition, Mode, NodeStatus, Observer,
    ObserverState, RestartOwner, ServiceClass, ServiceName, Summary, Timestamp,
};
use serde::Serialize;

use crate::Liveness;
use crate::action::ActionView;

pub use build::{arena_report, is_in_effect, is_open, node_report, observed, report};

/// The state of who does not answer, and of what only they know.
pub const SILENT: &str = "NO_DATA";

/// The components that an arena has one of.
pub const COMPONENTS: [&str; 4] = ["detector", "remediator", "injector", "recorder"];

/// The component that an arena may do without.
pub const GATEWAY: &str = "gateway";

/// The `arena up` that started the arena was killed, and what to do about it.
pub const UP_DIED: &str = "`arena up` died; `arena up` or `arena down` cleans this up";

/// What was found out; of what the recorder was asked, why it gave nothing.
#[derive(Debug, Clone)]
pub struct Found {
    /// What every node last wrote about itself, and whether its agent answers; in the order of the report.
    pub nodes: Vec<(NodeStatus, Liveness)>,
    /// Whether each of [`COMPONENTS`] answers; one that is left out does not. [`GATEWAY`] is there where one was started or answers.
    pub components: BTreeMap<String, Liveness>,
    /// Whom each service was seen to call without declaring it.
    pub observed: BTreeMap<Entity, Vec<ServiceName>>,
    /// What people decided; a stopped lever when that is lost.
    pub control: Control,
    /// Why nobody can say what people decided.
    pub control_lost: Option<&'static str>,
    /// What every detector says.
    pub observers: Vec<Observer>,
    /// The recorder's totals.
    pub summary: Result<Summary, String>,
    /// The newest incidents; the report leaves out those that are over.
    pub incidents: Result<Vec<IncidentRecord>, String>,
    /// The newest faults; the report leaves out those that are over.
    pub faults: Result<Vec<FaultRecord>, String>,
    /// The `arena up` that started this arena was killed; false where nobody can know.
    pub up_died: bool,
    /// When.
    pub now: Timestamp,
}

/// What `arena status --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusReport {
    /// Every node that is known.
    pub nodes: Vec<NodeReport>,
    /// The rest.
    #[serde(flatten)]
    pub arena: ArenaReport,
}

/// What a status tells beside the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ArenaReport {
    /// Null when the recorder does not answer: unknown is not zero.
    pub incidents_open: Option<u64>,
    /// With those that are overdue. Null when the recorder does not answer: unknown is not zero.
    pub faults_active: Option<u64>,
    /// Null when the control value cannot be read.
    pub mode: Option<Mode>,
    /// Null when the control value cannot be read: nodes keep what they last heard.
    pub lever: Option<LeverPosition>,
    /// The mode of each risk class; empty when the control value cannot be read.
    pub modes: BTreeMap<String, Mode>,
    /// What is left alone.
    pub pauses: Vec<PauseReport>,
    /// Whether the detector can believe what it hears.
    pub observer: ObserverReport,
    /// The newest of them; null when the recorder does not answer.
    pub incidents: Option<Vec<OpenIncident>>,
    /// The newest of them; null when the recorder does not answer.
    pub faults: Option<Vec<ActiveFault>>,
    /// Those that an arena has one of, and the gateway where there is one.
    pub components: Vec<ComponentReport>,
    /// What is not well, in words; empty when all is.
    pub degraded: Vec<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NodeReport {
    /// Its name.
    pub name: String,
    /// The agent's; `NO_DATA` when it does not answer.
    pub state: String,
    /// With `NO_DATA`: since when; null when nobody can say.
    pub unknown_since: Option<Timestamp>,
    /// It has an agent. Without one it tells of itself over HTTP, and nothing can be done to it.
    pub agent: bool,
    /// Faults are accepted.
    pub chaos: bool,
    /// All its services are drained.
    pub quarantined: bool,
    /// Who starts again what died; null from an agent that does not say.
    pub restart_owner: Option<RestartOwner>,
    /// Its services, by name.
    pub services: Vec<ServiceReport>,
    /// What can be asked of the whole node.
    pub actions: Vec<ActionView>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceReport {
    /// Its name.
    pub name: String,
    /// Its process; `NO_DATA` when its agent does not answer.
    pub state: String,
    /// With `NO_DATA`: since when; null when nobody can say.
    pub unknown_since: Option<Timestamp>,
    /// Its probe.
    pub probe: String,
    /// Null when there is no process.
    pub pid: Option<u32>,
    /// Its own port.
    pub port: Option<u16>,
    /// Starts after the first one.
    pub restarts: u32,
    /// What is wrong, in plain words; empty when nothing is.
    pub message: String,
    /// Null from an agent that does not say.
    pub class: Option<ServiceClass>,
    /// It is sent no new requests.
    pub drained: bool,
    /// Null when it is not.
    pub throttled: Option<ThrottleReport>,
    /// Not started until somebody asks.
    pub standby: bool,
    /// Only a person acts on it.
    pub paused: bool,
    /// The services, on any node, that it calls.
    pub depends_on: Vec<String>,
    /// Those that it was seen to call without declaring it.
    pub observed: Vec<String>,
    /// When its state or its probe last changed.
    pub since: Timestamp,
    /// What can be asked of it.
    pub actions: Vec<ActionView>,
}

/// A service that has only a share of one CPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ThrottleReport {
    /// Which share.
    pub percent: u32,
    /// How long.
    pub until: Timestamp,
}

/// A service or a node that only a person acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PauseReport {
    /// NODE/SERVICE, or NODE with all its services.
    pub entity: String,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// Null: until it is resumed.
    pub until: Option<Timestamp>,
}

/// STORM when any detector is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObserverReport {
    /// Null while no detector has said anything.
    pub state: Option<ObserverState>,
    /// Why it is in a storm; else empty.
    pub reason: String,
}

/// An incident that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenIncident {
    /// Its id.
    pub id: String,
    /// What is ill.
    pub entity: String,
    /// How.
    pub symptom: String,
    /// How far the healing is.
    pub state: String,
}

/// A fault that is in effect, or of which nobody can say that it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActiveFault {
    /// Its id.
    pub id: String,
    /// Which fault.
    pub fault: String,
    /// Where.
    pub target: String,
    /// As its node last said.
    pub state: String,
    /// The end of its time to live.
    pub expires_at: Option<String>,
    /// That end has come, and its node does not answer: whether it was reverted nobody knows.
    pub overdue: bool,
}

/// A component that an arena has one of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComponentReport {
    /// Its name.
    pub name: String,
    /// `RUNNING`, or `NO_DATA` when it does not answer.
    pub state: String,
    /// With `NO_DATA`: since when; null when nobody can say.
    pub unknown_since: Option<Timestamp>,
}
