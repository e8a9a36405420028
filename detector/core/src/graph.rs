//! Which service calls which, by name, across all nodes: what services declare, and what their sidecars saw besides.
//!
//! Services that call each other in a circle are one component: none of them is the other's cause by the graph alone.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::{NodeName, Schema, ServiceName};

/// From a service to others, and how many of its replicas tell of it.
type Edges = BTreeMap<ServiceName, BTreeMap<ServiceName, usize>>;

/// The services of a node, and what each calls.
type Services = Vec<(ServiceName, Vec<ServiceName>)>;

/// The services of all nodes.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: BTreeMap<NodeName, Services>,
    calls: Edges,
    callers: Edges,
    replicas: BTreeMap<ServiceName, BTreeSet<NodeName>>,
}

impl Graph {
    /// Takes what a node runs, in the place of what it ran before.
    pub(crate) fn set_node(&mut self, schema: &Schema) {
        let services: Services = schema
            .services
            .iter()
            .map(|service| {
                let calls = service.depends_on.iter().chain(&service.observed);
                (service.name.clone(), calls.cloned().collect())
            })
            .collect();
        let node = &schema.node;
        if self.nodes.get(node) == Some(&services) {
            return;
        }
        self.remove_node(node);
        for (name, called) in &services {
            for called in called {
                add(&mut self.calls, name, called);
                add(&mut self.callers, called, name);
            }
            let replicas = self.replicas.entry(name.clone()).or_default();
            replicas.insert(node.clone());
        }
        self.nodes.insert(node.clone(), services);
    }

    /// The service runs there no more.
    pub(crate) fn remove_node(&mut self, node: &NodeName) {
        for (name, called) in self.nodes.remove(node).into_iter().flatten() {
            for called in &called {
                remove(&mut self.calls, &name, called);
                remove(&mut self.callers, called, &name);
            }
            if let Some(replicas) = self.replicas.get_mut(&name) {
                replicas.remove(node);
            }
        }
    }

    /// Everything that the service calls, directly or through others; without itself.
    pub(crate) fn dependencies(&self, service: &ServiceName) -> BTreeSet<ServiceName> {
        reachable(&self.calls, service)
    }

    /// The services that call each other in a circle with this one, and itself; empty when there is no other.
    pub(crate) fn component(&self, service: &ServiceName) -> BTreeSet<ServiceName> {
        let callers = reachable(&self.callers, service);
        let mut component = self.dependencies(service);
        component.retain(|called| callers.contains(called));
        if !component.is_empty() {
            component.insert(service.clone());
        }
        component
    }

    /// The nodes that run the service.
    pub(crate) fn replicas(&self, service: &ServiceName) -> impl Iterator<Item = &NodeName> {
        self.replicas.get(service).into_iter().flatten()
    }
}

fn add(edges: &mut Edges, from: &ServiceName, to: &ServiceName) {
    let told = edges.entry(from.clone()).or_default();
    *told.entry(to.clone()).or_default() += 1;
}

fn remove(edges: &mut Edges, from: &ServiceName, to: &ServiceName) {
    if let Some(told) = edges.get_mut(from)
        && let Some(count) = told.get_mut(to)
    {
        *count -= 1;
        if *count == 0 {
            told.remove(to);
        }
    }
}

/// What can be reached over the edges from there, without the start.
fn reachable(edges: &Edges, from: &ServiceName) -> BTreeSet<ServiceName> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(service) = open.pop() {
        for next in edges.get(service).into_iter().flat_map(BTreeMap::keys) {
            if next != from && found.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use arena_proto::ServiceInfo;

    fn schema(node: &str, services: &[(&str, &[&str])]) -> Schema {
        let name = |text: &str| ServiceName::new(text).unwrap();
        Schema {
            node: NodeName::new(node).unwrap(),
            columns: Vec::new(),
            services: services
                .iter()
                .map(|(service, calls)| ServiceInfo {
                    // A name with a mark is not declared.
                    observed: calls
                        .iter()
                        .filter_map(|c| c.strip_prefix('+'))
                        .map(name)
                        .collect(),
                    class: arena_proto::ServiceClass::Service,
                    name: name(service),
                    depends_on: calls
                        .iter()
                        .copied()
                        .filter(|c| !c.starts_with('+'))
                        .map(name)
                        .collect(),
                })
                .collect(),
        }
    }

    fn dependencies(graph: &Graph, service: &str) -> String {
        let service = ServiceName::new(service).unwrap();
        let names: Vec<_> = graph.dependencies(&service).into_iter().collect();
        names
            .iter()
            .map(ServiceName::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn follows_calls_across_nodes_and_around_cycles() {
        let mut graph = Graph::default();
        graph.set_node(&schema("n1", &[("edge", &["orders"]), ("a", &["b"])]));
        graph.set_node(&schema("n2", &[("orders", &["payments"]), ("b", &["c"])]));
        graph.set_node(&schema("n3", &[("payments", &[]), ("c", &["a", "edge"])]));
        assert_eq!(dependencies(&graph, "edge"), "orders payments");
        assert_eq!(dependencies(&graph, "payments"), "");
        assert_eq!(dependencies(&graph, "a"), "b c edge orders payments");
        graph.set_node(&schema("n1", &[("edge", &[])]));
        assert_eq!(dependencies(&graph, "edge"), "");
        graph.remove_node(&NodeName::new("n3").unwrap());
        let payments = ServiceName::new("payments").unwrap();
        assert_eq!(graph.replicas(&payments).count(), 0);
        assert_eq!(dependencies(&graph, "b"), "c");
        // One replica that calls it no more is not all of them.
        graph.set_node(&schema("n4", &[("b", &["c"])]));
        graph.set_node(&schema("n2", &[("b", &[])]));
        assert_eq!(dependencies(&graph, "b"), "c");
        graph.remove_node(&NodeName::new("n4").unwrap());
        assert_eq!(dependencies(&graph, "b"), "");
    }

    #[test]
    fn who_calls_in_a_circle_is_one_component() {
        let mut graph = Graph::default();
        let calls: &[(&str, &[&str])] = &[
            ("edge", &["a"]),
            ("a", &["b"]),
            ("b", &["+c"]),
            ("c", &["a", "d"]),
            ("d", &["d"]),
        ];
        graph.set_node(&schema("n1", calls));
        let component = |service: &str| {
            let service = ServiceName::new(service).unwrap();
            let names: Vec<_> = graph.component(&service).into_iter().collect();
            let names: Vec<_> = names.iter().map(ServiceName::as_str).collect();
            names.join(" ")
        };
        assert_eq!(component("a"), "a b c");
        assert_eq!(component("c"), "a b c");
        assert_eq!(component("edge"), "");
        assert_eq!(component("d"), "", "who calls itself only is in no circle");
        assert_eq!(dependencies(&graph, "b"), "a c d");
    }
}
