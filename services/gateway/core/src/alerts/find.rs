//! Whom an alert is about: by its labels, one known entity or nobody.
//!
//! `arena_node` and `arena_service` say it outright, and nothing else is looked at. Else `service`, `instance` and `job`, in this order,
//! are hints: the first that names a known service decides, and where it names several the next ones choose among those. `node`, where
//! it is a known one, leaves only its services, or stands for itself where none of them is hinted at. An `instance` on another machine is
//! about that machine: what is called alike here is not meant.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::{Entity, NodeStatus, ServiceStatus};

/// Ambiguous candidates that are told by name: more help nobody.
const NAMED_MAX: usize = 4;

/// Whom an alert is about, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `None`: nobody.
    pub entity: Option<Entity>,
    /// By which labels, or why not.
    pub message: String,
}

type Labels = BTreeMap<String, String>;

/// Finds whom the labels are about. `nodes`: KV `status`.
#[must_use]
pub fn find(labels: &Labels, nodes: &[NodeStatus]) -> Found {
    if labels.contains_key("arena_node") || labels.contains_key("arena_service") {
        let by = in_words(labels, &["arena_node", "arena_service"]);
        return conclude(outright(labels, nodes), &by, "a known node or service");
    }
    let node = nodes.iter().find(|known| {
        labels
            .get("node")
            .is_some_and(|name| known.node.as_str() == name)
    });
    if node.is_none()
        && let Some(instance) = labels.get("instance")
        && !is_ours(host(instance), nodes)
    {
        let by = in_words(labels, &["instance"]);
        return Found {
            entity: None,
            message: format!("{by} is none of ours; arena_service would say it outright"),
        };
    }
    let nodes = node.map_or(nodes, std::slice::from_ref);
    let hints = [
        (by_service(labels, nodes, "service"), "service"),
        (by_instance(labels, nodes), "instance"),
        (by_service(labels, nodes, "job"), "job"),
    ];
    let mut candidates: BTreeSet<Entity> = BTreeSet::new();
    let mut by: Vec<String> = Vec::new();
    for (hinted, name) in hints {
        let narrowed: BTreeSet<Entity> = if candidates.is_empty() {
            hinted
        } else {
            candidates.intersection(&hinted).cloned().collect()
        };
        if !narrowed.is_empty() && (candidates.is_empty() || narrowed.len() < candidates.len()) {
            candidates = narrowed;
            by.push(in_words(labels, &[name]));
        }
        if candidates.len() == 1 {
            break;
        }
    }
    if node.is_some() {
        by.insert(0, in_words(labels, &["node"]));
    }
    // About a service that is not there: that is not its node.
    if let (true, Some(node), None) = (candidates.is_empty(), node, labels.get("service")) {
        candidates.insert(Entity::node(node.node.clone()));
    }
    if candidates.is_empty() {
        let message = "none of the labels arena_node, arena_service, node, service, instance and job names a known node or service";
        return Found {
            entity: None,
            message: message.to_owned(),
        };
    }
    conclude(candidates, &by.join(", "), "one")
}

fn conclude(candidates: BTreeSet<Entity>, by: &str, one: &str) -> Found {
    if candidates.len() > 1 {
        let names: Vec<String> = candidates
            .iter()
            .take(NAMED_MAX)
            .map(Entity::to_string)
            .collect();
        let more = if candidates.len() > NAMED_MAX {
            "..."
        } else {
            ""
        };
        return Found {
            entity: None,
            message: format!(
                "{by} names {} of them: {}{more}; arena_node would say which",
                candidates.len(),
                names.join(", ")
            ),
        };
    }
    match candidates.into_iter().next() {
        Some(entity) => Found {
            entity: Some(entity),
            message: format!("by {by}"),
        },
        None => Found {
            entity: None,
            message: format!("{by} is not {one}"),
        },
    }
}

/// The labels as they are: `node="node-1", service="orders"`.
fn in_words(labels: &Labels, names: &[&str]) -> String {
    let given = names.iter().filter_map(|name| {
        let value = labels.get(*name)?;
        let value: String = value.chars().take(80).collect();
        Some(format!("{name}={value:?}"))
    });
    given.collect::<Vec<_>>().join(", ")
}

/// A node, a service of it, or a service wherever it runs, as it is said outright.
fn outright(labels: &Labels, nodes: &[NodeStatus]) -> BTreeSet<Entity> {
    let (node, service) = (labels.get("arena_node"), labels.get("arena_service"));
    let nodes = nodes
        .iter()
        .filter(|known| node.is_none_or(|name| known.node.as_str() == name));
    match service {
        None => nodes
            .map(|known| Entity::node(known.node.clone()))
            .collect(),
        Some(name) => services(nodes, |service| service.name.as_str() == name),
    }
}

/// The service whose port it is, or its sidecar's. Services listen on loopback: an instance elsewhere is none of ours, whatever its
/// port, unless it is named as a node is.
fn by_instance(labels: &Labels, nodes: &[NodeStatus]) -> BTreeSet<Entity> {
    let Some((host, port)) = labels
        .get("instance")
        .and_then(|text| text.rsplit_once(':'))
    else {
        return BTreeSet::new();
    };
    let Ok(port) = port.parse::<u16>() else {
        return BTreeSet::new();
    };
    let nodes = nodes
        .iter()
        .filter(|node| is_loopback(host) || node.node.as_str() == host);
    services(nodes, |service| {
        service.port == Some(port) || service.proxy_port == Some(port)
    })
}

/// An instance without its port.
fn host(instance: &str) -> &str {
    instance.rsplit_once(':').map_or(instance, |(host, _)| host)
}

fn is_ours(host: &str, nodes: &[NodeStatus]) -> bool {
    is_loopback(host) || nodes.iter().any(|node| node.node.as_str() == host)
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "[::1]") || host.starts_with("127.")
}

/// The services that are called as this label says.
fn by_service(labels: &Labels, nodes: &[NodeStatus], label: &str) -> BTreeSet<Entity> {
    let Some(name) = labels.get(label) else {
        return BTreeSet::new();
    };
    services(nodes.iter(), |service| service.name.as_str() == name)
}

fn services<'a>(
    nodes: impl Iterator<Item = &'a NodeStatus>,
    is_it: impl Fn(&ServiceStatus) -> bool,
) -> BTreeSet<Entity> {
    let mut found = BTreeSet::new();
    for node in nodes {
        let theirs = node.services.iter().filter(|service| is_it(service));
        found
            .extend(theirs.map(|service| Entity::service(node.node.clone(), service.name.clone())));
    }
    found
}
