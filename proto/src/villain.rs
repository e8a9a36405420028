//! What the injector's `villain` endpoint is asked, and what it answers. JSON that people's scripts write and read: fields are added,
//! never renamed.

use serde::{Deserialize, Serialize};

/// Asks for a villain, for its end, or how it stands; the answer is [`VillainStatus`]. What is left out has its default (docs/villain.md).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct VillainRequest {
    /// What is asked.
    pub op: VillainOperation,
    /// Of a start: how it chooses.
    pub policy: Option<VillainPolicy>,
    /// Of `scripted`: what its mistakes are told with, a file's name.
    pub scenario_name: String,
    /// Of `scripted`: the scenario, TOML.
    pub scenario: Option<String>,
    /// Of every choice that is left to chance.
    pub seed: Option<u64>,
    /// So many faults, and no more.
    pub budget: Option<u32>,
    /// So many of them at once.
    pub at_once: Option<u32>,
    /// The mean pause from one fault's start to the next, in milliseconds.
    pub every_ms: Option<u64>,
    /// Only these; empty: all that `families` allows.
    pub faults: Vec<String>,
    /// Only faults of these families; empty: of all.
    pub families: Vec<String>,
    /// The shortest time to live, in milliseconds.
    pub ttl_min_ms: Option<u64>,
    /// The longest time to live, in milliseconds.
    pub ttl_max_ms: Option<u64>,
    /// It stops after so many milliseconds.
    pub for_ms: Option<u64>,
    /// When it stops before that.
    pub stop_when: Option<VillainStopWhen>,
}

/// What is asked about the villain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum VillainOperation {
    /// How it stands.
    #[default]
    Status,
    /// A new one; there is one at a time.
    Start,
    /// Its end: its faults are reverted.
    Stop,
}

/// How a villain chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum VillainPolicy {
    /// As a scenario says.
    Scripted,
    /// By chance.
    Random,
    /// By what has hurt longest.
    Adaptive,
}

impl VillainPolicy {
    /// As it is asked for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scripted => "scripted",
            Self::Random => "random",
            Self::Adaptive => "adaptive",
        }
    }
}

/// When a villain stops by itself, reverting its faults. The default: never.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct VillainStopWhen {
    /// More than so many percent of the users' requests fail...
    pub user_error_percent: Option<f64>,
    /// ...for so many milliseconds without a break.
    pub user_error_ms: u64,
    /// An incident is ESCALATED: a person was called.
    pub escalated: bool,
}

/// How the villain stands, or the last one stood; also the answer to a start and a stop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VillainStatus {
    /// Why what was asked was not done, in plain words with the mend; `None` when all is well.
    pub error: Option<String>,
    /// RUNNING, STOPPING (its faults are being reverted) or STOPPED.
    pub state: String,
    /// Why it stopped; when there was none, since when the injector runs.
    pub stopped_because: Option<String>,
    /// How it chooses; `None` when there was none since the injector started.
    pub policy: Option<VillainPolicy>,
    /// Of `scripted`: the scenario's name.
    pub scenario: Option<String>,
    /// Of every choice that is left to chance.
    pub seed: Option<u64>,
    /// RFC 3339, UTC.
    pub started_at: Option<String>,
    /// RFC 3339, UTC: when it stops at the latest.
    pub ends_at: Option<String>,
    /// Faults that it may make, and how many are left.
    pub budget: u32,
    /// Of its budget.
    pub budget_left: u32,
    /// Faults that it may make at once.
    pub at_once: u32,
    /// When it stops by itself.
    pub stop_when: VillainStopWhen,
    /// Everything that it asked for, oldest first.
    pub faults: Vec<VillainFault>,
    /// What it has learnt, what hurt longest first; of `adaptive`.
    pub learnt: Vec<VillainLesson>,
    /// The last choices that were refused, and why.
    pub refusals: Vec<String>,
}

/// A fault that a villain asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VillainFault {
    /// The fault's id.
    pub id: String,
    /// Its name in the catalogue.
    pub fault: String,
    /// `node` or `node/service`.
    pub target: String,
    /// A word of [`crate::FaultState`].
    pub state: String,
    /// Why it was rejected or ended: a word of [`crate::FaultReason`].
    pub reason: Option<String>,
    /// Time to live in milliseconds.
    pub ttl_ms: u64,
    /// RFC 3339, UTC.
    pub asked_at: String,
    /// RFC 3339, UTC.
    pub active_at: Option<String>,
    /// RFC 3339, UTC.
    pub over_at: Option<String>,
}

/// How long a fault hurt a kind of target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VillainLesson {
    /// The fault.
    pub fault: String,
    /// The service's name, or `node`.
    pub kind: String,
    /// How often it was tried and measured.
    pub tries: u32,
    /// From ACTIVE until users and the target were well again: the mean, in milliseconds.
    pub hurt_ms: u64,
}
