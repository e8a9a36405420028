//! Which node has which service, and the `arena.toml` of it.
//!
//! The definitions of the five roles and of their users are those of the built-in arena: a change there is one here. Invariants: a role is
//! on a node at most once; no node is empty; the same seed gives the same layout. A layout has any size: that live ones stay within
//! [`NODES_MAX`] is checked where scenarios are read.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arena_config::arena::{Arena, NodeSpec, ServiceSpec};
use arena_proto::{Entity, NodeName, ServiceName};
use toml::{Table, Value};

use crate::chance::{Chance, Use};
use crate::model::{Load, Topology};

/// The roles that are replicated, in the order of the calls.
pub const ROLES: [&str; 5] = ["edge", "orders", "payments", "inventory", "ledger"];
/// The users.
pub const TRAFFIC: &str = "traffic";
/// The job that wants CPU.
pub const BATCH: &str = "batch";
/// An arena of one machine: some ten processes for each node are enough to fill it.
pub const NODES_MAX: u32 = 32;
/// Ports from the base port on that an arena takes, at most: ten for each node, and the built-in one has its own way to count.
pub const PORTS_MAX: u16 = 400;

/// The lowest port of the built-in arena: its services keep their distance from it.
const SHOP_PORT_BASE: i64 = 18100;
/// The first port of a simulated node.
const PORT_FIRST: u16 = 18_100;
/// A generated node has at most seven services.
const PORTS_A_NODE: usize = 10;

/// Why there is no `arena.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The ports would not fit below 65536.
    #[error("the base port is {base}: allowed 1024 to {}", u16::MAX - PORTS_MAX)]
    Port {
        /// What was asked for.
        base: u16,
    },
    /// The built-in arena is not what this crate knows.
    #[error("the built-in arena has no service {role} to copy")]
    Role {
        /// The service.
        role: ServiceName,
    },
}

/// Which node has which service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The nodes in their order, each with its services in theirs.
    pub nodes: Vec<(NodeName, Vec<ServiceName>)>,
}

/// The built-in arena. It is checked by the tests of its owner; if it were broken, every arena without a file would be.
static SHOP: LazyLock<Arena> = LazyLock::new(|| {
    Arena::parse("built-in", Arena::default_toml()).unwrap_or_else(|_| Arena { nodes: Vec::new() })
});

impl Layout {
    /// Of a scenario's arena.
    #[must_use]
    pub fn of(topology: &Topology, seed: u64) -> Self {
        let places = match topology {
            Topology::Shop => shop_places(),
            Topology::Generated {
                nodes,
                replicas,
                batch,
            } => generated_places(*nodes, *replicas, *batch, seed),
        };
        let nodes = places.into_iter().filter_map(|(node, services)| {
            let services = services
                .iter()
                .filter_map(|name| ServiceName::new(name).ok());
            Some((NodeName::new(node).ok()?, services.collect()))
        });
        Self {
            nodes: nodes.collect(),
        }
    }

    /// The node or the service is there.
    #[must_use]
    pub fn contains(&self, entity: &Entity) -> bool {
        self.nodes.iter().any(|(node, services)| {
            *node == entity.node
                && entity
                    .service
                    .as_ref()
                    .is_none_or(|service| services.contains(service))
        })
    }

    /// The replicas of a service, by node.
    pub fn replicas<'a>(&'a self, service: &'a ServiceName) -> impl Iterator<Item = Entity> + 'a {
        self.nodes
            .iter()
            .filter(|(_, services)| services.contains(service))
            .map(|(node, _)| Entity::service(node.clone(), service.clone()))
    }

    /// Every service, node by node.
    pub fn services(&self) -> impl Iterator<Item = Entity> + '_ {
        self.nodes.iter().flat_map(|(node, services)| {
            services
                .iter()
                .map(|service| Entity::service(node.clone(), service.clone()))
        })
    }
}

impl Layout {
    /// An arena of it in which each node is a machine of its own, as the simulator has it: ports repeat from node to node, and there may
    /// be any number of them. [`Topology::arena_toml`] is what a live one is started by.
    pub fn arena(&self, load: &Load, seed: u64) -> Result<Arena, LayoutError> {
        let definitions = specs(*load, seed);
        let nodes = self.nodes.iter().map(|(node, services)| {
            let specs = services.iter().zip(PORT_FIRST..).map(|(name, port)| {
                let known = definitions.get(name);
                let mut spec = known
                    .cloned()
                    .ok_or_else(|| LayoutError::Role { role: name.clone() })?;
                spec.port = spec.port.map(|_| port);
                Ok(spec)
            });
            Ok(NodeSpec {
                name: node.clone(),
                services: specs.collect::<Result<_, _>>()?,
            })
        });
        Ok(Arena {
            nodes: nodes.collect::<Result<_, _>>()?,
        })
    }
}

/// One definition of each service, with what users do in that of their generator.
fn specs(load: Load, seed: u64) -> BTreeMap<ServiceName, ServiceSpec> {
    let mut table = Table::new();
    let services = definitions().into_values().map(Value::Table).collect();
    table.insert("name".to_owned(), Value::String("all".to_owned()));
    table.insert("service".to_owned(), Value::Array(services));
    let mut arena = Table::new();
    arena.insert("node".to_owned(), Value::Array(vec![Value::Table(table)]));
    add_load(&mut arena, load, seed);
    // Each service once on one node: the built-in definitions are as good there as where they come from.
    let arena = Arena::parse("built-in", &with_ports(arena).to_string());
    let services = arena.map_or_else(
        |_| Vec::new(),
        |arena| {
            arena
                .nodes
                .into_iter()
                .flat_map(|node| node.services)
                .collect()
        },
    );
    services
        .into_iter()
        .map(|spec: ServiceSpec| (spec.name.clone(), spec))
        .collect()
}

/// Each port once.
fn with_ports(mut arena: Table) -> Table {
    for (service, port) in services_mut(&mut arena).zip(PORT_FIRST..) {
        if let Some(own) = service.get_mut("port") {
            *own = Value::Integer(i64::from(port));
        }
    }
    arena
}

type Places = Vec<(String, Vec<String>)>;

fn shop_places() -> Places {
    let names = |services: &[arena_config::arena::ServiceSpec]| {
        services
            .iter()
            .map(|service| service.name.to_string())
            .collect()
    };
    SHOP.nodes
        .iter()
        .map(|node| (node.name.to_string(), names(&node.services)))
        .collect()
}

/// As many machines as share one generator of users: as many as a live arena has at most, so that the load of a bigger one grows with it.
const NODES_A_CROWD: u32 = NODES_MAX;

/// Of an arena that no live one is as big as: each service to the next node of an order by chance, so that none has more than one more than
/// another. It takes as long as there are services, and not as many times longer as there are nodes.
fn dealt_places(nodes: u32, replicas: u32, batch: bool, seed: u64) -> Places {
    let mut places: Places = (1..=nodes)
        .map(|number| (format!("node-{number}"), Vec::new()))
        .collect();
    let mut order: Vec<usize> = (0..places.len()).collect();
    Chance::new(seed, Use::Layout).shuffle(&mut order);
    if batch && let Some((_, services)) = places.first_mut() {
        services.push(BATCH.to_owned());
    }
    let copies = |role, count| std::iter::repeat_n(role, usize::try_from(count).unwrap_or(0));
    let roles = ROLES
        .into_iter()
        .flat_map(|role| copies(role, replicas.min(nodes)));
    let all = roles.chain(copies(TRAFFIC, nodes.div_ceil(NODES_A_CROWD)));
    for (role, node) in all.zip(order.iter().cycle()) {
        places[*node].1.push(role.to_owned());
    }
    // A node without a service is none.
    places.retain(|(_, services)| !services.is_empty());
    places
}

/// Each service goes to the node that has the fewest and not yet that one; chance decides between equals.
fn generated_places(nodes: u32, replicas: u32, batch: bool, seed: u64) -> Places {
    if nodes > NODES_MAX {
        return dealt_places(nodes, replicas, batch, seed);
    }
    let mut chance = Chance::new(seed, Use::Layout);
    let mut places: Places = (1..=nodes)
        .map(|number| (format!("node-{number}"), Vec::new()))
        .collect();
    if batch && let Some((_, services)) = places.first_mut() {
        services.push(BATCH.to_owned());
    }
    let mut order: Vec<usize> = (0..places.len()).collect();
    let copies = |role| std::iter::repeat_n(role, usize::try_from(replicas).unwrap_or(0));
    for role in ROLES.into_iter().flat_map(copies).chain([TRAFFIC]) {
        chance.shuffle(&mut order);
        let free = order
            .iter()
            .copied()
            .filter(|index| !places[*index].1.iter().any(|name| name == role));
        if let Some(index) = free.min_by_key(|index| places[*index].1.len()) {
            places[index].1.push(role.to_owned());
        }
    }
    places
}

/// What a service calls, by its definition.
#[must_use]
pub fn dependencies(service: &ServiceName) -> &'static [ServiceName] {
    SHOP.nodes
        .iter()
        .flat_map(|node| &node.services)
        .find(|spec| spec.name == *service)
        .map_or(&[], |spec| &spec.depends_on)
}

impl Topology {
    /// An `arena.toml` of it, with all its ports from `base_port` on, at most [`PORTS_MAX`] of them: several arenas can live at once.
    pub fn arena_toml(
        &self,
        seed: u64,
        load: &Load,
        base_port: u16,
    ) -> Result<String, LayoutError> {
        if !(1024..=u16::MAX - PORTS_MAX).contains(&base_port) {
            return Err(LayoutError::Port { base: base_port });
        }
        let mut arena = match self {
            Self::Shop => shop_table(base_port),
            Self::Generated { .. } => generated_table(&Layout::of(self, seed), base_port)?,
        };
        add_load(&mut arena, *load, seed);
        Ok(arena.to_string())
    }
}

/// What users do, in the command line of their generators.
fn add_load(arena: &mut Table, load: Load, seed: u64) {
    for service in services_mut(arena) {
        if service.get("name").and_then(Value::as_str) == Some(TRAFFIC) {
            add_arguments(service, ["--rate".to_owned(), load.rate.to_string()]);
            add_arguments(service, ["--seed".to_owned(), seed.to_string()]);
        }
    }
}

/// The built-in text, read; empty if it were broken, which the tests of its owner see.
fn built_in() -> Table {
    Arena::default_toml().parse().unwrap_or_default()
}

fn shop_table(base_port: u16) -> Table {
    let mut arena = built_in();
    for service in services_mut(&mut arena) {
        if let Some(Value::Integer(port)) = service.get_mut("port") {
            *port += i64::from(base_port) - SHOP_PORT_BASE;
        }
    }
    arena
}

fn generated_table(layout: &Layout, base_port: u16) -> Result<Table, LayoutError> {
    let definitions = definitions();
    let mut nodes = Vec::new();
    for (index, (node, services)) in layout.nodes.iter().enumerate() {
        let mut tables = Vec::new();
        for (place, name) in services.iter().enumerate() {
            let Some(definition) = definitions.get(name.as_str()) else {
                return Err(LayoutError::Role { role: name.clone() });
            };
            let mut table = definition.clone();
            if table.contains_key("port") {
                let offset = i64::try_from(index * PORTS_A_NODE + place).unwrap_or(i64::MAX);
                table.insert(
                    "port".to_owned(),
                    Value::Integer(i64::from(base_port) + offset),
                );
            }
            tables.push(Value::Table(table));
        }
        let mut table = Table::new();
        table.insert("name".to_owned(), Value::String(node.to_string()));
        table.insert("service".to_owned(), Value::Array(tables));
        nodes.push(Value::Table(table));
    }
    let mut arena = Table::new();
    arena.insert("node".to_owned(), Value::Array(nodes));
    Ok(arena)
}

/// One definition of each service.
fn definitions() -> BTreeMap<String, Table> {
    let mut definitions = BTreeMap::new();
    for service in services_mut(&mut built_in()) {
        if let Some(name) = service.get("name").and_then(Value::as_str) {
            definitions.insert(name.to_owned(), service.clone());
        }
    }
    // Not in the built-in arena: it does nothing until a fault makes it burn.
    let mut batch = Table::new();
    let command = ["arena-workload", BATCH].map(|word| Value::String(word.to_owned()));
    batch.insert("name".to_owned(), Value::String(BATCH.to_owned()));
    batch.insert("command".to_owned(), Value::Array(command.to_vec()));
    batch.insert("class".to_owned(), Value::String(BATCH.to_owned()));
    definitions.insert(BATCH.to_owned(), batch);
    definitions
}

fn services_mut(arena: &mut Table) -> impl Iterator<Item = &mut Table> {
    arena
        .get_mut("node")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(|node| node.get_mut("service")?.as_array_mut())
        .flatten()
        .filter_map(Value::as_table_mut)
}

fn add_arguments(service: &mut Table, arguments: [String; 2]) {
    if let Some(command) = service.get_mut("command").and_then(Value::as_array_mut) {
        command.extend(arguments.map(Value::String));
    }
}
