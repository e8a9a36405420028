//! What an agent may see of an arena: what the bus shows a remediator, and never a fault or the truth.
//!
//! Absent on purpose: fault subjects, the world. Invariant: everything here came over the bus, with its delays and its defects; telemetry
//! that was lost, frozen or forged is seen lost, frozen or forged. docs/gym.md tells every field.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// The arena as it looks from the bus at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Observation {
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// Who may act: OBSERVE, APPROVE or AUTO.
    pub mode: String,
    /// The safety lever: RELEASED or STOPPED.
    pub lever: String,
    /// Whether the detector believes what it hears: OK or STORM; empty before it has said so.
    pub observer: String,
    /// Every node, in the order of their names.
    pub nodes: Vec<NodeSeen>,
    /// The incidents that are open, oldest first.
    pub incidents: Vec<IncidentSeen>,
    /// The outcomes of commands that were told since the last observation, oldest first.
    pub outcomes: Vec<OutcomeSeen>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct NodeSeen {
    /// Its name.
    pub node: String,
    /// RUNNING, or STOPPING.
    pub state: String,
    /// All its services are drained.
    pub quarantined: bool,
    /// How old its last telemetry with values is, in milliseconds; null before the first.
    pub telemetry_age_ms: Option<u64>,
    /// The last sample, by metric; what has no reading is left out.
    pub metrics: BTreeMap<String, f64>,
    /// Its services, in the order of their names.
    pub services: Vec<ServiceSeen>,
}

/// A service of a node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each told on its own"
)]
pub struct ServiceSeen {
    /// `node/service`.
    pub entity: String,
    /// Of its process: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED or FATAL.
    pub state: String,
    /// Of its probe: UNKNOWN, PASSING, FAILING or NONE.
    pub probe: String,
    /// Its process; null without one.
    pub pid: Option<u32>,
    /// Changes whenever the process does.
    pub generation: u32,
    /// Starts after the first one.
    pub restarts: u32,
    /// How long ago `state` or `probe` last changed, in milliseconds.
    pub since_ms: u64,
    /// Of the last process, where it is known.
    pub exit_code: Option<i32>,
    /// It is sent no new requests.
    pub drained: bool,
    /// Its share of one CPU in percent, while it is throttled.
    pub throttled_percent: Option<u32>,
    /// Not started until somebody asks.
    pub standby: bool,
    /// There is an earlier version of its definition to roll back to.
    pub can_roll_back: bool,
    /// It says what `CLEAN_DISK` may delete.
    pub can_clean_disk: bool,
    /// The command line of a foreign process that holds its port.
    pub port_holder: Option<String>,
    /// The services that it calls.
    pub depends_on: Vec<String>,
    /// What is wrong, in plain words; empty when nothing is.
    pub message: String,
    /// The last sample, by metric; what has no reading is left out.
    pub metrics: BTreeMap<String, f64>,
}

/// An incident that is open.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct IncidentSeen {
    /// Its id.
    pub id: String,
    /// Who shows the symptom.
    pub entity: String,
    /// The symptom.
    pub symptom: String,
    /// CRITICAL, ERROR, WARNING or INFO.
    pub severity: String,
    /// What the detector believes to be the cause.
    pub root_cause: String,
    /// Others that may be, likeliest first.
    pub candidates: Vec<String>,
    /// How long ago it was opened, in milliseconds.
    pub open_ms: u64,
    /// Why, in plain words.
    pub reason: String,
    /// Every signal that belongs to it, the opening one first.
    pub signals: Vec<SignalSeen>,
    /// The last readings that it is judged by.
    pub facts: BTreeMap<String, f64>,
}

/// A signal of an incident.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct SignalSeen {
    /// Whose.
    pub entity: String,
    /// Which symptom.
    pub symptom: String,
    /// INACTIVE, PENDING, FIRING, RECOVERING, RESOLVED or `NO_DATA`.
    pub state: String,
    /// In words, with the readings.
    pub evidence: String,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct OutcomeSeen {
    /// Its id.
    pub command: String,
    /// What was asked.
    pub action: String,
    /// Of whom.
    pub target: String,
    /// Where it stands: ACCEPTED, REJECTED, RUNNING, SUCCEEDED, FAILED, `TIMED_OUT`, CANCELED or UNKNOWN.
    pub state: String,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// In plain words.
    pub message: String,
}
