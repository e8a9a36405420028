//! What a node saw just before it did a command, as it is kept and shown.

use arena_proto::{
    Entity, Evidence, EvidenceRecord, IncidentId, ProcessRecord, ProcessRow, Reading,
    ReadingRecord, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::Event;
use crate::facts::{name, nanos, rounded, text};

/// Of more readings the last ones are kept: 30 samples of ten metrics.
const READINGS_MAX: usize = 300;
/// Of more lines the last ones are kept; the node sends 50.
const LINES_MAX: usize = 100;
/// Of more processes the first ones are kept: those of the service come before the node's busiest.
const PROCESSES_MAX: usize = 32;

/// Facts about the evidence of one command: the latest, should there be two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvidenceFacts(Option<Captured>);

/// What was captured, and for whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Captured {
    /// When, by the node's clock.
    #[serde(with = "nanos")]
    pub at: Timestamp,
    /// For which incident.
    pub incident_id: IncidentId,
    /// Of what.
    pub entity: Entity,
    /// As people read it.
    pub record: EvidenceRecord,
}

impl EvidenceFacts {
    /// Adds what an event says; one that is no evidence adds nothing.
    pub fn apply(&mut self, event: &Event) {
        let Event::Evidence(evidence) = event else {
            return;
        };
        let captured = Captured {
            at: evidence.at,
            incident_id: evidence.incident_id.clone(),
            entity: evidence.entity.clone(),
            record: record_of(evidence),
        };
        let held = self.0.as_ref();
        if held.is_none_or(|held| captured.rank() > held.rank()) {
            self.0 = Some(captured);
        }
    }

    /// What was captured; `None` before any.
    #[must_use]
    pub const fn captured(&self) -> Option<&Captured> {
        self.0.as_ref()
    }
}

impl Captured {
    /// By time; the text only makes two that claim the same time come out the same in any order.
    fn rank(&self) -> (Timestamp, Option<String>) {
        (self.at, serde_json::to_string(self).ok())
    }
}

fn record_of(evidence: &Evidence) -> EvidenceRecord {
    EvidenceRecord {
        command_id: evidence.command_id.to_string(),
        entity: evidence.entity.to_string(),
        at: evidence.at.to_string(),
        readings: last(&evidence.readings, READINGS_MAX)
            .iter()
            .map(reading)
            .collect(),
        log: last(&evidence.log, LINES_MAX)
            .iter()
            .map(|line| text(line))
            .collect(),
        processes: evidence
            .processes
            .iter()
            .take(PROCESSES_MAX)
            .map(process)
            .collect(),
        message: text(&evidence.message),
    }
}

fn last<T>(all: &[T], count: usize) -> &[T] {
    &all[all.len().saturating_sub(count)..]
}

fn reading(reading: &Reading) -> ReadingRecord {
    ReadingRecord {
        at: reading.at.to_string(),
        metric: name(&reading.metric),
        value: rounded(reading.value.get()),
    }
}

fn process(row: &ProcessRow) -> ProcessRecord {
    ProcessRecord {
        pid: row.pid,
        parent: row.parent,
        state: name(&row.state),
        cpu_percent: rounded(row.cpu_percent.get()),
        memory_bytes: row.memory_bytes,
        threads: row.threads,
        command: text(&row.command),
    }
}
