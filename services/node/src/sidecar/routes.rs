//! Which replicas of which service there are, as KV `status` tells it. While the bus is away the last known holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arena_proto::{NodeName, NodeStatus, ProbeVerdict, ProcessState, ServiceName};

use super::upstream::Upstream;

/// A replica's inbound leg.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) node: NodeName,
    port: u16,
    /// Gets new requests only when there is none that is not drained.
    drained: AtomicBool,
    pub(crate) upstream: Upstream,
    pub(crate) in_flight: AtomicUsize,
}

#[derive(Debug, Default)]
struct Table {
    /// By service and node.
    replicas: BTreeMap<ServiceName, BTreeMap<NodeName, Arc<Replica>>>,
}

/// The routing table. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    own: NodeName,
    table: Arc<Mutex<Table>>,
}

impl Routes {
    pub(crate) fn new(own: NodeName) -> Self {
        Self {
            own,
            table: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node told how it stands.
    pub(crate) fn update(&self, status: &NodeStatus) {
        let mut table = self.lock();
        for replicas in table.replicas.values_mut() {
            let known = |service: &arena_proto::ServiceStatus| service.proxy_port;
            replicas.retain(|node, replica| {
                *node != status.node
                    || status
                        .services
                        .iter()
                        .any(|service| known(service) == Some(replica.port))
            });
        }
        let node_runs = status.state == ProcessState::Running;
        for service in &status.services {
            let replicas = table.replicas.entry(service.name.clone()).or_default();
            let healthy = node_runs
                && service.state == ProcessState::Running
                && service.probe != ProbeVerdict::Failing;
            let drained = status.quarantined || service.detail.drained;
            let known = replicas.get(&status.node);
            match (service.proxy_port.filter(|_| healthy), known) {
                (None, _) => {
                    replicas.remove(&status.node);
                }
                (Some(port), Some(known)) if known.port == port => {
                    known.drained.store(drained, Ordering::Relaxed);
                }
                (Some(port), _) => {
                    let replica = Replica {
                        node: status.node.clone(),
                        port,
                        drained: AtomicBool::new(drained),
                        upstream: Upstream::new(port),
                        in_flight: AtomicUsize::new(0),
                    };
                    replicas.insert(status.node.clone(), Arc::new(replica));
                }
            }
        }
    }

    /// The replicas to try, the best first: least in flight, this node's own first among equals; those that are drained
    /// after all others. So a drained one gets a request only when no other takes it: an answer by a replica that
    /// somebody distrusts is better than none. What it is at is left to end.
    pub(crate) fn candidates(&self, service: &ServiceName) -> Vec<Arc<Replica>> {
        let mut found: Vec<Arc<Replica>> = self
            .lock()
            .replicas
            .get(service)
            .map(|replicas| replicas.values().cloned().collect())
            .unwrap_or_default();
        found.sort_by_key(|replica| {
            (
                replica.drained.load(Ordering::Relaxed),
                replica.in_flight.load(Ordering::Relaxed),
                replica.node != self.own,
            )
        });
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arena_proto::{ServiceStatus, Timestamp};

    fn status(node: &str, state: ProcessState, probe: ProbeVerdict) -> NodeStatus {
        NodeStatus {
            quarantined: false,
            restart_owner: None,
            fence: 0,
            node: node.parse().expect("a name"),
            boot_id: 1,
            pid: 1,
            state: ProcessState::Running,
            chaos: false,
            services: vec![ServiceStatus {
                detail: arena_proto::ServiceDetail::default(),
                name: "orders".parse().expect("a name"),
                state,
                probe,
                pid: Some(2),
                generation: 1,
                restarts: 0,
                port: Some(3),
                proxy_port: Some(4),
                depends_on: Vec::new(),
                since: Timestamp::EPOCH,
                exit_code: None,
                message: String::new(),
            }],
            at: Timestamp::EPOCH,
        }
    }

    fn nodes(routes: &Routes) -> Vec<String> {
        let orders = "orders".parse().expect("a name");
        routes
            .candidates(&orders)
            .iter()
            .map(|replica| replica.node.to_string())
            .collect()
    }

    #[test]
    fn only_healthy_replicas_are_candidates_and_the_own_node_is_first_among_equals() {
        let routes = Routes::new("node-2".parse().expect("a name"));
        assert!(nodes(&routes).is_empty());
        for node in ["node-1", "node-2", "node-3"] {
            routes.update(&status(node, ProcessState::Running, ProbeVerdict::Passing));
        }
        assert_eq!(nodes(&routes), ["node-2", "node-1", "node-3"]);
        routes.update(&status(
            "node-1",
            ProcessState::Exited,
            ProbeVerdict::Unknown,
        ));
        routes.update(&status(
            "node-3",
            ProcessState::Running,
            ProbeVerdict::Failing,
        ));
        assert_eq!(nodes(&routes), ["node-2"]);
    }

    #[test]
    fn the_least_loaded_is_first() {
        let routes = Routes::new("node-1".parse().expect("a name"));
        for node in ["node-1", "node-2"] {
            routes.update(&status(node, ProcessState::Running, ProbeVerdict::Passing));
        }
        let orders = "orders".parse().expect("a name");
        routes.candidates(&orders)[0]
            .in_flight
            .fetch_add(1, Ordering::Relaxed);
        assert_eq!(nodes(&routes), ["node-2", "node-1"]);
    }

    #[test]
    fn a_drained_replica_comes_last_however_idle_and_is_not_forgotten() {
        let routes = Routes::new("node-1".parse().expect("a name"));
        let mut own = status("node-1", ProcessState::Running, ProbeVerdict::Passing);
        routes.update(&own);
        routes.update(&status(
            "node-2",
            ProcessState::Running,
            ProbeVerdict::Passing,
        ));
        let orders = "orders".parse().expect("a name");
        for _ in 0..5 {
            // The other one is busy.
            routes.candidates(&orders)[1]
                .in_flight
                .fetch_add(1, Ordering::Relaxed);
        }
        own.services[0].detail.drained = true;
        routes.update(&own);
        assert_eq!(nodes(&routes), ["node-2", "node-1"]);
        own.services[0].detail.drained = false;
        own.quarantined = true;
        routes.update(&own);
        assert_eq!(nodes(&routes), ["node-2", "node-1"]);
        own.quarantined = false;
        routes.update(&own);
        assert_eq!(nodes(&routes)[0], "node-1");
    }

    #[test]
    fn a_node_that_stops_is_no_candidate() {
        let routes = Routes::new("node-1".parse().expect("a name"));
        let mut stopping = status("node-2", ProcessState::Running, ProbeVerdict::Passing);
        routes.update(&stopping);
        stopping.state = ProcessState::Stopping;
        routes.update(&stopping);
        assert!(nodes(&routes).is_empty());
    }
}
