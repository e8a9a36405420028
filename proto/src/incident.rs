//! What the detector says about an incident.

use crate::generated as wire;
use crate::number::{numbers_from_wire, numbers_to_wire};
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{IncidentEventKind, Severity, SignalState};
use crate::{Entity, IncidentId, Number, Numbers, ServiceName, Timestamp};

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
    /// What else is known.
    pub context: IncidentContext,
}

/// What an incident is to be judged by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentContext {
    /// The same for every incident of this symptom of this entity.
    pub fingerprint: String,
    /// The last readings: `cpu_percent` of the entity, `node_cpu_percent` of its node, `neighbour_cpu_percent` of the
    /// neighbour.
    pub facts: Numbers,
    /// The other service of the node that used the most CPU, if any did.
    pub neighbour: Option<Entity>,
    /// Who may be the cause, likeliest first.
    pub candidates: Vec<Entity>,
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
    /// The samples that it was judged by, oldest first.
    pub readings: Vec<Reading>,
    /// The entity whose incident explains it; `None`: it stands for itself.
    pub inhibited_by: Option<Entity>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reading {
    /// When it was taken, by the node's clock.
    pub at: Timestamp,
    /// Of what.
    pub metric: String,
    /// In the metric's unit.
    pub value: Number,
}

impl Reading {
    pub(crate) fn to_wire(&self) -> wire::Reading {
        wire::Reading {
            at: Some(self.at.to_wire()),
            metric: self.metric.clone(),
            value: self.value.get(),
        }
    }

    pub(crate) fn from_wire(wire: wire::Reading) -> Result<Self, DecodeError> {
        Ok(Self {
            at: Timestamp::from_wire(wire.at.as_ref(), "readings.at")?,
            metric: wire.metric,
            value: Number::from_wire(wire.value, "readings.value")?,
        })
    }
}

impl IncidentContext {
    /// The fingerprint of a symptom of an entity: the same at every detector, and after every restart.
    #[must_use]
    pub fn fingerprint_of(entity: &Entity, symptom: &str) -> String {
        let text = format!("{entity} {symptom}");
        format!("{:016x}", crate::trace::fnv1a_64(text.as_bytes()))
    }
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
            readings: self.readings.iter().map(Reading::to_wire).collect(),
            inhibited_by: codec::text_of(self.inhibited_by.as_ref()),
        }
    }

    fn from_wire(wire: wire::SignalReport) -> Result<Self, DecodeError> {
        Ok(Self {
            entity: codec::parse(&wire.entity, "signals.entity")?,
            symptom: wire.symptom,
            state: SignalState::from_wire(wire.state, "signals.state")?,
            since: Timestamp::from_wire(wire.since.as_ref(), "signals.since")?,
            evidence: wire.evidence,
            readings: wire
                .readings
                .into_iter()
                .map(Reading::from_wire)
                .collect::<Result<_, _>>()?,
            inhibited_by: codec::parse_or_none(&wire.inhibited_by, "signals.inhibited_by")?,
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
            fingerprint: self.context.fingerprint.clone(),
            facts: numbers_to_wire(&self.context.facts),
            neighbour: codec::text_of(self.context.neighbour.as_ref()),
            candidates: self
                .context
                .candidates
                .iter()
                .map(Entity::to_string)
                .collect(),
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
            context: IncidentContext {
                fingerprint: wire.fingerprint,
                facts: numbers_from_wire(wire.facts, "facts")?,
                neighbour: codec::parse_or_none(&wire.neighbour, "neighbour")?,
                candidates: wire
                    .candidates
                    .iter()
                    .map(|entity| codec::parse(entity, "candidates"))
                    .collect::<Result<_, _>>()?,
            },
        })
    }
}
