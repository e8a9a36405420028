//! What a villain asked for, and what became of it.

use arena_proto::{FaultId, FaultReason, FaultState, FaultStatus, Timestamp, VillainFault};

use super::Choice;

/// A fault of the villain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Which fault.
    pub id: FaultId,
    /// What was chosen.
    pub choice: Choice,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Where it stands.
    pub state: FaultState,
    /// Why it was rejected or ended.
    pub reason: Option<FaultReason>,
    /// When it took effect.
    pub active_at: Option<Timestamp>,
    /// When it was over.
    pub over_at: Option<Timestamp>,
}

impl Deed {
    pub(crate) const fn new(now: Timestamp, id: FaultId, choice: Choice) -> Self {
        Self {
            id,
            choice,
            asked_at: now,
            state: FaultState::Requested,
            reason: None,
            active_at: None,
            over_at: None,
        }
    }

    /// Its node said where it stands.
    pub(crate) fn put(&mut self, now: Timestamp, status: &FaultStatus) {
        if !self.is_live() {
            return;
        }
        self.state = status.state;
        self.reason = status.reason.or(self.reason);
        self.active_at = self.active_at.or(status.active_at);
        if status.state.is_final() {
            self.over_at = Some(now);
        }
    }

    /// Nobody will say what became of it: it did not reach its node, or the node is silent.
    pub(crate) const fn lose(&mut self, now: Timestamp) {
        if self.over_at.is_none() {
            self.over_at = Some(now);
        }
    }

    /// It is not over.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.over_at.is_none()
    }

    /// It was refused, or never reached its node: it cost nobody anything.
    #[must_use]
    pub fn came_to_nothing(&self) -> bool {
        self.state == FaultState::Rejected
            || (self.state == FaultState::Requested && !self.is_live())
    }

    pub(crate) fn record(&self) -> VillainFault {
        let write = |at: Timestamp| at.to_string();
        VillainFault {
            id: self.id.to_string(),
            fault: self.choice.fault.name.to_string(),
            target: self.choice.target.to_string(),
            state: self.state.to_string(),
            reason: self.reason.map(|reason| reason.to_string()),
            ttl_ms: u64::try_from(self.choice.ttl.as_millis()).unwrap_or(u64::MAX),
            asked_at: write(self.asked_at),
            active_at: self.active_at.map(write),
            over_at: self.over_at.map(write),
        }
    }
}
