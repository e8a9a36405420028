//! What faults can be made in: the nodes and services as KV `status` has them.

use std::collections::BTreeMap;

use arena_config::closest;
use arena_faults::{Fault, Scope};
use arena_proto::{Entity, NodeName, NodeStatus, ProcessState};

use crate::refusal::Refusal;

/// So many targets are listed for somebody who named one that is not there; a screen's worth.
const LISTED_MAX: usize = 30;

/// Every node that said something.
type Nodes = BTreeMap<NodeName, NodeStatus>;

/// A fault of a service needs a service, one of a node a node; else why not, with the mend.
pub(crate) fn check_scope(fault: &Fault, target: &Entity) -> Result<(), String> {
    match (fault.scope, &target.service) {
        (Scope::Service, None) => Err(format!(
            "{target} is a node, and {} is made in a service: name {target}/SERVICE",
            fault.name
        )),
        (Scope::Node, Some(_)) => Err(format!(
            "{target} is a service, and {} is made in a node: name {}",
            fault.name, target.node
        )),
        _ => Ok(()),
    }
}

/// A fault can be asked for there; else why not, with the mend.
pub(crate) fn check(nodes: &Nodes, fault: &Fault, target: &Entity) -> Result<(), Refusal> {
    check_scope(fault, target).map_err(Refusal::ForGood)?;
    let node = nodes.get(&target.node);
    let known = node.filter(|node| match &target.service {
        Some(service) => node.services.iter().any(|known| known.name == *service),
        None => true,
    });
    let Some(node) = known else {
        return Err(Refusal::ForGood(unknown(nodes, target)));
    };
    if !node.chaos {
        let why = "faults are off: start the arena with --chaos".to_owned();
        return Err(Refusal::ForGood(why));
    }
    if node.state == ProcessState::Stopping {
        let why = format!("node {} is stopping", node.node);
        return Err(Refusal::ForNow(why));
    }
    Ok(())
}

/// It is there, and a service's process runs.
pub(crate) fn is_running(nodes: &Nodes, target: &Entity) -> bool {
    nodes.get(&target.node).is_some_and(|node| {
        target.service.is_none()
            || node.services.iter().any(|service| {
                Some(&service.name) == target.service.as_ref()
                    && service.state == ProcessState::Running
            })
    })
}

fn unknown(nodes: &Nodes, target: &Entity) -> String {
    let names: Vec<String> = nodes
        .values()
        .flat_map(|node| {
            let entity = |service: &arena_proto::ServiceStatus| {
                Entity::service(node.node.clone(), service.name.clone()).to_string()
            };
            node.services.iter().map(entity)
        })
        .collect();
    if names.is_empty() {
        return format!("there is no {target}: no node has reported yet");
    }
    let text = target.to_string();
    let hint = closest(&text, names.iter().map(String::as_str))
        .map_or_else(String::new, |near| format!(" (did you mean {near}?)"));
    let more = match names.len().saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let listed: Vec<String> = names.into_iter().take(LISTED_MAX).collect();
    format!(
        "there is no {target}{hint}; there are {}{more}",
        listed.join(", ")
    )
}
