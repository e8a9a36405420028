//! Telemetry of nodes whose agents do not speak NATS: what they post becomes what an agent would say on the bus, schema, status and
//! telemetry, so that nobody else needs to know.
//!
//! Absent on purpose: the bus, clocks, chance; and any reading that was not posted. Invariants: a name that an agent has is refused;
//! the status says that there is no agent; a boot's messages are numbered without a gap; nodes, services and metrics have limits.

mod post;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_proto::{
    Column, NodeName, NodeStatus, ProcessState, Schema, SchemaId, ServiceClass, ServiceDetail,
    ServiceInfo, ServiceName, ServiceSample, ServiceStatus, Telemetry, Timestamp,
};

pub use post::{Post, PostedSample, PostedService, PostedTelemetry, parse};

/// Nodes that may tell of themselves over HTTP at once. Each is a task of seconds for nobody; more of them want a bus.
pub const NODES_MAX: usize = 64;
/// After this long without a post a node's place is free: long after the detector told of its silence, and before somebody waits a day.
pub const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// Why a post is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Something in it is not what it must be.
    Bad(String),
    /// An agent speaks for this name.
    Owned(String),
    /// There are too many.
    TooMany(String),
}

/// What is to be said on the bus, in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Into KV `schema`, where it is another one.
    pub schema: Option<Schema>,
    /// Into KV `status`, where it is another one, or was not written for a while.
    pub status: Option<NodeStatus>,
    /// None of a node that leaves.
    pub telemetry: Option<Telemetry>,
}

/// A node that tells of itself.
#[derive(Debug)]
struct Known {
    boot_id: u64,
    seq: u64,
    columns: BTreeSet<Column>,
    schema: Option<SchemaId>,
    services: BTreeMap<ServiceName, ServiceStatus>,
    status_written_at: Option<Timestamp>,
    heard_at: Timestamp,
}

/// Every node without an agent.
#[derive(Debug)]
pub struct Inbound {
    next_boot_id: u64,
    known: BTreeMap<NodeName, Known>,
    /// What KV `status` says of everybody.
    statuses: BTreeMap<NodeName, NodeStatus>,
}

impl Inbound {
    /// One that knows nobody. `boot_id`: another one at each start of the gateway.
    #[must_use]
    pub fn new(boot_id: u64) -> Self {
        Self {
            next_boot_id: boot_id,
            known: BTreeMap::new(),
            statuses: BTreeMap::new(),
        }
    }

    /// KV `status` has this.
    pub fn status(&mut self, status: NodeStatus) {
        if status.has_agent() {
            self.known.remove(&status.node);
        }
        self.statuses.insert(status.node.clone(), status);
    }

    /// KV `status` has nothing of a node any more: its place is free, and it is met anew when it posts again.
    pub fn status_removed(&mut self, node: &NodeName) {
        self.statuses.remove(node);
        self.known.remove(node);
    }

    /// What was to be said could not be, and its telemetry, which comes last, was not: all is said again with the next post.
    pub fn failed(&mut self, node: &NodeName) {
        if let Some(known) = self.known.get_mut(node) {
            known.seq = known.seq.saturating_sub(1);
            known.schema = None;
            known.status_written_at = None;
        }
    }

    /// Takes a post.
    pub fn post(&mut self, now: Timestamp, post: &Post) -> Result<Said, Refused> {
        let name = &post.node;
        self.known
            .retain(|_, known| now.saturating_since(known.heard_at) < FORGOTTEN_AFTER);
        self.check_name(name, post.leaving)?;
        let mut met = None;
        let known = match self.known.get_mut(name) {
            Some(known) => known,
            None => met.insert(self.meet(now, name)),
        };
        if post.leaving {
            let status = known.status(name, ProcessState::Stopping, now);
            self.known.remove(name);
            return Ok(Said {
                schema: None,
                status: Some(status),
                telemetry: None,
            });
        }
        known.take_columns(post)?;
        known.heard_at = now;
        let changed = known.take_services(post);
        let schema = known.schema(name, post);
        let id = schema.id();
        let is_new_schema = known.schema.replace(id) != Some(id);
        let due = known
            .status_written_at
            .is_none_or(|at| now.saturating_since(at) >= NodeStatus::TOLD_EVERY);
        let status = (changed || due).then(|| known.status(name, ProcessState::Running, now));
        if status.is_some() {
            known.status_written_at = Some(now);
        }
        known.seq += 1;
        let telemetry = known.telemetry(&schema, post);
        // Who is refused takes no place.
        if let Some(known) = met {
            self.known.insert(name.clone(), known);
        }
        Ok(Said {
            schema: is_new_schema.then_some(schema),
            status,
            telemetry: Some(telemetry),
        })
    }

    fn check_name(&self, name: &NodeName, is_leaving: bool) -> Result<(), Refused> {
        let theirs = self.statuses.get(name).filter(|status| status.has_agent());
        if theirs.is_some_and(|status| status.state != ProcessState::Stopping) {
            return Err(Refused::Owned(format!(
                "{name} has an agent, which speaks for it\n  mend: post under another name, or stop that agent first"
            )));
        }
        let is_known = self.known.contains_key(name);
        // Else anybody could fill KV with names that never were.
        let is_told_of = self
            .statuses
            .get(name)
            .is_some_and(|status| !status.has_agent());
        if is_leaving && !is_known && !is_told_of {
            return Err(Refused::Bad(format!(
                "{name} never told anything, so it cannot leave"
            )));
        }
        if !is_leaving && !is_known && self.known.len() >= NODES_MAX {
            return Err(Refused::TooMany(format!(
                "{NODES_MAX} nodes tell of themselves over HTTP, which is the limit"
            )));
        }
        Ok(())
    }

    /// A node that was not heard of since the gateway started. What was known of it before goes on.
    fn meet(&mut self, now: Timestamp, name: &NodeName) -> Known {
        let boot_id = self.next_boot_id;
        self.next_boot_id = self.next_boot_id.wrapping_add(1);
        let before = self.statuses.get(name).filter(|status| !status.has_agent());
        let services = before.map_or(&[][..], |status| &status.services);
        Known {
            boot_id,
            seq: 0,
            columns: BTreeSet::new(),
            schema: None,
            services: services
                .iter()
                .map(|service| (service.name.clone(), service.clone()))
                .collect(),
            status_written_at: None,
            heard_at: now,
        }
    }
}

impl Known {
    /// The columns only grow, so that a metric that is left out once has no reading, and the schema is no other; but a service that is
    /// not there any more takes its own along.
    fn take_columns(&mut self, post: &Post) -> Result<(), Refused> {
        let mut columns = self.columns.clone();
        columns.retain(|column| {
            let service = column.service.as_ref();
            service.is_none_or(|service| post.services.contains_key(service))
        });
        columns.extend(post.samples.keys().cloned());
        let mut counts: BTreeMap<Option<&ServiceName>, usize> = BTreeMap::new();
        for column in &columns {
            let count = counts.entry(column.service.as_ref()).or_default();
            *count += 1;
            if *count > post::METRICS_MAX {
                let of = column
                    .service
                    .as_ref()
                    .map_or("the node", ServiceName::as_str);
                return Err(Refused::Bad(format!(
                    "{of} has had more than {} metrics, which is the limit",
                    post::METRICS_MAX
                )));
            }
        }
        self.columns = columns;
        Ok(())
    }

    /// True when anything but the time changed.
    fn take_services(&mut self, post: &Post) -> bool {
        let services: BTreeMap<ServiceName, ServiceStatus> = post
            .services
            .iter()
            .map(|(name, posted)| {
                (
                    name.clone(),
                    service(name, posted, self.services.get(name), post.at),
                )
            })
            .collect();
        let changed = services != self.services;
        self.services = services;
        changed
    }

    fn schema(&self, node: &NodeName, post: &Post) -> Schema {
        let info = |(name, posted): (&ServiceName, &PostedService)| ServiceInfo {
            name: name.clone(),
            depends_on: posted.depends_on.clone(),
            observed: Vec::new(),
            class: ServiceClass::Service,
        };
        Schema {
            node: node.clone(),
            columns: self.columns.iter().cloned().collect(),
            services: post.services.iter().map(info).collect(),
        }
    }

    fn status(&self, node: &NodeName, state: ProcessState, now: Timestamp) -> NodeStatus {
        NodeStatus {
            node: node.clone(),
            boot_id: self.boot_id,
            pid: 0,
            state,
            chaos: false,
            services: self.services.values().cloned().collect(),
            at: now,
            quarantined: false,
            restart_owner: None,
            fence: 0,
        }
    }

    fn telemetry(&self, schema: &Schema, post: &Post) -> Telemetry {
        let reading = |column: &Column| post.samples.get(column).copied().unwrap_or(f32::NAN);
        let sample = |service: &ServiceStatus| ServiceSample {
            state: service.state,
            probe: service.probe,
            pid: service.pid,
            generation: service.generation,
            restarts: service.restarts,
            since: service.since,
            exit_code: None,
        };
        Telemetry {
            node: schema.node.clone(),
            boot_id: self.boot_id,
            seq: self.seq,
            schema_id: schema.id(),
            time: post.at,
            values: schema.columns.iter().map(reading).collect(),
            services: self.services.values().map(sample).collect(),
        }
    }
}

/// A service as it stands, after what it was before.
fn service(
    name: &ServiceName,
    posted: &PostedService,
    before: Option<&ServiceStatus>,
    at: Timestamp,
) -> ServiceStatus {
    let same = before.filter(|before| (before.state, before.probe) == (posted.state, posted.probe));
    let generation = posted
        .generation
        .unwrap_or_else(|| generation(posted, before));
    ServiceStatus {
        name: name.clone(),
        state: posted.state,
        probe: posted.probe,
        pid: posted.pid,
        generation,
        restarts: generation.saturating_sub(1),
        port: None,
        proxy_port: None,
        depends_on: posted.depends_on.clone(),
        since: same.map_or(at, |before| before.since),
        exit_code: None,
        message: String::new(),
        detail: ServiceDetail {
            class: Some(ServiceClass::Service),
            no_agent: true,
            ..ServiceDetail::default()
        },
    }
}

/// Where nobody counts the starts: one more for each other process, or each that comes after a dead one.
fn generation(posted: &PostedService, before: Option<&ServiceStatus>) -> u32 {
    use ProcessState::{Backoff, Exited, Fatal, Running, Starting, Stopped};
    let Some(before) = before else {
        return 1;
    };
    let was_dead = matches!(before.state, Stopped | Exited | Fatal | Backoff);
    let is_alive = matches!(posted.state, Running | Starting);
    let other = matches!((before.pid, posted.pid), (Some(old), Some(new)) if old != new);
    before
        .generation
        .saturating_add(u32::from(other || was_dead && is_alive))
}

#[cfg(test)]
mod tests;
