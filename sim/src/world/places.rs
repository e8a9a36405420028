//! Which services are where, and who calls whom: what of an `arena.toml` never changes while the world runs.
//!
//! Invariant: indices are dense and in the order of the arena: the services of a node lie side by side.

use std::collections::BTreeMap;
use std::ops::Range;

use arena_config::arena::{Arena, Probe, ServiceSpec};
use arena_proto::{Entity, NodeName, ServiceClass, ServiceName};

use super::role::{Program, Role};
use crate::chance::key;

/// A node, by its place in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub u32);

/// A service on a node, by its place among all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceIx(pub u32);

/// The replicas of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PoolIx(pub(super) u32);

impl NodeIx {
    pub(super) const fn at(self) -> usize {
        self.0 as usize
    }
}

impl ServiceIx {
    pub(super) const fn at(self) -> usize {
        self.0 as usize
    }
}

impl PoolIx {
    pub(super) const fn at(self) -> usize {
        self.0 as usize
    }
}

/// What is fixed about a node.
#[derive(Debug, Clone)]
pub struct NodePlace {
    /// Its name.
    pub name: NodeName,
    services: Range<u32>,
}

impl NodePlace {
    /// Its services, in the order of the arena.
    pub fn services(&self) -> impl DoubleEndedIterator<Item = ServiceIx> + use<> {
        self.services.clone().map(ServiceIx)
    }
}

/// What is fixed about a service.
#[derive(Debug, Clone)]
pub struct ServicePlace {
    /// Its name; its replicas have the same.
    pub name: ServiceName,
    /// Where it runs.
    pub node: NodeIx,
    /// What its command line in `arena.toml` makes it.
    pub role: Role,
    /// SERVICE or BATCH.
    pub class: ServiceClass,
    /// Its port. Ports may be the same here: each node is a machine.
    pub port: Option<u16>,
    /// It has a port and an http probe: the sidecar carries its requests.
    pub proxied: bool,
    /// What it declares to call.
    pub depends_on: Vec<ServiceName>,
    /// What may be deleted when its disk is full.
    pub clean: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) probe: Option<Probe>,
    pub(super) probe_timeout: std::time::Duration,
    pub(super) probe_interval: std::time::Duration,
    pub(super) pool: PoolIx,
    /// Of its name and its node's: streams of chance about it stay the same wherever it is in the arena.
    pub(super) key: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) nodes: Vec<NodePlace>,
    pub(super) services: Vec<ServicePlace>,
    /// The replicas of each pool.
    pub(super) pools: Vec<Vec<ServiceIx>>,
    by_name: BTreeMap<NodeName, NodeIx>,
    pools_by_name: BTreeMap<ServiceName, PoolIx>,
}

impl Places {
    pub(super) fn of(arena: &Arena) -> Self {
        let mut places = Self {
            nodes: Vec::with_capacity(arena.nodes.len()),
            services: Vec::new(),
            pools: Vec::new(),
            by_name: BTreeMap::new(),
            pools_by_name: BTreeMap::new(),
        };
        for node in &arena.nodes {
            let index = NodeIx(count(places.nodes.len()));
            let first = count(places.services.len());
            for spec in &node.services {
                places.add(index, &node.name, spec);
            }
            places.by_name.insert(node.name.clone(), index);
            places.nodes.push(NodePlace {
                name: node.name.clone(),
                services: first..count(places.services.len()),
            });
        }
        places
    }

    fn add(&mut self, node: NodeIx, node_name: &NodeName, spec: &ServiceSpec) {
        let index = ServiceIx(count(self.services.len()));
        let new = PoolIx(count(self.pools.len()));
        let pool = *self.pools_by_name.entry(spec.name.clone()).or_insert(new);
        if pool == new {
            self.pools.push(Vec::new());
        }
        self.pools[pool.at()].push(index);
        let http = |probe: &Probe| matches!(probe, Probe::Http { .. });
        let health = spec.health.as_ref();
        self.services.push(ServicePlace {
            name: spec.name.clone(),
            node,
            role: Program::read(&spec.command, &spec.command).role,
            class: spec.class,
            port: spec.port,
            proxied: spec.port.is_some() && health.is_some_and(|health| http(&health.probe)),
            depends_on: spec.depends_on.clone(),
            clean: spec.clean.clone(),
            command: spec.command.clone(),
            probe: health.map(|health| health.probe.clone()),
            probe_timeout: health.map_or(std::time::Duration::ZERO, |health| health.timeout),
            probe_interval: health.map_or(std::time::Duration::ZERO, |health| health.interval),
            pool,
            key: key(&format!("{node_name}/{}", spec.name)),
        });
    }

    pub(super) fn node_ix(&self, name: &NodeName) -> Option<NodeIx> {
        self.by_name.get(name).copied()
    }

    pub(super) fn service_ix(&self, entity: &Entity) -> Option<ServiceIx> {
        let node = self.node_ix(&entity.node)?;
        let name = entity.service.as_ref()?;
        let mut services = self.nodes[node.at()].services();
        services.find(|service| self.services[service.at()].name == *name)
    }

    pub(super) fn pool(&self, name: &str) -> Option<PoolIx> {
        let name = ServiceName::new(name).ok()?;
        self.pools_by_name.get(&name).copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = ServiceIx> + use<> {
        (0..count(self.services.len())).map(ServiceIx)
    }

    /// Of each pool, whether some service sends requests to it.
    pub(super) fn called(&self) -> Vec<bool> {
        let mut called = vec![false; self.pools.len()];
        for place in &self.services {
            let names = place.role.calls().iter();
            let declared = names.filter(|name| {
                place
                    .depends_on
                    .iter()
                    .any(|other| other.as_str() == **name)
            });
            for pool in declared.filter_map(|name| self.pool(name)) {
                called[pool.at()] = true;
            }
        }
        called
    }

    /// The services of a node by name, as the live agent measures them.
    pub(super) fn by_name(&self, node: NodeIx) -> Vec<ServiceIx> {
        let mut services: Vec<ServiceIx> = self.nodes[node.at()].services().collect();
        services.sort_by(|one, other| {
            self.services[one.at()]
                .name
                .cmp(&self.services[other.at()].name)
        });
        services
    }
}

/// An arena has some ten thousand of anything, far below 2^32.
pub(super) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
