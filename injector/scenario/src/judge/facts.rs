//! What happened in a run, as the judge reads it and as the run record keeps it.
//!
//! Every time is in milliseconds since the run began.

use arena_faults::Fault;
use arena_proto::{
    ActionKind, CommandState, Entity, FaultReason, FaultState, RiskClass, ServiceName,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Who heals in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunPolicy))]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The remediator.
    #[default]
    Felix,
    /// Nobody.
    None,
    /// The runner itself, which knows the truth.
    Reference,
}

impl Policy {
    /// As people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Felix => "felix",
            Self::None => "none",
            Self::Reference => "reference",
        }
    }
}

/// All that the judge knows of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunFacts))]
pub struct Facts {
    /// Who was to heal.
    pub policy: Policy,
    /// The steady state was found, and the faults began.
    pub play_ms: u64,
    /// The watch ended.
    pub end_ms: u64,
    /// Every fault that was asked for, in the order of the asking.
    pub faults: Vec<FaultFact>,
    /// What was to be made and was refused before a node heard of it, in words.
    pub refusals: Vec<String>,
    /// Every incident that was opened since `play_ms`.
    pub incidents: Vec<IncidentFact>,
    /// Every action that was commanded since `play_ms`, whoever did.
    pub actions: Vec<ActionFact>,
    /// What users felt, about twice a second.
    pub samples: Vec<Sample>,
    /// How many nodes there were when the faults began; 0: nobody counted.
    #[serde(default)]
    pub nodes: u32,
    /// How many replicas of each service there were then.
    #[serde(default)]
    pub roles: Vec<RoleFact>,
    /// What users asked for a second before the first fault: the mean of the steady state. Where it is not known nothing is missed.
    #[serde(default)]
    pub steady_rate_hz: Option<f64>,
    /// Each change of a service, by its node's word; at `play_ms` those that were not as they should be.
    #[serde(default)]
    pub states: Vec<StateFact>,
    /// What is true whatever the telemetry says: the simulator knows it, on real processes nobody does.
    #[serde(default)]
    pub truth: Option<TruthFact>,
    /// The same faults once more, after users were well: what happened since.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub encore: Option<Box<Facts>>,
}

/// A service, and how often it was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RoleFact))]
pub struct RoleFact {
    /// The service.
    pub service: ServiceName,
    /// On so many nodes.
    pub replicas: u32,
}

/// How a service is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = StateFact))]
pub struct StateFact {
    /// When.
    pub at_ms: u64,
    /// Which service.
    pub entity: Entity,
    /// It runs and does not fail its probe, or waits as a standby.
    pub healthy: bool,
    /// It is sent nothing new: it, or its node as a whole, was taken out.
    pub drained: bool,
    /// It has a share of the CPU only.
    pub throttled: bool,
}

/// What is true of a run, whatever its telemetry says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = TruthFact))]
pub struct TruthFact {
    /// What users truly felt, at the times of `samples`.
    pub users: Vec<Sample>,
    /// Each change of who is truly hurt.
    pub hurt: Vec<HurtFact>,
}

/// Whether a service is hurt from now on: whoever asks it gets errors, or waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = HurtFact))]
pub struct HurtFact {
    /// When.
    pub at_ms: u64,
    /// Which service.
    pub entity: Entity,
    /// It is.
    pub hurt: bool,
}

/// Why a fault is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FaultPart))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// One of the scenario's injections.
    Injection,
    /// The shape of the load, or the quality of the telemetry: nobody is to heal it.
    Background,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FaultFact))]
pub struct FaultFact {
    /// Its id; empty when nobody took it.
    pub id: String,
    /// Which.
    #[serde(serialize_with = "name", deserialize_with = "named")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub fault: &'static Fault,
    /// In what.
    pub target: Entity,
    /// Why it is there.
    pub part: Part,
    /// Its place among the scenario's injections, from 0; null of a background, and of what no scenario asked for.
    #[serde(default)]
    pub index: Option<u32>,
    /// Its time to live.
    pub ttl_ms: u64,
    /// What the node last said of it.
    pub state: FaultState,
    /// Its node began with it: from now on it may be felt.
    pub armed_ms: Option<u64>,
    /// It is in effect.
    pub active_ms: Option<u64>,
    /// It was over.
    pub end_ms: Option<u64>,
    /// Why it was refused or ended.
    pub reason: Option<FaultReason>,
    /// The same in words.
    pub message: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn name<S: Serializer>(fault: &&'static Fault, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(fault.name.as_str())
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static Fault, D::Error> {
    Fault::named(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = IncidentFact))]
pub struct IncidentFact {
    /// Its id.
    pub id: String,
    /// Who shows the symptom.
    pub entity: Entity,
    /// The symptom.
    pub symptom: String,
    /// What is believed to be the cause, by the latest word.
    pub root_cause: Entity,
    /// The detector opened it.
    pub opened_ms: u64,
    /// The detector cleared it.
    pub cleared_ms: Option<u64>,
    /// The first plan was made.
    pub planned_ms: Option<u64>,
    /// A person was called.
    pub escalated_ms: Option<u64>,
    /// How it ended.
    pub resolution: Option<String>,
    /// Who to heal said so.
    #[serde(default)]
    pub resolved_ms: Option<u64>,
    /// Who was held for the cause, each time that changed; the first is the word that it was opened with.
    #[serde(default)]
    pub blames: Vec<BlameFact>,
}

/// Who is held for the cause from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BlameFact))]
pub struct BlameFact {
    /// When.
    pub at_ms: u64,
    /// Likeliest first; the first is `root_cause`.
    pub candidates: Vec<Entity>,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ActionFact))]
pub struct ActionFact {
    /// Its command.
    pub command: String,
    /// What was done.
    pub action: ActionKind,
    /// To what.
    pub target: Entity,
    /// For which incident.
    pub incident: Option<String>,
    /// How much it can hurt, where that was told.
    pub risk: Option<RiskClass>,
    /// It was first heard of.
    pub issued_ms: u64,
    /// Its node began with it.
    #[serde(default)]
    pub began_ms: Option<u64>,
    /// Its end was told.
    pub end_ms: Option<u64>,
    /// What became of it.
    pub outcome: CommandState,
    /// The same in words.
    pub message: String,
}

/// What users feel and how the arena is, at one moment. What is not known is `None`, and is never well.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunSample))]
pub struct Sample {
    /// When.
    pub at_ms: u64,
    /// Share of the requests of users that failed.
    pub user_error_percent: Option<f64>,
    /// How long all but the slowest twentieth of them took.
    pub user_latency_p95_ms: Option<f64>,
    /// How many there are a second.
    pub user_request_rate_hz: Option<f64>,
    /// Services that do not run or fail their probe, by every node's word.
    pub services_unhealthy: Option<f64>,
    /// Incidents that are not cleared.
    pub incidents_open: Option<f64>,
}

impl Facts {
    /// How many services there were when the faults began.
    #[must_use]
    pub fn services(&self) -> u32 {
        self.roles.iter().map(|role| role.replicas).sum()
    }

    /// How often the service was there.
    #[must_use]
    pub fn replicas(&self, service: &ServiceName) -> Option<u32> {
        let mut roles = self.roles.iter();
        let role = roles.find(|role| role.service == *service)?;
        Some(role.replicas)
    }
}

impl StateFact {
    /// It runs well, and with all that it has.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.healthy && !self.drained && !self.throttled
    }
}

impl FaultFact {
    /// It was made.
    #[must_use]
    pub const fn is_made(&self) -> bool {
        self.active_ms.is_some()
    }

    /// When its time to live would have ended it; `None` for what was done the moment it was made, and was refused.
    #[must_use]
    pub fn natural_end_ms(&self) -> Option<u64> {
        let stays = self.fault.carrier != arena_faults::Carrier::Nothing;
        Some(self.active_ms.filter(|_| stays)? + self.ttl_ms)
    }
}

impl ActionFact {
    /// The node says that it was done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcome == CommandState::Succeeded
    }

    /// It hurts nobody who is well: it takes back what was done before, or starts what is dead (nodes refuse to start anything else).
    #[must_use]
    pub const fn is_free(&self) -> bool {
        matches!(
            self.action,
            ActionKind::Undrain
                | ActionKind::Unthrottle
                | ActionKind::Unquarantine
                | ActionKind::Start
        )
    }
}
