//! Faults: what the injector asks a node for, and what became of it. The detector and the remediator never see these.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generated as wire;
use crate::time::{duration_from_wire, duration_to_wire};
use crate::wire::{self as codec, DecodeError, Message, Received};
use crate::words::{FaultReason, FaultState};
use crate::{FaultId, NodeName, ServiceName, Timestamp};

/// One request about one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRequest {
    /// Which fault.
    pub id: FaultId,
    /// On which node.
    pub node: NodeName,
    /// When it was asked.
    pub at: Timestamp,
    /// What is asked.
    pub operation: FaultOperation,
}

/// What is asked about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultOperation {
    /// Make it.
    Apply {
        /// Its name in the catalogue.
        fault: String,
        /// To which service; `None`: to the node.
        service: Option<ServiceName>,
        /// After this the node reverts it, whatever happens.
        ttl: Duration,
        /// Must be renewed within this time; `None`: the time to live alone counts.
        lease: Option<Duration>,
        /// By name, as text.
        params: BTreeMap<String, String>,
    },
    /// Renew its lease.
    Renew,
    /// Undo it now.
    Revert,
}

impl FaultRequest {
    /// The longest time to live: a fault that should last longer is asked for again.
    pub const TTL_MAX: Duration = Duration::from_hours(1);
}

impl Message for FaultRequest {
    const NAME: &'static str = "arena.v1.FaultRequest";

    fn encode(&self) -> Vec<u8> {
        let mut wire = wire::FaultRequest {
            id: self.id.to_string(),
            node: self.node.to_string(),
            at: Some(self.at.to_wire()),
            ..wire::FaultRequest::default()
        };
        match &self.operation {
            FaultOperation::Apply {
                fault,
                service,
                ttl,
                lease,
                params,
            } => {
                wire.op = wire::fault_request::Op::Apply.into();
                wire.fault.clone_from(fault);
                wire.service = codec::text_of(service.as_ref());
                wire.ttl = Some(duration_to_wire(*ttl));
                wire.lease = lease.map(duration_to_wire);
                wire.params.clone_from(params);
            }
            FaultOperation::Renew => wire.op = wire::fault_request::Op::Renew.into(),
            FaultOperation::Revert => wire.op = wire::fault_request::Op::Revert.into(),
        }
        codec::write_json(&wire)
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        const OPERATIONS: &[&str] = &["APPLY", "RENEW", "REVERT"];
        let wire: wire::FaultRequest = codec::read(body, Self::NAME)?;
        let apply = wire.op == i32::from(wire::fault_request::Op::Apply);
        let id = match codec::parse_or_none(&wire.id, "id")? {
            Some(id) => id,
            None => received
                .sequence
                .filter(|_| apply)
                .map(FaultId::from_sequence)
                .ok_or(DecodeError::Missing { field: "id" })?,
        };
        let operation = match wire::fault_request::Op::try_from(wire.op) {
            Ok(wire::fault_request::Op::Apply) => apply_operation(&wire)?,
            Ok(wire::fault_request::Op::Renew) => FaultOperation::Renew,
            Ok(wire::fault_request::Op::Revert) => FaultOperation::Revert,
            Ok(wire::fault_request::Op::Unspecified) => {
                return Err(DecodeError::MissingWord {
                    field: "op",
                    known: OPERATIONS,
                });
            }
            Err(_) => {
                return Err(DecodeError::UnknownWord {
                    field: "op",
                    value: wire.op,
                    known: OPERATIONS,
                });
            }
        };
        Ok(Self {
            id,
            node: codec::same_node(&wire.node, received)?,
            at: Timestamp::from_wire_or_none(wire.at.as_ref(), "at")?
                .unwrap_or(received.published_at),
            operation,
        })
    }
}

fn apply_operation(wire: &wire::FaultRequest) -> Result<FaultOperation, DecodeError> {
    if wire.fault.is_empty() {
        return Err(DecodeError::Missing { field: "fault" });
    }
    let ttl = duration_from_wire(wire.ttl.as_ref(), "ttl")?
        .ok_or(DecodeError::Missing { field: "ttl" })?;
    if ttl.is_zero() || ttl > FaultRequest::TTL_MAX {
        return Err(DecodeError::OutOfRange {
            field: "ttl",
            range: "more than 0s and at most 3600s",
        });
    }
    Ok(FaultOperation::Apply {
        fault: wire.fault.clone(),
        service: codec::service_or_none(&wire.service, "service")?,
        ttl,
        lease: duration_from_wire(wire.lease.as_ref(), "lease")?.filter(|lease| !lease.is_zero()),
        params: wire.params.clone(),
    })
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultStatus {
    /// Which fault.
    pub id: FaultId,
    /// Its name in the catalogue.
    pub fault: String,
    /// On which node.
    pub node: NodeName,
    /// To which service; `None`: to the node, or the request named none that exists.
    pub service: Option<ServiceName>,
    /// Where it stands.
    pub state: FaultState,
    /// Why it was rejected or ended.
    pub reason: Option<FaultReason>,
    /// In plain words.
    pub message: String,
    /// When this was said.
    pub at: Timestamp,
    /// When it took effect.
    pub active_at: Option<Timestamp>,
    /// When it will be reverted at the latest.
    pub expires_at: Option<Timestamp>,
    /// When it was undone.
    pub reverted_at: Option<Timestamp>,
    /// Its parameters, with the defaults filled in.
    pub params: BTreeMap<String, String>,
}

impl FaultRequest {
    /// Identifies this request: a fault is applied once, and renewed and reverted as often as somebody asks.
    #[must_use]
    pub fn event_id(&self) -> String {
        match self.operation {
            FaultOperation::Apply { .. } => format!("{}.APPLY", self.id),
            FaultOperation::Renew => format!("{}.RENEW.{}", self.id, self.at.unix_nanos()),
            FaultOperation::Revert => format!("{}.REVERT.{}", self.id, self.at.unix_nanos()),
        }
    }
}

impl FaultStatus {
    /// Identifies this status: a fault passes each state once.
    #[must_use]
    pub fn event_id(&self) -> String {
        format!("{}.{}", self.id, self.state)
    }
}

impl Message for FaultStatus {
    const NAME: &'static str = "arena.v1.FaultStatus";

    fn encode(&self) -> Vec<u8> {
        codec::write_json(&wire::FaultStatus {
            id: self.id.to_string(),
            fault: self.fault.clone(),
            node: self.node.to_string(),
            service: self
                .service
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
            state: self.state.to_wire(),
            reason: self.reason.map_or(0, FaultReason::to_wire),
            message: self.message.clone(),
            at: Some(self.at.to_wire()),
            active_at: self.active_at.map(Timestamp::to_wire),
            expires_at: self.expires_at.map(Timestamp::to_wire),
            reverted_at: self.reverted_at.map(Timestamp::to_wire),
            params: self.params.clone(),
        })
    }

    fn decode(body: &[u8], received: &Received) -> Result<Self, DecodeError> {
        let wire: wire::FaultStatus = codec::read(body, Self::NAME)?;
        let time = Timestamp::from_wire_or_none;
        Ok(Self {
            id: codec::parse(&wire.id, "id")?,
            fault: wire.fault,
            node: codec::same_node(&wire.node, received)?,
            service: codec::service_or_none(&wire.service, "service")?,
            state: FaultState::from_wire(wire.state, "state")?,
            reason: FaultReason::from_wire_or_none(wire.reason, "reason")?,
            message: wire.message,
            at: Timestamp::from_wire(wire.at.as_ref(), "at")?,
            active_at: time(wire.active_at.as_ref(), "active_at")?,
            expires_at: time(wire.expires_at.as_ref(), "expires_at")?,
            reverted_at: time(wire.reverted_at.as_ref(), "reverted_at")?,
            params: wire.params,
        })
    }
}
