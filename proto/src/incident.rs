//! What the detector says about an incident.

use crate::generated as wire;
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{IncidentEventKind, Severity, SignalState};
use crate::{Entity, IncidentId, ServiceName, Timestamp};

/// An incident opened, changed or cleared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentEvent {
    /// What happened to it.
    pub kind: IncidentEventKind,
    /// Which incident.
    pub id: IncidentId,
    /// Counts the events of this incident from 1.
    pub revision: u32,
    /// What is hurt.
    pub entity: Entity,
    /// The symptom that opened it.
    pub symptom: String,
    /// How bad it is.
    pub severity: Severity,
    /// Every signal that belongs to it, the opening one first.
    pub signals: Vec<SignalReport>,
    /// The entity that is believed to be the cause.
    pub root_cause: Entity,
    /// Why, in plain words.
    pub reason: String,
    /// The first abnormal sample.
    pub first_abnormal_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When this event was made.
    pub at: Timestamp,
    /// The process that it is about.
    pub pid: Option<u32>,
    /// The generation of that process, 0 for a node.
    pub generation: u32,
}

/// A signal as it stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SignalReport {
    /// Whose.
    pub entity: Entity,
    /// Which symptom.
    pub symptom: String,
    /// Where it stands.
    pub state: SignalState,
    /// Since when.
    pub since: Timestamp,
    /// In words, with the readings.
    pub evidence: String,
}

impl IncidentEvent {
    /// Identifies this event: `<incident id>.<revision>`.
    #[must_use]
    pub fn event_id(&self) -> String {
        format!("{}.e{}", self.id, self.revision)
    }
}

impl SignalReport {
    fn to_wire(&self) -> wire::SignalReport {
        wire::SignalReport {
            entity: self.entity.to_string(),
            symptom: self.symptom.clone(),
            state: self.state.to_wire(),
            since: Some(self.since.to_wire()),
            evidence: self.evidence.clone(),
        }
    }

    fn from_wire(wire: wire::SignalReport) -> Result<Self, DecodeError> {
        Ok(Self {
            entity: codec::parse(&wire.entity, "signals.entity")?,
            symptom: wire.symptom,
            state: SignalState::from_wire(wire.state, "signals.state")?,
            since: Timestamp::from_wire(wire.since.as_ref(), "signals.since")?,
            evidence: wire.evidence,
        })
    }
}

impl Message for IncidentEvent {
    const NAME: &'static str = "arena.v1.IncidentEvent";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::IncidentEvent {
            kind: self.kind.to_wire(),
            id: self.id.to_string(),
            revision: self.revision,
            node: self.entity.node.to_string(),
            service: self
                .entity
                .service
                .as_ref()
                .map_or_else(String::new, ServiceName::to_string),
            symptom: self.symptom.clone(),
            severity: self.severity.to_wire(),
            signals: self.signals.iter().map(SignalReport::to_wire).collect(),
            root_cause: self.root_cause.to_string(),
            reason: self.reason.clone(),
            first_abnormal_at: Some(self.first_abnormal_at.to_wire()),
            opened_at: Some(self.opened_at.to_wire()),
            at: Some(self.at.to_wire()),
            pid: self.pid.unwrap_or(0),
            generation: self.generation,
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::IncidentEvent = codec::read(body, Self::NAME)?;
        let entity = Entity {
            node: codec::same_node(&wire.node, received)?,
            service: codec::same_service(&wire.service, received)?,
        };
        if wire.symptom.is_empty() {
            return Err(DecodeError::Missing { field: "symptom" });
        }
        Ok(Self {
            kind: IncidentEventKind::from_wire(wire.kind, "kind")?,
            id: codec::parse(&wire.id, "id")?,
            revision: wire.revision,
            root_cause: codec::parse_or_none(&wire.root_cause, "root_cause")?
                .unwrap_or_else(|| entity.clone()),
            entity,
            symptom: wire.symptom,
            severity: Severity::from_wire(wire.severity, "severity")?,
            signals: wire
                .signals
                .into_iter()
                .map(SignalReport::from_wire)
                .collect::<Result<_, _>>()?,
            reason: wire.reason,
            first_abnormal_at: Timestamp::from_wire(
                wire.first_abnormal_at.as_ref(),
                "first_abnormal_at",
            )?,
            opened_at: Timestamp::from_wire(wire.opened_at.as_ref(), "opened_at")?,
            at: Timestamp::from_wire(wire.at.as_ref(), "at")?,
            pid: Some(wire.pid).filter(|pid| *pid != 0),
            generation: wire.generation,
        })
    }
}
