//! What the machine is told, and what it answers with.

use std::sync::Arc;

use arena_proto::{
    Control, FaultRequest, FaultStatus, IncidentEvent, InjectReply, InjectRequest, NodeStatus,
    Plan, RevertRequest, Schema, Telemetry, VillainRequest, VillainStatus,
};

/// Tells a reply's request from others; the shell's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// Somebody asks for a fault.
    Inject(Ticket, InjectRequest),
    /// Somebody asks for the end of a fault, or of all.
    Revert(Ticket, RevertRequest),
    /// Somebody asks for a villain, for its end, or how it stands.
    Villain(Ticket, VillainRequest),
    /// From now on it is told what is public besides the nodes; what was told before is forgotten. Before a villain starts.
    Hearing,
    /// The detector said something; of use to a villain.
    Incident(IncidentEvent),
    /// The remediator decided something; of use to a villain.
    Plan(Plan),
    /// A node told what it measured; of use to a villain, where it is about users.
    Telemetry(Telemetry, Arc<Schema>),
    /// A node said how it stands.
    Node(NodeStatus),
    /// A node said what became of a fault.
    Status(FaultStatus),
    /// What people decided: the safety lever is stopped, or released.
    Control(Control),
    /// The program ends.
    Stop,
    /// Time passed.
    Tick,
}

/// What to do, in order.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Publish this to the fault's node.
    Publish(FaultRequest),
    /// Answer a request, after what precedes it was published.
    Reply(Ticket, InjectReply),
    /// Answer a request about the villain, after what precedes it was published.
    VillainReply(Ticket, Box<VillainStatus>),
    /// Say this in the log.
    Note(String),
    /// Say this in the log as a warning.
    Warning(String),
}
