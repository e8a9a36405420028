//! The ceiling that no asker gets beyond: a fault leaves at most half of a service's replicas, rounded up, under faults or down. The other
//! half is what heals, and what users are served by.
//!
//! One that does not run, or whose probe does not pass, is down, whoever caused it. One that stands by is no replica.

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
    let under_faults: BTreeSet<&Entity> = live
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
        .try_for_each(|service| check_service(nodes, service, &target.node, &under_faults))
}

fn check_service(
    nodes: &BTreeMap<NodeName, NodeStatus>,
    service: &ServiceName,
    target: &NodeName,
    under_faults: &BTreeSet<&Entity>,
) -> Result<(), String> {
    let is_under_fault = |node: &NodeName| {
        under_faults.contains(&Entity::node(node.clone()))
            || under_faults.contains(&Entity::service(node.clone(), service.clone()))
    };
    let is_replica = replicas(nodes, service).any(|(node, _)| node == target);
    if is_under_fault(target) || !is_replica {
        return Ok(());
    }
    let all = replicas(nodes, service).count();
    let max = all.div_ceil(2);
    let hurt: Vec<&NodeName> = replicas(nodes, service)
        .filter(|(node, status)| !status.is_healthy() || is_under_fault(node))
        .map(|(node, _)| node)
        .collect();
    // In one that is down it hurts nobody else.
    let after = hurt.len() + usize::from(!hurt.contains(&target));
    if after <= max {
        return Ok(());
    }
    let hurt: Vec<String> = hurt
        .iter()
        .map(|node| format!("{node}/{service}"))
        .collect();
    Err(format!(
        "{} of the {all} replicas of {service} are under faults or down ({}), and at most {max}, half of them rounded up, may be at once: revert one, or wait",
        hurt.len(),
        hurt.join(", ")
    ))
}
