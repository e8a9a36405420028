//! The ceiling that no asker gets beyond: at most half of a service's replicas, rounded up, are under faults at once. The other half is
//! what heals, and what users are served by.

use std::collections::{BTreeMap, BTreeSet};

use arena_faults::{Family, Fault};
use arena_proto::{Entity, NodeName, NodeStatus, ServiceName};

use crate::villain::replicas;

/// It may be made beside the faults that are `live` (their names, and what they are in); else why not, with the numbers.
///
/// A fault of a service counts for that replica; one of a node for every service on it, unless it is telemetry's: then all are well.
pub(crate) fn check<'a>(
    nodes: &BTreeMap<NodeName, NodeStatus>,
    fault: &Fault,
    target: &Entity,
    live: impl Iterator<Item = (&'a str, &'a Entity)> + Clone,
) -> Result<(), String> {
    if fault.family == Family::Telemetry {
        return Ok(());
    }
    let hurts =
        |name: &str| Fault::named(name).is_ok_and(|known| known.family != Family::Telemetry);
    let hurt: BTreeSet<&Entity> = live
        .filter(|(name, _)| hurts(name))
        .map(|(_, entity)| entity)
        .collect();
    let on_node = nodes
        .get(&target.node)
        .into_iter()
        .flat_map(|node| &node.services);
    let services: Vec<&ServiceName> = match &target.service {
        Some(service) => vec![service],
        None => on_node.map(|service| &service.name).collect(),
    };
    services
        .into_iter()
        .try_for_each(|service| check_service(nodes, service, &target.node, &hurt))
}

fn check_service(
    nodes: &BTreeMap<NodeName, NodeStatus>,
    service: &ServiceName,
    node: &NodeName,
    hurt: &BTreeSet<&Entity>,
) -> Result<(), String> {
    let is_hurt = |node: &NodeName| {
        hurt.contains(&Entity::node(node.clone()))
            || hurt.contains(&Entity::service(node.clone(), service.clone()))
    };
    if is_hurt(node) {
        return Ok(());
    }
    let replicas: Vec<&NodeName> = replicas(nodes, service).map(|(node, _)| node).collect();
    let max = replicas.len().div_ceil(2);
    let under: Vec<String> = replicas
        .iter()
        .filter(|node| is_hurt(node))
        .map(|node| format!("{node}/{service}"))
        .collect();
    if under.is_empty() || under.len() < max {
        return Ok(());
    }
    Err(format!(
        "{} of the {} replicas of {service} are under faults ({}), and at most {max}, half of them rounded up, may be at once: revert one, or wait",
        under.len(),
        replicas.len(),
        under.join(", ")
    ))
}
