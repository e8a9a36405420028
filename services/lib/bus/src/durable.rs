//! Messages that a stream keeps.

use arena_proto::{
    Command, Evidence, FaultRequest, FaultStatus, IncidentEvent, Message, Outcome, Plan,
};

use crate::subject::Family;

/// A message that a stream keeps. Its id makes publishing it twice the same as publishing it once, within the stream's
/// duplicate window.
pub trait Durable: Message + Send + Sync {
    /// What kind it is.
    const FAMILY: Family;

    /// Where it is published.
    fn subject(&self) -> String;

    /// Its `Nats-Msg-Id`.
    fn message_id(&self) -> String;
}

impl Durable for IncidentEvent {
    const FAMILY: Family = Family::Incident;

    fn subject(&self) -> String {
        Self::FAMILY.of_entity(&self.entity)
    }

    fn message_id(&self) -> String {
        self.event_id()
    }
}

impl Durable for Plan {
    const FAMILY: Family = Family::Plan;

    fn subject(&self) -> String {
        Self::FAMILY.of_entity(&self.entity)
    }

    fn message_id(&self) -> String {
        self.id.to_string()
    }
}

impl Durable for Command {
    const FAMILY: Family = Family::Command;

    fn subject(&self) -> String {
        Self::FAMILY.of_node(&self.node)
    }

    fn message_id(&self) -> String {
        self.id.to_string()
    }
}

impl Durable for Outcome {
    const FAMILY: Family = Family::Outcome;

    fn subject(&self) -> String {
        Self::FAMILY.of_node(&self.node)
    }

    fn message_id(&self) -> String {
        self.event_id()
    }
}

impl Durable for FaultRequest {
    const FAMILY: Family = Family::Fault;

    fn subject(&self) -> String {
        Self::FAMILY.of_node(&self.node)
    }

    fn message_id(&self) -> String {
        self.event_id()
    }
}

impl Durable for FaultStatus {
    const FAMILY: Family = Family::FaultStatus;

    fn subject(&self) -> String {
        Self::FAMILY.of_node(&self.node)
    }

    fn message_id(&self) -> String {
        self.event_id()
    }
}

impl Durable for Evidence {
    const FAMILY: Family = Family::Evidence;

    fn subject(&self) -> String {
        Self::FAMILY.of_entity(&self.entity)
    }

    fn message_id(&self) -> String {
        self.event_id()
    }
}
