//! What travels: the messages of the contract, as they are, and where each of them is kept. No bytes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{
    Alert, Approval, Command, Control, Entity, Evidence, FaultRequest, FaultStatus, IncidentEvent,
    Lease, NodeName, NodeStatus, Observer, Outcome, Plan, Schema, ServiceName,
};

/// A message that a stream or a bucket keeps. Copies share it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is named as the type that it carries")]
pub enum Message {
    Incident(Arc<IncidentEvent>),
    Plan(Arc<Plan>),
    Command(Arc<Command>),
    Outcome(Arc<Outcome>),
    Fault(Arc<FaultRequest>),
    FaultStatus(Arc<FaultStatus>),
    Evidence(Arc<Evidence>),
    Status(Arc<NodeStatus>),
    Schema(Arc<Schema>),
    Control(Arc<Control>),
    Approval(Arc<Approval>),
    Observer(Arc<Observer>),
    Lease(Arc<Lease>),
    Alert(Arc<Alert>),
}

/// A stream: what was said, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "as docs/ARCHITECTURE.md names them")]
pub enum Stream {
    Incidents,
    Plans,
    Commands,
    Outcomes,
    Faults,
    Evidence,
}

impl Stream {
    /// All, in their order.
    pub const ALL: [Self; 6] = [
        Self::Incidents,
        Self::Plans,
        Self::Commands,
        Self::Outcomes,
        Self::Faults,
        Self::Evidence,
    ];
}

/// A bucket: what holds now, by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "as docs/ARCHITECTURE.md names them")]
pub enum Bucket {
    Status,
    Schema,
    Control,
    Approvals,
    Observer,
    Lease,
    Alerts,
}

impl Bucket {
    /// All, in their order.
    pub const ALL: [Self; 7] = [
        Self::Status,
        Self::Schema,
        Self::Control,
        Self::Approvals,
        Self::Observer,
        Self::Lease,
        Self::Alerts,
    ];

    /// How long a value is there after it was written; `None`: for ever.
    #[must_use]
    pub const fn max_age(self) -> Option<Duration> {
        match self {
            Self::Approvals => Some(super::limits::KEEP_APPROVALS),
            Self::Lease => Some(super::limits::KEEP_LEASE),
            Self::Alerts => Some(Alert::KEPT),
            Self::Status | Self::Schema | Self::Control | Self::Observer => None,
        }
    }
}

/// What kind of message it is: what a reader of a stream asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "named as the variants of Message")]
pub enum Family {
    Incident,
    Plan,
    Command,
    Outcome,
    Fault,
    FaultStatus,
    Evidence,
}

impl Family {
    /// The stream that keeps it.
    #[must_use]
    pub const fn stream(self) -> Stream {
        match self {
            Self::Incident => Stream::Incidents,
            Self::Plan => Stream::Plans,
            Self::Command => Stream::Commands,
            Self::Outcome => Stream::Outcomes,
            Self::Fault | Self::FaultStatus => Stream::Faults,
            Self::Evidence => Stream::Evidence,
        }
    }
}

/// Where in a stream a message is: what comes under one subject comes in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// What kind.
    pub family: Family,
    /// The node that it is about, or for.
    pub node: NodeName,
    /// Of an incident or a plan, the service; `None`: the node itself.
    pub service: Option<ServiceName>,
}

/// Where a message is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// In a stream, under this subject.
    Stream(Subject),
    /// In a bucket, under this key.
    Bucket(Bucket, String),
}

impl Message {
    /// Where it is kept.
    #[must_use]
    pub fn home(&self) -> Home {
        let entity = |family, entity: &Entity| {
            Home::Stream(Subject {
                family,
                node: entity.node.clone(),
                service: entity.service.clone(),
            })
        };
        let node = |family, node: &NodeName| {
            Home::Stream(Subject {
                family,
                node: node.clone(),
                service: None,
            })
        };
        let key = |bucket, key: &dyn fmt::Display| Home::Bucket(bucket, key.to_string());
        match self {
            Self::Incident(event) => entity(Family::Incident, &event.entity),
            Self::Plan(plan) => entity(Family::Plan, &plan.entity),
            Self::Command(command) => node(Family::Command, &command.node),
            Self::Outcome(outcome) => node(Family::Outcome, &outcome.node),
            Self::Fault(fault) => node(Family::Fault, &fault.node),
            Self::FaultStatus(status) => node(Family::FaultStatus, &status.node),
            Self::Evidence(evidence) => node(Family::Evidence, &evidence.entity.node),
            Self::Status(status) => key(Bucket::Status, &status.node),
            Self::Schema(schema) => key(Bucket::Schema, &schema.node),
            Self::Control(_) => key(Bucket::Control, &"control"),
            Self::Approval(approval) => key(Bucket::Approvals, &approval.incident_id),
            Self::Observer(observer) => key(Bucket::Observer, &observer.detector),
            Self::Lease(lease) => key(Bucket::Lease, &lease.name),
            Self::Alert(alert) => key(Bucket::Alerts, &alert.fingerprint),
        }
    }

    /// What makes publishing it twice the same as publishing it once; `None` of what a bucket keeps: there writing twice is writing once.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::Incident(event) => Some(event.event_id()),
            Self::Plan(plan) => Some(plan.id.to_string()),
            Self::Command(command) => Some(command.id.to_string()),
            Self::Outcome(outcome) => Some(outcome.event_id()),
            Self::Fault(fault) => Some(fault.event_id()),
            Self::FaultStatus(status) => Some(status.event_id()),
            Self::Evidence(evidence) => Some(evidence.event_id()),
            Self::Status(_)
            | Self::Schema(_)
            | Self::Control(_)
            | Self::Approval(_)
            | Self::Observer(_)
            | Self::Lease(_)
            | Self::Alert(_) => None,
        }
    }
}

macro_rules! from {
    ($($kind:ident => $variant:ident),*) => {
        $(impl From<$kind> for Message {
            fn from(message: $kind) -> Self {
                Self::$variant(Arc::new(message))
            }
        })*
    };
}

from!(
    IncidentEvent => Incident, Plan => Plan, Command => Command, Outcome => Outcome, FaultRequest => Fault,
    FaultStatus => FaultStatus, Evidence => Evidence, NodeStatus => Status, Schema => Schema, Control => Control,
    Approval => Approval, Observer => Observer, Lease => Lease, Alert => Alert
);
