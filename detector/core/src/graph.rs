//! Which service calls which, by name, across all nodes. Cycles are tolerated.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::{NodeName, Schema, ServiceName};

/// The services of all nodes.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: BTreeMap<NodeName, Vec<(ServiceName, Vec<ServiceName>)>>,
    calls: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
    replicas: BTreeMap<ServiceName, BTreeSet<NodeName>>,
}

impl Graph {
    /// Takes what a node runs, in the place of what it ran before.
    pub(crate) fn set_node(&mut self, schema: &Schema) {
        let services = schema
            .services
            .iter()
            .map(|service| (service.name.clone(), service.depends_on.clone()))
            .collect();
        self.nodes.insert(schema.node.clone(), services);
        self.rebuild();
    }

    /// The service runs there no more.
    pub(crate) fn remove_node(&mut self, node: &NodeName) {
        if self.nodes.remove(node).is_some() {
            self.rebuild();
        }
    }

    /// Everything that the service calls, directly or through others; without itself.
    pub(crate) fn dependencies(&self, service: &ServiceName) -> BTreeSet<ServiceName> {
        let mut found = BTreeSet::new();
        let mut open = vec![service];
        while let Some(caller) = open.pop() {
            for called in self.calls.get(caller).into_iter().flatten() {
                if called != service && found.insert(called.clone()) {
                    open.push(called);
                }
            }
        }
        found
    }

    /// The nodes that run the service.
    pub(crate) fn replicas(&self, service: &ServiceName) -> impl Iterator<Item = &NodeName> {
        self.replicas.get(service).into_iter().flatten()
    }

    fn rebuild(&mut self) {
        self.calls.clear();
        self.replicas.clear();
        for (node, services) in &self.nodes {
            for (name, depends_on) in services {
                let calls = self.calls.entry(name.clone()).or_default();
                calls.extend(depends_on.iter().cloned());
                let replicas = self.replicas.entry(name.clone()).or_default();
                replicas.insert(node.clone());
            }
        }
    }
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
                    observed: Vec::new(),
                    class: arena_proto::ServiceClass::Service,
                    name: name(service),
                    depends_on: calls.iter().copied().map(name).collect(),
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
    }
}
