//! What goes in and what comes out.

use std::sync::Arc;

use arena_proto::{Alert, IncidentEvent, NodeName, Schema, Telemetry};

use crate::observer::Hearing;

/// What the detector is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// The last event of one subject, before [`Input::Started`]: a restarted detector goes on with what was open.
    Restore(Box<IncidentEvent>),
    /// Everything is restored, and the bus is there: from now on silence counts.
    Started,
    /// The bus is there again, or gone: what cannot be heard is not silence.
    Connected(bool),
    /// What a node measured.
    Telemetry {
        /// The message.
        telemetry: Telemetry,
        /// What its columns mean.
        schema: Arc<Schema>,
    },
    /// A node's own status says that its agent runs, heard or not: one that died while no detector ran is found silent.
    NodeKnown(NodeName),
    /// The same of a node without an agent: what somebody's script posts may end when that script does. Its silence is its own, and
    /// says nothing about the detector's ears.
    NodePosts(NodeName),
    /// A node was taken out of the arena, for good: nothing is left to heal there.
    NodeForgotten(NodeName),
    /// A node said that it stops.
    NodeLeaving {
        /// Which node.
        node: NodeName,
        /// Which boot of its agent; another one is not meant.
        boot_id: u64,
    },
    /// What Alertmanager said last of an alert; before [`Input::Started`], and before what is restored, what stands.
    Alert(Box<Alert>),
    /// An alert of this fingerprint is not kept any more, or is about no entity of this detector.
    AlertForgotten(String),
    /// A canary came back: the number that [`Output::SendCanary`] gave.
    CanaryHeard(u64),
    /// Time has passed.
    Tick,
}

/// What the detector says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To be published, in this order.
    Publish(Box<IncidentEvent>),
    /// To be written where all can read it: whether the detector believes what it hears. At the start, and when it
    /// changes.
    Observer(Hearing),
    /// To be said to itself, over the bus, and heard again as [`Input::CanaryHeard`].
    SendCanary(u64),
}

/// What was not used, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Messages that came twice or late.
    pub stale: u64,
    /// Messages that do not fit their schema.
    pub misfits: u64,
    /// Messages of nodes beyond the limit.
    pub nodes_over_limit: u64,
    /// Signals of callers that found no room in an incident.
    pub children_over_limit: u64,
    /// Alerts beyond the limit.
    pub alerts_over_limit: u64,
}
