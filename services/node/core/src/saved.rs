//! What outlives the agent: the saved state (one file, replaced as a whole) and the undo journal (one entry a fault).

use std::collections::BTreeMap;

use arena_config::arena::Definition;
use arena_proto::{FaultId, ServiceName, Timestamp};

use crate::ProcessRef;

/// What the next agent has to know.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Saved {
    /// By service.
    pub services: BTreeMap<ServiceName, SavedService>,
    /// Every service is drained.
    pub quarantined: bool,
    /// The highest fencing token that was seen.
    pub fence: u64,
    /// What people decided for the whole arena, as ProtoJSON, when it was last heard.
    pub control: Option<String>,
    /// The accepted outcomes, as ProtoJSON, of commands that were not finished.
    pub accepted: Vec<String>,
    /// The final outcomes, as ProtoJSON, of the last commands, oldest first.
    pub outcomes: Vec<String>,
    /// The final statuses, as ProtoJSON, of the last faults, oldest first.
    pub faults: Vec<String>,
}

/// A service as the agent last knew it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct SavedService {
    /// Its process.
    pub process: Option<ProcessRef>,
    /// Its last start.
    pub generation: u32,
    /// Starts after the first one.
    pub restarts: u32,
    /// It is to run: nobody stopped it, or somebody started it. `None`: nobody asked for either.
    pub wanted: Option<bool>,
    /// Somebody drained it, and nobody ended that.
    pub drained: bool,
    /// Its share of the CPU.
    pub throttle: Option<SavedThrottle>,
    /// What its process was started by.
    pub running: Option<Definition>,
    /// What was last healthy for long enough.
    pub last_good: Option<Definition>,
    /// What `arena.toml` said when somebody rolled back from it.
    pub rolled_back_from: Option<Definition>,
    /// What its process was started by is a bad definition that a fault has rolled out.
    pub spoiled: bool,
}

/// A throttle that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedThrottle {
    /// Of one CPU.
    pub percent: u32,
    /// When it ends, in nanoseconds since the Unix epoch.
    pub until_unix_nanos: i64,
}

/// A fault that is being made, or in effect.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JournalEntry {
    /// Which fault.
    pub id: FaultId,
    /// Its name in the catalogue.
    pub fault: String,
    /// Its parameters, with the defaults filled in.
    pub params: BTreeMap<String, String>,
    /// To which service; `None`: to the node.
    pub service: Option<ServiceName>,
    /// The process that carries it.
    pub process: Option<ProcessRef>,
    /// When it ends at the latest, in nanoseconds since the Unix epoch.
    pub expires_at_unix_nanos: i64,
}

impl JournalEntry {
    /// When the fault ends at the latest.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        Timestamp::from_unix_nanos(self.expires_at_unix_nanos)
    }
}
