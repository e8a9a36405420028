//! A symptom's fixed part, and how a signal of it stands.

use std::sync::Arc;

use arena_proto::{Reading, Severity, SignalState, Timestamp};

use crate::signal::Signal;
use crate::stillness::TELEMETRY_FROZEN;

/// What is fixed about a symptom.
#[derive(Debug)]
pub(crate) struct Symptom {
    pub(crate) name: String,
    pub(crate) severity: Severity,
    /// A service shows it when a service that it calls is hurt.
    pub(crate) felt_by_callers: bool,
    /// It is the neighbour who causes it.
    pub(crate) by_neighbour: bool,
    /// Its node may be the cause.
    pub(crate) lifts: bool,
}

impl Symptom {
    pub(crate) fn new(name: &str, severity: Severity, lifts: bool) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            severity,
            felt_by_callers: false,
            by_neighbour: false,
            lifts,
        })
    }

    /// Whoever calls the entity, or a service of it, may suffer for it. That a node cannot be read hurts nobody.
    pub(crate) fn hurts(&self) -> bool {
        self.name != TELEMETRY_FROZEN
    }
}

/// How a signal stands.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) state: SignalState,
    pub(crate) since: Timestamp,
    pub(crate) raised: bool,
    pub(crate) first_abnormal_at: Timestamp,
    pub(crate) evidence: String,
    /// The samples that it was judged by, oldest first.
    pub(crate) readings: Vec<Reading>,
}

impl View {
    pub(crate) fn of(signal: &Signal, evidence: String, readings: Vec<Reading>) -> Self {
        Self {
            state: signal.state(),
            since: signal.since(),
            raised: signal.is_raised(),
            first_abnormal_at: signal.first_abnormal_at(),
            evidence,
            readings,
        }
    }
}
