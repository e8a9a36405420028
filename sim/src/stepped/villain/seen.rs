//! What the villain sees, as the injector shows its own villains: what is public, its own faults, and which faults are live.

use arena_scenario::judge::FaultFact;
use schemars::JsonSchema;
use serde::Serialize;

use crate::observe::{NodeSeen, Observation};

/// What the villain sees: what is public, its own faults, and which faults are live.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct VillainSeen {
    /// Milliseconds since the run began.
    pub at_ms: u64,
    /// Every node and service, in the order of their names.
    pub entities: Vec<EntitySeen>,
    /// The incidents that are open.
    pub incidents: Vec<BlameSeen>,
    /// What users feel.
    pub users: UsersSeen,
    /// Its own faults, oldest first, those that are over among them.
    pub own: Vec<FaultSeen>,
    /// Every fault that is not over, whoever made it.
    pub faults: Vec<LiveSeen>,
    /// So many more it may make now.
    pub room: usize,
    /// So many more it may make in this episode.
    pub faults_left: usize,
}

/// A node or a service, as it says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct EntitySeen {
    /// `node` or `node/service`.
    pub entity: String,
    /// STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED or FATAL.
    pub state: String,
    /// UNKNOWN, PASSING, FAILING or NONE; empty for a node.
    pub probe: String,
    /// It is sent no new requests.
    pub drained: bool,
    /// Not started until somebody asks.
    pub standby: bool,
    /// Starts after the first one.
    pub restarts: u32,
}

/// An open incident.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct BlameSeen {
    /// What is hurt.
    pub entity: String,
    /// What is believed to be the cause.
    pub root_cause: String,
}

/// What users feel; null is not known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, JsonSchema)]
pub struct UsersSeen {
    /// Of their requests, how many fail.
    pub error_percent: Option<f64>,
    /// 95 % of their requests take no longer.
    pub latency_p95_ms: Option<f64>,
    /// Requests a second.
    pub rate_hz: Option<f64>,
}

/// A fault of the villain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct FaultSeen {
    /// Its id.
    pub id: String,
    /// Its name in the catalogue.
    pub fault: String,
    /// What it is in.
    pub target: String,
    /// REQUESTED, REJECTED, ARMED, ACTIVE, REVERTING, REVERTED or `REVERT_FAILED`.
    pub state: String,
    /// Its time to live.
    pub ttl_ms: u64,
    /// Why it was rejected or ended; empty while it lives.
    pub message: String,
}

/// A fault that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct LiveSeen {
    /// Its name in the catalogue.
    pub fault: String,
    /// What it is in.
    pub target: String,
}

impl VillainSeen {
    /// Out of what is public, what nodes say of faults, and what it asked for itself.
    pub(super) fn new(public: &Observation, faults: &[FaultFact], own: &[FaultSeen]) -> Self {
        let live = faults.iter().filter(|fault| !fault.state.is_final());
        Self {
            at_ms: public.at_ms,
            entities: public.nodes.iter().flat_map(entities).collect(),
            incidents: public
                .incidents
                .iter()
                .map(|incident| BlameSeen {
                    entity: incident.entity.clone(),
                    root_cause: incident.root_cause.clone(),
                })
                .collect(),
            users: users(public),
            own: own.to_vec(),
            faults: live
                .map(|fault| LiveSeen {
                    fault: fault.fault.name.to_string(),
                    target: fault.target.to_string(),
                })
                .collect(),
            room: 0,
            faults_left: 0,
        }
    }
}

fn entities(node: &NodeSeen) -> Vec<EntitySeen> {
    let own = EntitySeen {
        entity: node.node.clone(),
        state: node.state.clone(),
        drained: node.quarantined,
        ..EntitySeen::default()
    };
    let services = node.services.iter().map(|service| EntitySeen {
        entity: service.entity.clone(),
        state: service.state.clone(),
        probe: service.probe.clone(),
        drained: service.drained,
        standby: service.standby,
        restarts: service.restarts,
    });
    std::iter::once(own).chain(services).collect()
}

/// What users feel by the traffic generators' own telemetry, the worst of it where there are several.
fn users(public: &Observation) -> UsersSeen {
    let services = || public.nodes.iter().flat_map(|node| &node.services);
    let all =
        |metric: &'static str| services().filter_map(move |one| one.metrics.get(metric).copied());
    UsersSeen {
        error_percent: all("user_error_percent").reduce(f64::max),
        latency_p95_ms: all("user_latency_p95_ms").reduce(f64::max),
        rate_hz: all("user_request_rate_hz").reduce(|one, other| one + other),
    }
}
