//! Villain against Felix over a time: what the recorder counts. A contract as those of `record`: fields are added, never renamed.
//!
//! Absent on purpose: one number for all of it. What is worth how much is for who reads it to say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Asks the recorder for the score. An absent field does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ScoreQuery {
    /// Only faults first heard of, incidents opened and actions issued within this many milliseconds.
    pub since_ms: Option<u64>,
}

/// What was done to the arena, what came of it, and what was done about it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Score {
    /// RFC 3339, UTC: from when on it counts; null: from the beginning.
    pub since: Option<String>,
    /// RFC 3339, UTC: until when.
    pub until: String,
    /// False when there was more in this time than is counted: then it is the newest that counts.
    pub complete: bool,
    /// What the villain did, and people.
    pub faults: FaultScore,
    /// What the detector saw, and how it ended.
    pub incidents: IncidentScore,
    /// What the remediator did about it.
    pub actions: ActionScore,
    /// Which fault explains which incident.
    pub matching: Matching,
}

/// Faults, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FaultScore {
    /// All of them.
    pub total: FaultCount,
    /// By the fault's name in the catalogue.
    pub by_fault: BTreeMap<String, FaultCount>,
    /// By family: `resource`, `network`...; `unknown` for a name that is not in the catalogue.
    pub by_family: BTreeMap<String, FaultCount>,
}

/// How many faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FaultCount {
    /// Asked for.
    pub injected: u64,
    /// Refused by the node.
    pub rejected: u64,
    /// Took effect.
    pub took_effect: u64,
    /// In effect now.
    pub active: u64,
    /// Took effect, and an incident about the target, or that names it as a cause, was open in its time.
    pub seen: u64,
}

/// Incidents, counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IncidentScore {
    /// All of them.
    pub opened: u64,
    /// Neither RESOLVED nor CLOSED now; those that are ESCALATED are among them.
    pub open: u64,
    /// A person is needed: ESCALATED now.
    pub escalated: u64,
    /// How those that are over ended, by resolution.
    pub by_resolution: BTreeMap<String, u64>,
    /// First abnormal sample to open, of all.
    pub detect_ms: Spread,
    /// Open to the end, of those that are over.
    pub heal_ms: Spread,
}

/// How a number is spread, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Spread {
    /// Of how many.
    pub count: u64,
    /// The one in the middle, or the mean of the two in the middle; null of none.
    pub median: Option<f64>,
    /// The least that 95 of 100 do not exceed (nearest rank); null of none.
    pub p95: Option<f64>,
}

/// The remediator's actions, counted by what they did to their incident. An action is what [`crate::EfficacyRow`] calls a try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionScore {
    /// All of them; what is in none of the others is not judged yet.
    pub tried: u64,
    /// The symptom cleared after it, and stayed so.
    pub cured: u64,
    /// The symptom stayed.
    pub useless: u64,
    /// Another symptom came of it.
    pub harmful: u64,
    /// Nobody can tell.
    pub unknown: u64,
}

/// Which fault explains which incident, as far as time and names tell (docs/gateway.md, "The score"). Lists name at most 50, the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Matching {
    /// Incidents that a fault explains: one on what they are about, or on what they name as a cause.
    pub explained: u64,
    /// Incidents in whose time a fault was in effect elsewhere: it may have spread, or not.
    pub unclear: u64,
    /// Incidents in whose time no fault was in effect: possible false alarms.
    pub without_fault: u64,
    /// Of these.
    pub without_fault_ids: Vec<String>,
    /// Faults that took effect, and no incident was open in their time: missed.
    pub missed: u64,
    /// Of these.
    pub missed_ids: Vec<String>,
}
