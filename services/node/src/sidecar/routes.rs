//! Which replicas of which service there are, as KV `status` tells it. While the bus is away the last known holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
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
    /// When it was first among the candidates the last time, counted in [`Table::turns`].
    last_turn: AtomicU64,
    pub(crate) upstream: Upstream,
    pub(crate) in_flight: AtomicUsize,
}

#[derive(Debug, Default)]
struct Table {
    /// By service and node.
    replicas: BTreeMap<ServiceName, BTreeMap<NodeName, Arc<Replica>>>,
    /// Requests for candidates so far.
    turns: u64,
}

/// The routing table. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes {
    table: Arc<Mutex<Table>>,
}

impl Routes {
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
                        last_turn: AtomicU64::new(0),
                        upstream: Upstream::new(port),
                        in_flight: AtomicUsize::new(0),
                    };
                    replicas.insert(status.node.clone(), Arc::new(replica));
                }
            }
        }
    }

    /// The replicas to try, the best first: least in flight, and among equals whose last turn is longest ago, so that each
    /// gets its share of the requests wherever it is; those that are drained after all others. So a drained one gets a
    /// request only when no other takes it: an answer by a replica that somebody distrusts is better than none. What it
    /// is at is left to end.
    pub(crate) fn candidates(&self, service: &ServiceName) -> Vec<Arc<Replica>> {
        let mut table = self.lock();
        let replicas = table.replicas.get(service);
        let mut found: Vec<Arc<Replica>> = replicas
            .map(|replicas| replicas.values().cloned().collect())
            .unwrap_or_default();
        found.sort_by_cached_key(|replica| {
            (
                replica.drained.load(Ordering::Relaxed),
                replica.in_flight.load(Ordering::Relaxed),
                replica.last_turn.load(Ordering::Relaxed),
            )
        });
        // Taken under the lock, so that two requests at once are not sent to the same one.
        if let Some(first) = found.first() {
            table.turns += 1;
            first.last_turn.store(table.turns, Ordering::Relaxed);
        }
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
    fn only_healthy_replicas_are_candidates() {
        let routes = Routes::default();
        assert!(nodes(&routes).is_empty());
        for node in ["node-1", "node-2", "node-3"] {
            routes.update(&status(node, ProcessState::Running, ProbeVerdict::Passing));
        }
        assert_eq!(nodes(&routes).len(), 3);
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
    fn equals_take_turns_and_who_is_busy_loses_none_of_the_others_theirs() {
        let routes = Routes::default();
        for node in ["node-1", "node-2", "node-3"] {
            routes.update(&status(node, ProcessState::Running, ProbeVerdict::Passing));
        }
        let first = |routes: &Routes| nodes(routes).swap_remove(0);
        let firsts: Vec<String> = (0..6).map(|_| first(&routes)).collect();
        let round = ["node-1", "node-2", "node-3"];
        assert_eq!(firsts, [round, round].concat());

        let orders = "orders".parse().expect("a name");
        let busy = routes.candidates(&orders).swap_remove(0);
        busy.in_flight.fetch_add(1, Ordering::Relaxed);
        let firsts: Vec<String> = (0..4).map(|_| first(&routes)).collect();
        assert_eq!(firsts, ["node-2", "node-3", "node-2", "node-3"]);
        assert_eq!(
            nodes(&routes)[2],
            "node-1",
            "it comes after those with less"
        );
        busy.in_flight.fetch_sub(1, Ordering::Relaxed);
        assert_eq!(first(&routes), "node-1");
    }

    #[test]
    fn a_drained_replica_comes_last_however_idle_and_is_not_forgotten() {
        let routes = Routes::default();
        let mut own = status("node-1", ProcessState::Running, ProbeVerdict::Passing);
        routes.update(&own);
        routes.update(&status(
            "node-2",
            ProcessState::Running,
            ProbeVerdict::Passing,
        ));
        let orders = "orders".parse().expect("a name");
        let both = routes.candidates(&orders);
        let other = both
            .iter()
            .find(|replica| replica.node.as_str() == "node-2");
        let other = other.expect("a replica");
        other.in_flight.fetch_add(5, Ordering::Relaxed);
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
        let routes = Routes::default();
        let mut stopping = status("node-2", ProcessState::Running, ProbeVerdict::Passing);
        routes.update(&stopping);
        stopping.state = ProcessState::Stopping;
        routes.update(&stopping);
        assert!(nodes(&routes).is_empty());
    }
}
