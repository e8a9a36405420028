//! What is known of one fault: what was asked for, and what the node said became of it.

use std::collections::BTreeMap;

use arena_proto::{
    Entity, FaultId, FaultOperation, FaultReason, FaultRecord, FaultState, NodeName, ServiceName,
    Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::facts::{keep_min, merge, nanos, nanos_or_none, text};
use crate::{Event, Injected};

/// Of more parameters those with the least names are kept. A fault has a handful.
const PARAMS_MAX: usize = 16;

/// Facts about one fault.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FaultFacts {
    /// From the request to apply it; the earliest, should there be two.
    asked: Option<Asked>,
    /// When it was first heard of.
    #[serde(with = "nanos_or_none")]
    at: Option<Timestamp>,
    node: Option<NodeName>,
    /// At most one a state, so at most seven.
    statuses: BTreeMap<FaultState, Status>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Asked {
    #[serde(with = "nanos")]
    at: Timestamp,
    fault: String,
    service: Option<ServiceName>,
    #[serde(with = "nanos")]
    expires_at: Timestamp,
    params: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Status {
    #[serde(with = "nanos")]
    at: Timestamp,
    fault: String,
    service: Option<ServiceName>,
    reason: Option<FaultReason>,
    message: String,
    #[serde(with = "nanos_or_none")]
    active_at: Option<Timestamp>,
    #[serde(with = "nanos_or_none")]
    expires_at: Option<Timestamp>,
    #[serde(with = "nanos_or_none")]
    reverted_at: Option<Timestamp>,
    params: BTreeMap<String, String>,
}

impl FaultFacts {
    /// Adds what an event says about this fault; an event that is about none adds nothing.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Fault(request) => {
                if let FaultOperation::Apply {
                    fault,
                    service,
                    ttl,
                    params,
                    ..
                } = &request.operation
                {
                    let asked = Asked {
                        at: request.at,
                        fault: text(fault),
                        service: service.clone(),
                        expires_at: request.at + *ttl,
                        params: bounded(params),
                    };
                    keep_min(&mut self.asked, asked);
                }
            }
            Event::FaultStatus(status) => {
                let fact = Status {
                    at: status.at,
                    fault: text(&status.fault),
                    service: status.service.clone(),
                    reason: status.reason,
                    message: text(&status.message),
                    active_at: status.active_at,
                    expires_at: status.expires_at,
                    reverted_at: status.reverted_at,
                    params: bounded(&status.params),
                };
                merge(&mut self.statuses, status.state, fact);
            }
            _ => return,
        }
        keep_min(&mut self.at, event.at());
        keep_min(&mut self.node, event.node().clone());
    }

    /// When it was first heard of.
    #[must_use]
    pub const fn at(&self) -> Option<Timestamp> {
        self.at
    }

    /// Where it stands: the furthest along that a node said, else REQUESTED.
    #[must_use]
    pub fn state(&self) -> FaultState {
        self.current()
            .map_or(FaultState::Requested, |(state, _)| state)
    }

    /// When it ends at the latest.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.known(|status| status.expires_at)
            .or_else(|| self.asked.as_ref().map(|asked| asked.expires_at))
    }

    /// When it took effect; `None`: it did not, as far as is known.
    #[must_use]
    pub fn active_at(&self) -> Option<Timestamp> {
        self.known(|status| status.active_at)
    }

    /// When its effect ended, or ends at the latest; `None`: nobody knows, as when its undoing failed.
    #[must_use]
    pub fn over_at(&self) -> Option<Timestamp> {
        match self.current() {
            Some((FaultState::RevertFailed, _)) => None,
            Some((state, status)) if state.is_final() => status.reverted_at.or(Some(status.at)),
            _ => self.expires_at(),
        }
    }

    /// As the score wants it; `None` before any event.
    #[must_use]
    pub fn injected(&self, id: &FaultId) -> Option<Injected> {
        Some(Injected {
            id: id.clone(),
            fault: self.fault().unwrap_or_default().to_owned(),
            target: self.target(),
            state: self.state(),
            at: self.at?,
            active_at: self.active_at(),
            over_at: self.over_at(),
        })
    }

    /// Its name in the catalogue; `None` when only a renewal or revert is known.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        let status = self.current().map(|(_, status)| status.fault.as_str());
        let asked = self.asked.as_ref().map(|asked| asked.fault.as_str());
        status.filter(|fault| !fault.is_empty()).or(asked)
    }

    /// What it is on; `None` before any event.
    #[must_use]
    pub fn target(&self) -> Option<Entity> {
        let service = self
            .known(|status| status.service.clone())
            .or_else(|| self.asked.as_ref().and_then(|asked| asked.service.clone()));
        let node = self.node.clone()?;
        Some(Entity { node, service })
    }

    /// As people read it.
    #[must_use]
    pub fn record(&self, id: &FaultId) -> FaultRecord {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let current = self.current().map(|(_, status)| status);
        let asked = self.asked.as_ref().map(|asked| asked.params.clone());
        FaultRecord {
            id: id.to_string(),
            fault: self.fault().unwrap_or_default().to_owned(),
            target: self
                .target()
                .map_or_else(String::new, |target| target.to_string()),
            state: self.state().to_string(),
            reason: current
                .and_then(|status| status.reason)
                .map(|reason| reason.to_string()),
            message: current.map_or_else(String::new, |status| status.message.clone()),
            active_at: text(self.active_at()),
            expires_at: text(self.expires_at()),
            reverted_at: text(self.known(|status| status.reverted_at)),
            params: current
                .map(|status| status.params.clone())
                .filter(|params| !params.is_empty())
                .or(asked)
                .unwrap_or_default(),
        }
    }

    fn by_progress(&self) -> Vec<(FaultState, &Status)> {
        let mut statuses: Vec<_> = self.statuses.iter().map(|(state, s)| (*state, s)).collect();
        statuses.sort_by_key(|(state, _)| state.progress());
        statuses
    }

    fn current(&self) -> Option<(FaultState, &Status)> {
        self.by_progress().pop()
    }

    /// What the status furthest along says that says anything.
    fn known<T>(&self, of: impl Fn(&Status) -> Option<T>) -> Option<T> {
        let statuses = self.by_progress();
        statuses
            .into_iter()
            .rev()
            .find_map(|(_, status)| of(status))
    }
}

fn bounded(params: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    params
        .iter()
        .take(PARAMS_MAX)
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}
