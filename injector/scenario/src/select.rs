//! Which entities a fault is made in, at the moment that it is made.
//!
//! Invariants: the same seed, place in the file and view give the same choice, in whatever order the view lists things; nothing is chosen
//! twice; what is down is not chosen, as a fault of it would be refused.

use std::collections::BTreeMap;

use arena_faults::Fault;
use arena_proto::{Entity, NodeName, NodeStatus, ProcessState, ServiceName};

use crate::chance::{Chance, Use};
use crate::layout::ROLES;
use crate::model::Selector;
use crate::roles::check_takes;

/// What can be hit: the nodes that are up, each with its services that run. Of public status only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View(pub BTreeMap<NodeName, Vec<ServiceName>>);

impl View {
    /// Of KV `status`.
    pub fn of<'a>(nodes: impl IntoIterator<Item = &'a NodeStatus>) -> Self {
        let up = nodes
            .into_iter()
            .filter(|node| node.state == ProcessState::Running);
        Self(up.map(|node| (node.node.clone(), running(node))).collect())
    }
}

fn running(node: &NodeStatus) -> Vec<ServiceName> {
    let running = node
        .services
        .iter()
        .filter(|service| service.state == ProcessState::Running);
    running.map(|service| service.name.clone()).collect()
}

impl Selector {
    /// The entities, in their order; fewer than asked for when there are fewer, and perhaps none. `seed` is the scenario's, `index` the
    /// injection's place in the file.
    #[must_use]
    pub fn resolve(&self, fault: &Fault, view: &View, seed: u64, index: u32) -> Vec<Entity> {
        let replicas = |service: &ServiceName| {
            let service = service.clone();
            services(view, move |other| *other == service)
        };
        let (candidates, count) = match self {
            Self::Entity(entity) => return vec![entity.clone()],
            Self::Role { service, count } => {
                let candidates = replicas(service);
                let all = candidates.len();
                (candidates, count.map_or(all, to_usize))
            }
            Self::Percent { service, percent } => {
                let candidates = replicas(service);
                let count = share(candidates.len(), *percent);
                (candidates, count)
            }
            Self::AnyService(count) => {
                let fits = |name: &ServiceName| {
                    ROLES.contains(&name.as_str()) && check_takes(fault, name).is_ok()
                };
                (services(view, fits), to_usize(*count))
            }
            Self::Nodes(count) => {
                let nodes: Vec<Entity> = view.0.keys().cloned().map(Entity::node).collect();
                let all = nodes.len();
                (nodes, count.map_or(all, to_usize))
            }
        };
        choose(candidates, count, Chance::new(seed, Use::Target(index)))
    }
}

fn services(view: &View, wanted: impl Fn(&ServiceName) -> bool) -> Vec<Entity> {
    let of_node = |(node, services): (&NodeName, &Vec<ServiceName>)| {
        let wanted = services.iter().filter(|name| wanted(name));
        let entities: Vec<Entity> = wanted
            .map(|name| Entity::service(node.clone(), name.clone()))
            .collect();
        entities
    };
    view.0.iter().flat_map(of_node).collect()
}

fn choose(mut candidates: Vec<Entity>, count: usize, mut chance: Chance) -> Vec<Entity> {
    candidates.sort();
    candidates.dedup();
    if count < candidates.len() {
        chance.shuffle(&mut candidates);
        candidates.truncate(count);
        candidates.sort();
    }
    candidates
}

/// Rounded down, but at least one.
pub(crate) fn share(of: usize, percent: u32) -> usize {
    (of * to_usize(percent) / 100).max(1)
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
