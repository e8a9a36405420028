//! The contract of the bus: every message that travels, as a validated type.
//!
//! The `.proto` files say what is on the wire; the generated types stay private to this crate. What the rest of
//! the project sees has been checked on its way in ([`Message::decode`]): names are names, times are there, an enum
//! is one of its words. A core therefore never meets a bad value.
//!
//! Absent on purpose: subjects (they are `arena-bus`'s), clocks, input and output.

mod alert;
pub mod carriage;
mod command;
mod control;
mod evidence;
mod fault;
mod guard;
mod incident;
mod names;
mod number;
#[cfg(feature = "openapi")]
mod openapi;
mod plan;
mod record;
mod score;
mod status;
mod story;
mod telemetry;
mod time;
mod trace;
mod villain;
mod wire;
mod words;

/// What prost and pbjson make of `arena/v1/*.proto`.
#[expect(
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    unreachable_pub,
    reason = "generated code"
)]
#[allow(
    dead_code,
    reason = "messages that only give their enums a namespace; an expectation of this lint is never met on a module"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/arena.v1.rs"));
    include!(concat!(env!("OUT_DIR"), "/arena.v1.serde.rs"));
}

pub use alert::Alert;
pub use command::{Command, Outcome, Preconditions};
pub use control::{Approval, Control, Lease, Observer, Pause};
pub use evidence::{Evidence, ProcessRow};
pub use fault::{FaultOperation, FaultRequest, FaultStatus};
pub use guard::{Refusal, check_action, check_agent};
pub use incident::{IncidentContext, IncidentEvent, Reading, SignalReport};
pub use names::{CommandId, Entity, FaultId, IncidentId, NameError, NodeName, PlanId, ServiceName};
pub use number::{Number, Numbers};
pub use plan::{Plan, PlanBasis};
pub use record::{
    ActionRecord, ChildRecord, CommandQuery, CommandRecord, DecisionRecord, FaultRecord,
    IncidentQuery, IncidentRecord, InjectReply, InjectRequest, JudgedRecord, RevertRequest,
    Summary,
};
pub use score::{
    ActionScore, FaultCount, FaultScore, IncidentScore, Matching, Score, ScoreQuery, Spread,
};
pub use status::{NodeStatus, ServiceDetail, ServiceStatus};
pub use story::{
    EfficacyQuery, EfficacyRow, EventRecord, EvidenceRecord, IncidentStory, ProcessRecord,
    ReadingRecord, StoryQuery,
};
pub use telemetry::{Column, Schema, SchemaId, ServiceInfo, ServiceSample, Telemetry};
pub use time::Timestamp;
pub use trace::{SpanId, TraceContext, TraceId, fnv1a};
pub use villain::{
    VillainFault, VillainLesson, VillainOperation, VillainPolicy, VillainRequest, VillainStatus,
    VillainStopWhen,
};
pub use wire::{DecodeError, Message, Received, transcode};
pub use words::{
    ActionKind, AlertState, CommandState, Decision, Effect, FaultReason, FaultState,
    IncidentEventKind, IncidentState, LeverPosition, Mode, ObserverState, ProbeVerdict,
    ProcessState, RejectionReason, Resolution, RestartOwner, RiskClass, ServiceClass, Severity,
    SignalState, Verdict,
};
