//! What outlives the agent: the saved state (one file, replaced as a whole) and the undo journal (one entry a fault).

use std::collections::BTreeMap;

use arena_proto::{FaultId, ServiceName, Timestamp};

use crate::ProcessRef;

/// What the next agent has to know.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Saved {
    /// By service.
    pub services: BTreeMap<ServiceName, SavedService>,
    /// The accepted outcomes, as ProtoJSON, of commands that were not finished.
    pub accepted: Vec<String>,
    /// The final outcomes, as ProtoJSON, of the last commands, oldest first.
    pub outcomes: Vec<String>,
    /// The final statuses, as ProtoJSON, of the last faults, oldest first.
    pub faults: Vec<String>,
}

/// A service as the agent last knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct SavedService {
    /// Its process.
    pub process: Option<ProcessRef>,
    /// Its last start.
    pub generation: u32,
    /// Starts after the first one.
    pub restarts: u32,
    /// Somebody stopped it: it is not started again by itself.
    pub stopped: bool,
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
    /// To which service.
    pub service: ServiceName,
    /// The process that carries it.
    pub process: ProcessRef,
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
