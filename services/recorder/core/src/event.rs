//! The events that the recorder takes, and what each of them is about.

use arena_proto::{
    Command, CommandId, Evidence, FaultId, FaultRequest, FaultStatus, IncidentEvent, IncidentId,
    Message, NodeName, Outcome, Plan, ServiceName, Timestamp,
};
use arena_proto::{Decision, FaultOperation};

/// One durable message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// From the detector.
    Incident(IncidentEvent),
    /// From the remediator.
    Plan(Plan),
    /// From the remediator, or a person.
    Command(Command),
    /// From a node.
    Outcome(Outcome),
    /// From the injector.
    Fault(FaultRequest),
    /// From a node.
    FaultStatus(FaultStatus),
    /// From a node that is about to act.
    Evidence(Evidence),
}

/// Which message an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// An incident event.
    Incident,
    /// A plan.
    Plan,
    /// A command.
    Command,
    /// An outcome.
    Outcome,
    /// A fault request.
    Fault,
    /// A fault status.
    FaultStatus,
    /// Evidence.
    Evidence,
}

impl EventKind {
    /// As the database and the subjects write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Plan => "plan",
            Self::Command => "command",
            Self::Outcome => "outcome",
            Self::Fault => "fault",
            Self::FaultStatus => "fault_status",
            Self::Evidence => "evidence",
        }
    }
}

impl Event {
    /// Which message it is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Incident(_) => EventKind::Incident,
            Self::Plan(_) => EventKind::Plan,
            Self::Command(_) => EventKind::Command,
            Self::Outcome(_) => EventKind::Outcome,
            Self::Fault(_) => EventKind::Fault,
            Self::FaultStatus(_) => EventKind::FaultStatus,
            Self::Evidence(_) => EventKind::Evidence,
        }
    }

    /// The incident that it is about, if any.
    #[must_use]
    pub const fn incident_id(&self) -> Option<&IncidentId> {
        match self {
            Self::Incident(event) => Some(&event.id),
            Self::Plan(plan) => Some(&plan.incident_id),
            Self::Command(command) => command.incident_id.as_ref(),
            Self::Outcome(outcome) => outcome.incident_id.as_ref(),
            Self::Evidence(evidence) => Some(&evidence.incident_id),
            Self::Fault(_) | Self::FaultStatus(_) => None,
        }
    }

    /// The commands that it is about: that of a command, an outcome or evidence; of a plan the one that it issues, and the
    /// one that it judges.
    pub fn command_ids(&self) -> impl Iterator<Item = &CommandId> {
        let judged = match self {
            Self::Plan(plan) => plan.basis.judged.as_ref().map(|(id, _)| id),
            _ => None,
        };
        let own = self.command_id();
        own.into_iter()
            .chain(judged.filter(move |judged| own != Some(judged)))
    }

    /// The command that it is, issues or tells about.
    pub(crate) fn command_id(&self) -> Option<&CommandId> {
        match self {
            Self::Plan(plan) => plan
                .command_id
                .as_ref()
                .filter(|_| plan.decision == Decision::Act),
            Self::Command(command) => Some(&command.id),
            Self::Outcome(outcome) => Some(&outcome.command_id),
            Self::Evidence(evidence) => Some(&evidence.command_id),
            Self::Incident(_) | Self::Fault(_) | Self::FaultStatus(_) => None,
        }
    }

    /// The fault that it is about, if any.
    #[must_use]
    pub const fn fault_id(&self) -> Option<&FaultId> {
        match self {
            Self::Fault(request) => Some(&request.id),
            Self::FaultStatus(status) => Some(&status.id),
            _ => None,
        }
    }

    /// The node that it is about.
    #[must_use]
    pub const fn node(&self) -> &NodeName {
        match self {
            Self::Incident(event) => &event.entity.node,
            Self::Plan(plan) => &plan.entity.node,
            Self::Command(command) => &command.node,
            Self::Outcome(outcome) => &outcome.node,
            Self::Fault(request) => &request.node,
            Self::FaultStatus(status) => &status.node,
            Self::Evidence(evidence) => &evidence.entity.node,
        }
    }

    /// The service that it is about; `None`: the node itself, or the event does not say.
    #[must_use]
    pub const fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Incident(event) => event.entity.service.as_ref(),
            Self::Plan(plan) => plan.entity.service.as_ref(),
            Self::Command(command) => command.service.as_ref(),
            Self::Outcome(outcome) => outcome.service.as_ref(),
            Self::Fault(request) => match &request.operation {
                FaultOperation::Apply { service, .. } => service.as_ref(),
                FaultOperation::Renew | FaultOperation::Revert => None,
            },
            Self::FaultStatus(status) => status.service.as_ref(),
            Self::Evidence(evidence) => evidence.entity.service.as_ref(),
        }
    }

    /// When it was made, by its sender's clock.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Incident(event) => event.at,
            Self::Plan(plan) => plan.at,
            Self::Command(command) => command.at,
            Self::Outcome(outcome) => outcome.at,
            Self::Fault(request) => request.at,
            Self::FaultStatus(status) => status.at,
            Self::Evidence(evidence) => evidence.at,
        }
    }

    /// The message as ProtoJSON, whatever it was encoded in, for a database to keep. Texts lose their NUL characters:
    /// PostgreSQL's JSONB can hold none.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let body = match self {
            Self::Incident(event) => event.encode(),
            Self::Plan(plan) => plan.encode(),
            Self::Command(command) => command.encode(),
            Self::Outcome(outcome) => outcome.encode(),
            Self::Fault(request) => request.encode(),
            Self::FaultStatus(status) => status.encode(),
            Self::Evidence(evidence) => evidence.encode(),
        };
        // Our own encoding is JSON, always.
        without_nul(serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn without_nul(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => Value::String(text.replace('\0', "")),
        Value::Array(values) => values.into_iter().map(without_nul).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name.replace('\0', ""), without_nul(value)))
            .collect(),
        other => other,
    }
}
