//! What is public: how the nodes stand, which incidents are open, what users feel. A villain sees this, its own
//! faults, which faults are live, and nothing else.

use std::collections::BTreeMap;

use arena_proto::{
    Entity, IncidentEvent, IncidentEventKind, IncidentId, IncidentState, NodeName, NodeStatus,
    Plan, ProcessState, Schema, ServiceName, ServiceStatus, Telemetry, Timestamp,
};

use super::Deed;

/// Open incidents that are kept: hundreds at once are a storm, and nobody chooses by the rest of them.
const INCIDENTS_MAX: usize = 500;
/// Traffic generators that are heard: an arena has one, or a few.
const USERS_MAX: usize = 16;
/// Users that were not heard for so long are not known to be well: they are told of each second, and one message may be late.
const USERS_AGE_MAX: std::time::Duration = std::time::Duration::from_secs(5);
/// Users are well below this share of failed requests: one in a hundred is what the detector's rules leave alone, too.
const WELL_ERROR_PERCENT_MAX: f64 = 1.0;
/// Users are well below this latency, in ms: where the detector's `latency_high` is raised for a service (detector/policy.toml).
const WELL_LATENCY_MS_MAX: f64 = 200.0;

/// What users feel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Users {
    /// Of their requests, how many fail.
    pub error_percent: Option<f64>,
    /// 95 % of their requests take no longer, in ms.
    pub latency_p95_ms: Option<f64>,
    /// Requests a second.
    pub rate_hz: Option<f64>,
}

impl Users {
    /// What a node tells of the traffic generators on it; `None` when there are none, or the message has no readings.
    fn read(telemetry: &Telemetry, schema: &Schema) -> Option<Self> {
        let mut users = Self::default();
        let mut found = false;
        for (column, value) in schema.columns.iter().zip(&telemetry.values) {
            let reading = match column.metric.as_str() {
                "user_error_percent" => &mut users.error_percent,
                "user_latency_p95_ms" => &mut users.latency_p95_ms,
                "user_request_rate_hz" => &mut users.rate_hz,
                _ => continue,
            };
            found = true;
            let value = Some(f64::from(*value)).filter(|value| value.is_finite());
            *reading = worse(*reading, value);
        }
        found.then_some(users)
    }

    /// They are well; `None` when nobody knows.
    #[must_use]
    pub fn are_well(&self) -> Option<bool> {
        let errors = self.error_percent?;
        // Without a request that succeeded there is no latency.
        let latency = self.latency_p95_ms.unwrap_or(0.0);
        Some(errors < WELL_ERROR_PERCENT_MAX && latency < WELL_LATENCY_MS_MAX)
    }
}

fn worse(left: Option<f64>, right: Option<f64>) -> Option<f64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.max(right)),
        (one, other) => one.or(other),
    }
}

/// An incident that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIncident {
    /// What is hurt.
    pub entity: Entity,
    /// The entity that is believed to be the cause.
    pub root_cause: Entity,
}

/// Everything that is public, as it was last told.
#[derive(Debug, Default)]
pub struct Public {
    nodes: BTreeMap<NodeName, NodeStatus>,
    incidents: BTreeMap<IncidentId, OpenIncident>,
    escalated: BTreeMap<IncidentId, (Timestamp, Entity)>,
    users: BTreeMap<NodeName, (Timestamp, Users)>,
}

impl Public {
    /// A node said how it stands.
    pub fn put_node(&mut self, status: NodeStatus) {
        self.nodes.insert(status.node.clone(), status);
    }

    /// Forgets everything but how the nodes stand.
    pub fn forget_talk(&mut self) {
        self.incidents.clear();
        self.escalated.clear();
        self.users.clear();
    }

    /// The detector said something.
    pub fn put_incident(&mut self, event: &IncidentEvent) {
        if event.kind == IncidentEventKind::Cleared {
            self.incidents.remove(&event.id);
            self.escalated.remove(&event.id);
        } else if self.incidents.len() < INCIDENTS_MAX || self.incidents.contains_key(&event.id) {
            let open = OpenIncident {
                entity: event.entity.clone(),
                root_cause: event.root_cause.clone(),
            };
            self.incidents.insert(event.id.clone(), open);
        }
    }

    /// The remediator decided something: only that it called a person is of interest.
    pub fn put_plan(&mut self, plan: &Plan) {
        if plan.incident_state != IncidentState::Escalated {
            self.escalated.remove(&plan.incident_id);
        } else if self.escalated.len() < INCIDENTS_MAX {
            self.escalated
                .insert(plan.incident_id.clone(), (plan.at, plan.entity.clone()));
        }
    }

    /// A node told of the users whose requests it makes.
    pub fn put_telemetry(&mut self, now: Timestamp, telemetry: &Telemetry, schema: &Schema) {
        if let Some(users) = Users::read(telemetry, schema)
            && (self.users.len() < USERS_MAX || self.users.contains_key(&telemetry.node))
        {
            self.users.insert(telemetry.node.clone(), (now, users));
        }
    }

    /// Every node that said something.
    #[must_use]
    pub const fn nodes(&self) -> &BTreeMap<NodeName, NodeStatus> {
        &self.nodes
    }

    /// What users feel now, the worst of it where there are several generators; nothing is known of those who are silent.
    #[must_use]
    pub fn users(&self, now: Timestamp) -> Users {
        let fresh = self
            .users
            .values()
            .filter(|(at, _)| now.saturating_since(*at) < USERS_AGE_MAX);
        fresh.fold(Users::default(), |all, (_, users)| Users {
            error_percent: worse(all.error_percent, users.error_percent),
            latency_p95_ms: worse(all.latency_p95_ms, users.latency_p95_ms),
            rate_hz: match (all.rate_hz, users.rate_hz) {
                (Some(left), Some(right)) => Some(left + right),
                (one, other) => one.or(other),
            },
        })
    }

    /// An incident for which a person was called at this time or later.
    #[must_use]
    pub fn escalated_since(&self, start: Timestamp) -> Option<(&IncidentId, &Entity)> {
        let mut late = self.escalated.iter().filter(|(_, (at, _))| *at >= start);
        late.next().map(|(id, (_, entity))| (id, entity))
    }
}

/// What a villain sees.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What everybody can see.
    pub public: &'a Public,
    /// What users feel now.
    pub users: Users,
    /// Its own faults, oldest first, those that are over among them.
    pub own: &'a [Deed],
    /// Every fault that is not over, whoever made it, as nodes tell everybody: its name, and what it is in.
    pub faults: &'a [(&'a str, &'a Entity)],
    /// So many more it may make now.
    pub room: usize,
}

impl View<'_> {
    /// Its own faults that are not over.
    pub fn live(&self) -> impl Iterator<Item = &Deed> {
        self.own.iter().filter(|deed| deed.is_live())
    }

    /// Every service of this name, with its node; without those that stand by.
    pub fn replicas<'v>(
        &'v self,
        service: &'v ServiceName,
    ) -> impl Iterator<Item = (&'v NodeName, &'v ServiceStatus)> {
        replicas(self.public.nodes(), service)
    }

    /// Nothing is known to be wrong with it: it runs, its probe passes, it takes requests, and no open incident is about it. A node is
    /// well when it has said how it stands, does not stop, and no open incident is about the node itself.
    #[must_use]
    pub fn is_well(&self, target: &Entity) -> bool {
        let blamed =
            |incident: &OpenIncident| incident.entity == *target || incident.root_cause == *target;
        if self.public.incidents.values().any(blamed) {
            return false;
        }
        let Some(node) = self.public.nodes.get(&target.node) else {
            return false;
        };
        match &target.service {
            None => node.state != ProcessState::Stopping,
            Some(name) => node
                .services
                .iter()
                .any(|known| known.name == *name && known.is_healthy() && !known.detail.drained),
        }
    }

    /// Incidents that are open.
    #[must_use]
    pub fn incidents_open(&self) -> usize {
        self.public.incidents.len()
    }

    /// Services that should run and are not healthy.
    #[must_use]
    pub fn services_unhealthy(&self) -> usize {
        let services = self.public.nodes.values().flat_map(|node| &node.services);
        services
            .filter(|service| !stands_by(service) && !service.is_healthy())
            .count()
    }
}

/// Every service of this name, with its node; without those that stand by.
pub(crate) fn replicas<'a>(
    nodes: &'a BTreeMap<NodeName, NodeStatus>,
    service: &'a ServiceName,
) -> impl Iterator<Item = (&'a NodeName, &'a ServiceStatus)> {
    nodes.values().flat_map(move |node| {
        let own = node.services.iter();
        own.filter(move |known| known.name == *service && !stands_by(known))
            .map(move |known| (&node.node, known))
    })
}

fn stands_by(service: &ServiceStatus) -> bool {
    service.detail.standby && service.state == ProcessState::Stopped
}
