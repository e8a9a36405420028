//! Commands to a node, and what became of them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generated as wire;
use crate::time::{duration_from_wire, duration_to_wire};
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{ActionKind, CommandState, RejectionReason};
use crate::{CommandId, Entity, IncidentId, NodeName, ServiceName, Timestamp};

/// One action that a node is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Doing the same id twice does nothing twice.
    pub id: CommandId,
    /// What to do.
    pub action: ActionKind,
    /// On which node.
    pub node: NodeName,
    /// To which service; `None`: to the node itself.
    pub service: Option<ServiceName>,
    /// Not done after this time.
    pub expires_at: Timestamp,
    /// How long the action may take once it was accepted.
    pub deadline: Duration,
    /// What must still hold when the node gets to it.
    pub preconditions: Preconditions,
    /// The incident that this is for; `None` for a person's command.
    pub incident_id: Option<IncidentId>,
    /// Who asked.
    pub issuer: String,
    /// Why, in plain words.
    pub reason: String,
    /// When it was asked.
    pub at: Timestamp,
    /// The remediator's fencing token; `None` for a person's command.
    pub fence: Option<u64>,
    /// By name, as text.
    pub params: BTreeMap<String, String>,
}

/// What must still hold; `None` is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preconditions {
    /// The service's process.
    pub pid: Option<u32>,
    /// Its generation: tells a process from its successor even when the pid is used again.
    pub generation: Option<u32>,
    /// When the process started, in clock ticks since the machine's boot.
    pub start_time: Option<u64>,
}

impl Command {
    /// What it is for.
    #[must_use]
    pub fn target(&self) -> Entity {
        Entity {
            node: self.node.clone(),
            service: self.service.clone(),
        }
    }

    /// How long a command without `expires_at` is good for: long enough for a person's terminal, far below the stream's
    /// 60 s.
    pub const EXPIRY_DEFAULT: Duration = Duration::from_secs(30);
    /// How long an action without `deadline` may take.
    pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(10);
    /// The longest deadline: an action that takes longer than a minute is stuck.
    pub const DEADLINE_MAX: Duration = Duration::from_mins(1);
}

impl Message for Command {
    const NAME: &'static str = "arena.v1.Command";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::Command {
            id: self.id.to_string(),
            action: self.action.to_wire(),
            node: self.node.to_string(),
            service: codec::text_of(self.service.as_ref()),
            expires_at: Some(self.expires_at.to_wire()),
            deadline: Some(duration_to_wire(self.deadline)),
            preconditions: Some(wire::Preconditions {
                pid: self.preconditions.pid,
                generation: self.preconditions.generation,
                start_time: self.preconditions.start_time,
            }),
            incident_id: self
                .incident_id
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            issuer: self.issuer.clone(),
            reason: self.reason.clone(),
            at: Some(self.at.to_wire()),
            fence: self.fence.unwrap_or(0),
            params: self.params.clone(),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Command = codec::read(body, Self::NAME)?;
        let id = match codec::parse_or_none(&wire.id, "id")? {
            Some(id) => id,
            None => received
                .sequence
                .map(CommandId::from_sequence)
                .ok_or(DecodeError::Missing { field: "id" })?,
        };
        let deadline = duration_from_wire(wire.deadline.as_ref(), "deadline")?;
        if deadline.is_some_and(|deadline| deadline.is_zero() || deadline > Self::DEADLINE_MAX) {
            return Err(DecodeError::OutOfRange {
                field: "deadline",
                range: "more than 0s and at most 60s",
            });
        }
        let action = ActionKind::from_wire(wire.action, "action")?;
        let service = codec::service_or_none(&wire.service, "service")?;
        if service.is_none() && !action.is_for_nodes() {
            return Err(DecodeError::Missing { field: "service" });
        }
        let preconditions = wire.preconditions.unwrap_or_default();
        Ok(Self {
            id,
            action,
            node: codec::same_node(&wire.node, received)?,
            service: service.filter(|_| !action.is_for_nodes()),
            expires_at: Timestamp::from_wire_or_none(wire.expires_at.as_ref(), "expires_at")?
                .unwrap_or(received.published_at + Self::EXPIRY_DEFAULT),
            deadline: deadline.unwrap_or(Self::DEADLINE_DEFAULT),
            preconditions: Preconditions {
                pid: preconditions.pid,
                generation: preconditions.generation,
                start_time: preconditions.start_time,
            },
            incident_id: codec::parse_or_none(&wire.incident_id, "incident_id")?,
            issuer: wire.issuer,
            reason: wire.reason,
            at: Timestamp::from_wire_or_none(wire.at.as_ref(), "at")?
                .unwrap_or(received.published_at),
            fence: Some(wire.fence).filter(|fence| *fence != 0),
            params: wire.params,
        })
    }
}

/// What became of a command. Several a command; the one with a final state ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which command.
    pub command_id: CommandId,
    /// On which node.
    pub node: NodeName,
    /// To which service; `None`: to the node itself.
    pub service: Option<ServiceName>,
    /// What was asked.
    pub action: ActionKind,
    /// Where it stands.
    pub state: CommandState,
    /// Why it was rejected, with [`CommandState::Rejected`].
    pub reason: Option<RejectionReason>,
    /// In plain words.
    pub message: String,
    /// The incident that it was for.
    pub incident_id: Option<IncidentId>,
    /// When.
    pub at: Timestamp,
    /// The process before the action.
    pub pid_before: Option<u32>,
    /// The process after it.
    pub pid_after: Option<u32>,
}

impl Outcome {
    /// What the command was for.
    #[must_use]
    pub fn target(&self) -> Entity {
        Entity {
            node: self.node.clone(),
            service: self.service.clone(),
        }
    }

    /// Identifies this outcome: a command passes each state once.
    #[must_use]
    pub fn event_id(&self) -> String {
        format!("{}.{}", self.command_id, self.state)
    }
}

impl Message for Outcome {
    const NAME: &'static str = "arena.v1.Outcome";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::Outcome {
            command_id: self.command_id.to_string(),
            node: self.node.to_string(),
            service: codec::text_of(self.service.as_ref()),
            action: self.action.to_wire(),
            state: self.state.to_wire(),
            reason: self.reason.map_or(0, RejectionReason::to_wire),
            message: self.message.clone(),
            incident_id: self
                .incident_id
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            at: Some(self.at.to_wire()),
            pid_before: self.pid_before.unwrap_or(0),
            pid_after: self.pid_after.unwrap_or(0),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::Outcome = codec::read(body, Self::NAME)?;
        Ok(Self {
            command_id: codec::parse(&wire.command_id, "command_id")?,
            node: codec::same_node(&wire.node, received)?,
            service: codec::service_or_none(&wire.service, "service")?,
            action: ActionKind::from_wire(wire.action, "action")?,
            state: CommandState::from_wire(wire.state, "state")?,
            reason: RejectionReason::from_wire_or_none(wire.reason, "reason")?,
            message: wire.message,
            incident_id: codec::parse_or_none(&wire.incident_id, "incident_id")?,
            at: Timestamp::from_wire(wire.at.as_ref(), "at")?,
            pid_before: Some(wire.pid_before).filter(|pid| *pid != 0),
            pid_after: Some(wire.pid_after).filter(|pid| *pid != 0),
        })
    }
}
