//! What a scenario says.

use std::time::Duration;

use arena_faults::{Fault, Params};
use arena_proto::{ActionKind, Entity, ServiceName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One scenario, checked as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// As it is listed; also its file's name.
    pub name: String,
    /// What happens, in a line.
    pub summary: String,
    /// How hard it is to heal rightly.
    pub difficulty: Difficulty,
    /// Of every choice that is left to chance; at most 2^63 - 1, as TOML knows no more.
    pub seed: u64,
    /// The arena that it is played in.
    pub topology: Topology,
    /// What its users do.
    pub load: Load,
    /// What must hold before the first fault.
    pub steady_state: SteadyState,
    /// The faults, in the order of the file.
    pub injections: Vec<Injection>,
    /// How good the telemetry is, for the whole run.
    pub telemetry: Quality,
    /// When it counts as healed.
    pub healed: Healed,
    /// Longer than this it does not run, from the first fault on.
    pub limit: Duration,
    /// What is true, for the judge alone.
    pub truth: Truth,
}

/// How hard a scenario is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Difficulty {
    /// One fault, one symptom, at the fault.
    Easy,
    /// Symptoms elsewhere, look-alikes, or two faults.
    Medium,
    /// Cascades, gray failures, bad telemetry.
    Hard,
}

/// The arena of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// The built-in shop.
    Shop,
    /// The shop's five roles on so many nodes, each role so many times (at most once a node), by the scenario's seed.
    Generated {
        /// Nodes.
        nodes: u32,
        /// Replicas of each role.
        replicas: u32,
        /// A job that wants CPU is on the first node, too.
        batch: bool,
    },
}

/// What users do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Checkouts a second.
    pub rate: u32,
    /// How that changes.
    pub shape: LoadShape,
}

/// How the load changes from the first fault on. Each is made of the fault `load-surge` in the traffic generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoadShape {
    /// Not at all.
    #[default]
    Steady,
    /// Twice as much in the middle third of the run.
    Wave,
    /// Five times as much for 5 s, once, at a time that the seed chooses.
    Spike,
}

/// What is normal.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyState {
    /// What must hold.
    pub checks: Vec<Check>,
    /// For so long without a break.
    pub hold: Duration,
    /// That stretch begins no later than this after the arena's start.
    pub within: Duration,
}

/// A condition over what users feel: CEL over `user_error_percent`, `user_latency_p95_ms`, `user_request_rate_hz`,
/// `services_unhealthy` and `incidents_open`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check(pub String);

/// One fault to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Injection {
    /// When.
    pub when: When,
    /// Which.
    pub fault: &'static Fault,
    /// In what.
    pub target: Selector,
    /// Its time to live.
    pub ttl: Duration,
    /// All of them, with the defaults filled in.
    pub params: Params,
}

/// When a fault is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// So long after the steady state was found.
    At(Duration),
    /// So long after this condition (a [`Check`]) first held.
    If(Check, Duration),
}

/// Which entities a fault is made in. Chance is the scenario's seed and the injection's place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// This one.
    Entity(Entity),
    /// So many replicas of a role, by chance.
    Role {
        /// The role.
        service: ServiceName,
        /// How many; `None`: all.
        count: Option<u32>,
    },
    /// A share of the replicas of a role, by chance, at least one.
    Percent {
        /// The role.
        service: ServiceName,
        /// 1 to 100.
        percent: u32,
    },
    /// So many services of the shop's roles that can have the fault, by chance.
    AnyService(u32),
    /// So many nodes, by chance; `None`: all.
    Nodes(Option<u32>),
}

/// How good the telemetry of every node is, each in percent of the messages; made of the telemetry faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quality {
    /// Lost.
    pub loss_percent: u32,
    /// Told twice.
    pub duplicate_percent: u32,
    /// Late by so much.
    pub delay: Duration,
}

/// When it counts as healed.
#[derive(Debug, Clone, PartialEq)]
pub struct Healed {
    /// What must hold again; the checks of the steady state when the file names none.
    pub checks: Vec<Check>,
    /// For so long without a break.
    pub hold: Duration,
    /// That stretch begins no later than this after the first fault.
    pub within: Duration,
}

/// What is true about a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// What a good remediator does.
    pub expect: Expect,
    /// The entities that are to blame. Empty: those that the injections hit.
    pub roots: Vec<Entity>,
    /// The actions on a root, any of which is right.
    pub cures: Vec<ActionKind>,
}

/// What a good remediator does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// It heals: an accepted cure at a root, and users are well again while the fault would still last.
    Heal,
    /// It does nothing: nothing is wrong, or it passes by itself and every action would hurt.
    NoAction,
    /// It calls a person: nothing that it can do cures it. It may try what cannot hurt.
    Escalate,
}
