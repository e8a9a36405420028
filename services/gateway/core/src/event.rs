//! What pages are told, one event a change.

use arena_view::question::Question;
use arena_view::status::{ArenaReport, NodeReport};
use serde::Serialize;
use utoipa::ToSchema;

use crate::view::{BusView, CommandView, FaultView, IncidentView, NodeGone, SamplesView};

/// One change. Serialised it is the event's data; its name stands beside it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Event {
    /// The bus came or went.
    Bus(BusView),
    /// A node of the status, in place of the one of the same name.
    Node(Box<NodeReport>),
    /// A node is no longer part of the arena.
    NodeGone(NodeGone),
    /// What the status has beside its nodes.
    Arena(Box<ArenaReport>),
    /// An incident, in place of the one of the same id.
    Incident(Box<IncidentView>),
    /// A fault, in place of the one of the same id.
    Fault(Box<FaultView>),
    /// A command, in place of the one of the same id.
    Command(Box<CommandView>),
    /// All that wait for an answer.
    Questions(Vec<Question>),
    /// The readings of one second.
    Samples(SamplesView),
}

impl Event {
    /// The word that stands in `event:`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bus(_) => "bus",
            Self::Node(_) => "node",
            Self::NodeGone(_) => "node_gone",
            Self::Arena(_) => "arena",
            Self::Incident(_) => "incident",
            Self::Fault(_) => "fault",
            Self::Command(_) => "command",
            Self::Questions(_) => "questions",
            Self::Samples(_) => "samples",
        }
    }
}
