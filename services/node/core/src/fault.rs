//! One fault: what it is, where it stands, and when it should be over.

use std::time::Duration;

use arena_faults::{Carrier, FaultName, Params};
use arena_proto::{
    FaultId, FaultReason, FaultState, FaultStatus, NodeName, ProcessState, ServiceName, Timestamp,
};

use crate::io::{Effect, ProcessRef};
use crate::saved::JournalEntry;
use crate::service::Service;

/// How a fault will end once it is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    Reverted(FaultReason),
    /// It could not be made; undone in case that half of it was.
    Rejected(FaultReason, String),
}

/// Where a fault stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Journaling,
    Applying,
    Active,
    Reverting {
        ending: Ending,
        attempts: u32,
        /// `None` while an attempt is under way.
        retry_at: Option<Timestamp>,
    },
}

/// One fault, from the request that was admitted to its end.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) id: FaultId,
    pub(crate) name: FaultName,
    pub(crate) params: Params,
    pub(crate) service: Option<ServiceName>,
    pub(crate) process: Option<ProcessRef>,
    pub(crate) phase: Phase,
    /// It is to end, but the effect that is under way has to be answered first.
    pub(crate) ends: Option<FaultReason>,
    pub(crate) active_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
    /// The lease, and when it ends unless it is renewed.
    pub(crate) lease: Option<(Duration, Timestamp)>,
    /// Starts of the service that it has made fail.
    pub(crate) failed_starts: u64,
    /// [`Fault::process`] is held in its start until then.
    pub(crate) held_until: Option<Timestamp>,
    /// What became of it, for a person.
    pub(crate) note: String,
}

impl Fault {
    pub(crate) const fn carrier(&self) -> Carrier {
        self.name.fault().carrier
    }

    /// It is being made or in effect, and is not to end.
    pub(crate) const fn holds(&self) -> bool {
        matches!(self.phase, Phase::Applying | Phase::Active) && self.ends.is_none()
    }

    pub(crate) fn effect(&self, now: Timestamp) -> Effect {
        Effect {
            fault: self.id.clone(),
            name: self.name,
            params: self.params.clone(),
            service: self.service.clone(),
            process: self.process,
            ttl: self.expires_at.saturating_since(now),
        }
    }

    pub(crate) fn journal_entry(&self) -> JournalEntry {
        JournalEntry {
            id: self.id.clone(),
            fault: self.name.to_string(),
            params: self.params.to_text(),
            service: self.service.clone(),
            process: self.process,
            expires_at_unix_nanos: self.expires_at.unix_nanos(),
        }
    }

    pub(crate) fn status(&self, node: &NodeName, now: Timestamp, state: FaultState) -> FaultStatus {
        FaultStatus {
            id: self.id.clone(),
            fault: self.name.to_string(),
            node: node.clone(),
            service: self.service.clone(),
            state,
            reason: None,
            message: self.note.clone(),
            at: now,
            active_at: self.active_at,
            expires_at: Some(self.expires_at),
            reverted_at: None,
            params: self.params.to_text(),
        }
    }

    /// Why it should be over by now, if it should.
    pub(crate) fn end_reason(
        &self,
        now: Timestamp,
        service: Option<&Service>,
    ) -> Option<FaultReason> {
        let process = service.and_then(|service| service.process);
        let replaced = match self.carrier() {
            Carrier::Process | Carrier::Leg => process != self.process,
            // It killed the process itself; it is over when there is a new one.
            Carrier::Nothing => {
                process.is_some_and(|process| Some(process) != self.process)
                    && service.is_some_and(|service| service.state == ProcessState::Running)
            }
            Carrier::Link
            | Carrier::Helper
            | Carrier::Starts
            | Carrier::Definition
            | Carrier::Files
            | Carrier::Agent => false,
        };
        if replaced {
            Some(FaultReason::TargetReplaced)
        } else if now >= self.expires_at {
            Some(FaultReason::TtlExpired)
        } else if self.lease.is_some_and(|(_, until)| now >= until) {
            Some(FaultReason::LeaseExpired)
        } else {
            None
        }
    }

    /// When time alone changes something.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Reverting { retry_at, .. } => *retry_at,
            _ if self.ends.is_some() => None,
            _ => {
                let lease = self.lease.map(|(_, until)| until);
                let ends = [Some(self.expires_at), lease, self.held_until];
                ends.into_iter().flatten().min()
            }
        }
    }
}
