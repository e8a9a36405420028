//! What the recorder answers about one incident as a whole (`arena explain`), and about what actions are worth
//! (`arena efficacy`). Contracts as those of `record`: fields are added, never renamed.

use serde::{Deserialize, Serialize};

use crate::{FaultRecord, IncidentRecord};

/// Asks the recorder for one incident's story.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct StoryQuery {
    /// The incident's id, or a prefix of it that no other incident has.
    pub id: String,
}

/// All that is known of one incident.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentStory {
    /// It.
    pub incident: IncidentRecord,
    /// Every message about it, by its sender's clock, oldest first.
    pub events: Vec<EventRecord>,
    /// What the nodes saw before they acted, oldest first.
    pub evidence: Vec<EvidenceRecord>,
    /// Events and pieces of evidence that are stored and did not fit the reply: the latest.
    #[serde(default)]
    pub left_out: u64,
    /// The faults that were in effect from shortly before it was first seen until it ended, oldest first: what may have caused it.
    /// Null until it is RESOLVED or CLOSED: who still looks for the cause is not told.
    #[serde(default)]
    pub faults: Option<Vec<FaultRecord>>,
}

/// One message about an incident. Its evidence is in [`IncidentStory::evidence`], and not here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventRecord {
    /// RFC 3339, UTC, by its sender's clock.
    pub at: String,
    /// `incident`, `plan`, `command` or `outcome`.
    pub kind: String,
    /// What makes it the same event when it comes again.
    pub event_id: String,
    /// `node` or `node/service`.
    pub entity: String,
    /// What it says in one word: of an incident OPENED, UPDATED or CLEARED, of a plan the decision, of a command the
    /// action, of an outcome the command's state.
    pub word: String,
    /// Why, in plain words: its reason or message.
    pub text: String,
    /// The message as ProtoJSON, whole.
    pub body: serde_json::Value,
}

/// What a node saw just before it did a command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EvidenceRecord {
    /// Before which command.
    pub command_id: String,
    /// `node` or `node/service`.
    pub entity: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// The last samples, oldest first.
    pub readings: Vec<ReadingRecord>,
    /// The last lines of the service's log, oldest first.
    pub log: Vec<String>,
    /// Its processes, and the node's busiest.
    pub processes: Vec<ProcessRecord>,
    /// What could not be had, and why; empty when all is here.
    pub message: String,
}

/// One sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadingRecord {
    /// RFC 3339, UTC.
    pub at: String,
    /// Of what; the unit is last in its name.
    pub metric: String,
    /// In the metric's unit, three decimals at most.
    pub value: f64,
}

/// A line of the process table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProcessRecord {
    /// The process.
    pub pid: u32,
    /// Who started it.
    pub parent: u32,
    /// As `/proc/PID/stat` has it: R, S, D, T, Z...
    pub state: String,
    /// Of one CPU, three decimals at most.
    pub cpu_percent: f64,
    /// Resident.
    pub memory_bytes: u64,
    /// How many threads.
    pub threads: u32,
    /// Its command line.
    pub command: String,
}

/// Asks the recorder what actions are worth. An absent field does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct EfficacyQuery {
    /// Only actions that were issued within this many milliseconds.
    pub since_ms: Option<u64>,
}

/// What one action is worth against one symptom. The list is ordered by symptom and action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EfficacyRow {
    /// The symptom of the incidents that it was for.
    pub symptom: String,
    /// The step as the playbook writes it: `restart`, `clean-disk`, `failover`.
    pub action: String,
    /// How often it was done: issued for an incident, and not rejected by the node.
    pub tried: u64,
    /// The symptom cleared after it, and stayed so.
    pub cured: u64,
    /// The symptom stayed.
    pub useless: u64,
    /// Another symptom came of it.
    pub harmful: u64,
    /// Nobody can tell. What is not judged yet is tried, and counted nowhere else.
    pub unknown: u64,
    /// `cured` of all that were judged; null while none was.
    pub cured_percent: Option<f64>,
    /// From the command to the incident's end, in milliseconds, over those that cured; null when none did.
    pub heal_ms_median: Option<f64>,
}
