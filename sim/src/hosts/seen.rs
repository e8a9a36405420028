//! What has come over the bus to where a healer sits, kept so that an [`Observation`] can be made of it at any time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_proto::{
    Control, Entity, IncidentEvent, IncidentEventKind, IncidentId, NodeName, NodeStatus, Observer,
    Outcome, Schema, ServiceName, ServiceStatus, Telemetry, Timestamp,
};

use crate::observe::{IncidentSeen, NodeSeen, Observation, OutcomeSeen, ServiceSeen, SignalSeen};
use crate::wire::Message;

/// Outcomes that wait to be told: a policy is asked each second, and one that is never asked must not grow without end.
const OUTCOMES_MAX: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    control: Control,
    observer: Option<Observer>,
    statuses: BTreeMap<NodeName, Arc<NodeStatus>>,
    telemetry: BTreeMap<NodeName, (Timestamp, Arc<Telemetry>, Arc<Schema>)>,
    incidents: BTreeMap<IncidentId, Arc<IncidentEvent>>,
    outcomes: Vec<Outcome>,
}

impl Seen {
    /// A message came.
    pub(crate) fn hear(&mut self, now: Timestamp, message: &Message) {
        match message {
            Message::Control(control) => self.control = (**control).clone(),
            Message::Observer(observer) => self.observer = Some((**observer).clone()),
            Message::Status(status) => {
                self.statuses
                    .insert(status.node.clone(), Arc::clone(status));
            }
            Message::Telemetry(telemetry, schema) if !telemetry.values.is_empty() => {
                let last = (now, Arc::clone(telemetry), Arc::clone(schema));
                self.telemetry.insert(telemetry.node.clone(), last);
            }
            Message::Incident(event) if event.kind == IncidentEventKind::Cleared => {
                self.incidents.remove(&event.id);
            }
            Message::Incident(event) => {
                self.incidents.insert(event.id.clone(), Arc::clone(event));
            }
            Message::Outcome(outcome) if self.outcomes.len() < OUTCOMES_MAX => {
                self.outcomes.push((**outcome).clone());
            }
            _ => {}
        }
    }

    /// What a node last said of itself.
    pub(crate) fn status(&self, node: &NodeName) -> Option<&NodeStatus> {
        self.statuses.get(node).map(|status| &**status)
    }

    /// What every node last said of itself, in the order of their names.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = &NodeStatus> {
        self.statuses.values().map(|status| &**status)
    }

    /// An open incident.
    pub(crate) fn incident(&self, id: &IncidentId) -> Option<&IncidentEvent> {
        self.incidents.get(id).map(|event| &**event)
    }

    /// All of it; outcomes are told once.
    pub(crate) fn observe(&mut self, now: Timestamp, at_ms: u64) -> Observation {
        let outcomes = std::mem::take(&mut self.outcomes);
        let mut incidents: Vec<&Arc<IncidentEvent>> = self.incidents.values().collect();
        incidents.sort_by_key(|event| (event.opened_at, &event.id));
        let nodes = self.statuses.values();
        Observation {
            at_ms,
            mode: self.control.mode.to_string(),
            lever: self.control.lever.to_string(),
            observer: self
                .observer
                .as_ref()
                .map_or_else(String::new, |observer| observer.state.to_string()),
            nodes: nodes.map(|status| self.node(now, status)).collect(),
            incidents: incidents
                .into_iter()
                .map(|event| incident(now, event))
                .collect(),
            outcomes: outcomes.iter().map(outcome).collect(),
        }
    }

    fn node(&self, now: Timestamp, status: &NodeStatus) -> NodeSeen {
        let last = self.telemetry.get(&status.node);
        let readings = |service: Option<&ServiceName>| {
            last.map(|(_, telemetry, schema)| readings(telemetry, schema, service))
                .unwrap_or_default()
        };
        NodeSeen {
            node: status.node.to_string(),
            state: status.state.to_string(),
            quarantined: status.quarantined,
            telemetry_age_ms: last.map(|(at, ..)| millis(now, *at)),
            metrics: readings(None),
            services: status
                .services
                .iter()
                .map(|known| {
                    let entity = Entity::service(status.node.clone(), known.name.clone());
                    service(now, &entity, known, readings(Some(&known.name)))
                })
                .collect(),
        }
    }
}

fn readings(
    telemetry: &Telemetry,
    schema: &Schema,
    service: Option<&ServiceName>,
) -> BTreeMap<String, f64> {
    let columns = schema.columns.iter().zip(&telemetry.values);
    columns
        .filter(|(column, value)| column.service.as_ref() == service && value.is_finite())
        .map(|(column, value)| (column.metric.clone(), f64::from(*value)))
        .collect()
}

fn service(
    now: Timestamp,
    entity: &Entity,
    known: &ServiceStatus,
    metrics: BTreeMap<String, f64>,
) -> ServiceSeen {
    let detail = &known.detail;
    ServiceSeen {
        entity: entity.to_string(),
        state: known.state.to_string(),
        probe: known.probe.to_string(),
        pid: known.pid,
        generation: known.generation,
        restarts: known.restarts,
        since_ms: millis(now, known.since),
        exit_code: known.exit_code,
        drained: detail.drained,
        throttled_percent: detail.throttled.map(|(_, percent)| percent),
        standby: detail.standby,
        can_roll_back: detail.can_roll_back,
        can_clean_disk: detail.can_clean_disk,
        port_holder: detail.port_holder.as_ref().map(|(_, line)| line.clone()),
        depends_on: known.depends_on.iter().map(ToString::to_string).collect(),
        message: known.message.clone(),
        metrics,
    }
}

fn incident(now: Timestamp, event: &IncidentEvent) -> IncidentSeen {
    let signals = event.signals.iter().map(|signal| SignalSeen {
        entity: signal.entity.to_string(),
        symptom: signal.symptom.clone(),
        state: signal.state.to_string(),
        evidence: signal.evidence.clone(),
    });
    IncidentSeen {
        id: event.id.to_string(),
        entity: event.entity.to_string(),
        symptom: event.symptom.clone(),
        severity: event.severity.to_string(),
        root_cause: event.root_cause.to_string(),
        candidates: event
            .context
            .candidates
            .iter()
            .map(ToString::to_string)
            .collect(),
        open_ms: millis(now, event.opened_at),
        reason: event.reason.clone(),
        signals: signals.collect(),
        facts: event
            .context
            .facts
            .iter()
            .map(|(name, value)| (name.clone(), value.get()))
            .collect(),
    }
}

fn outcome(outcome: &Outcome) -> OutcomeSeen {
    OutcomeSeen {
        command: outcome.command_id.to_string(),
        action: outcome.action.to_string(),
        target: outcome.target().to_string(),
        state: outcome.state.to_string(),
        reason: outcome.reason.map(|reason| reason.to_string()),
        message: outcome.message.clone(),
    }
}

fn millis(now: Timestamp, at: Timestamp) -> u64 {
    u64::try_from(now.saturating_since(at).as_millis()).unwrap_or(u64::MAX)
}
