//! Which service of this node calls which, as it is seen: whose process holds a connection to a port that another service
//! is reached at (its own, its inbound leg, or an outbound leg to it). Works for any command line, and also for calls that
//! go past the sidecar.
//!
//! Sampled: a look costs some milliseconds, so there is one a second at most, fewer the longer nothing new is seen, and it is
//! made when a leg was just connected to, or after a while in any case. A connection that lives for a moment only and goes past
//! the sidecar can stay unseen. What was seen once stays until the agent ends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arena_proto::ServiceName;
use procfs::net::TcpNetEntry;
use tokio::sync::Notify;

use crate::sampling::processes_by_group;
use crate::view::Views;

/// Between two looks, and after each one that saw something new.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The pause doubles up to this when nothing new is seen: who calls whom is settled soon after the start.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Whom each service was seen to call. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edges(Arc<Mutex<BTreeMap<ServiceName, BTreeSet<ServiceName>>>>);

impl Edges {
    /// Whom this one called, in order.
    pub(crate) fn of(&self, caller: &ServiceName) -> Vec<ServiceName> {
        let edges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        edges
            .get(caller)
            .map(|callees| callees.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// True when one of them is new.
    fn add(&self, seen: Vec<(ServiceName, ServiceName)>) -> bool {
        let mut edges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.into_iter().fold(false, |new, (caller, callee)| {
            edges.entry(caller).or_default().insert(callee) || new
        })
    }
}

/// Looks who calls whom.
pub(crate) struct Lookout {
    /// Which service is reached at a port of this machine.
    ports: Arc<BTreeMap<u16, ServiceName>>,
    /// A leg was connected to.
    connected: Arc<Notify>,
    views: Views,
    edges: Edges,
}

impl Lookout {
    pub(crate) fn new(
        ports: BTreeMap<u16, ServiceName>,
        connected: Arc<Notify>,
        views: Views,
        edges: Edges,
    ) -> Self {
        Self {
            ports: Arc::new(ports),
            connected,
            views,
            edges,
        }
    }

    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut pause = PAUSE_MIN;
        loop {
            tokio::time::sleep(pause).await;
            // Who goes past the sidecar connects to no leg.
            let _ = tokio::time::timeout(pause, self.connected.notified()).await;
            let leaders = self.leaders();
            let ports = Arc::clone(&self.ports);
            let looked = tokio::task::spawn_blocking(move || look(&ports, &leaders)).await;
            pause = if self.edges.add(looked.unwrap_or_default()) {
                PAUSE_MIN
            } else {
                (pause * 2).min(PAUSE_MAX)
            };
        }
    }

    fn leaders(&self) -> BTreeMap<u32, ServiceName> {
        let view = self.views.borrow();
        let services = view.status.services.iter();
        services
            .filter_map(|service| Some((service.pid?, service.name.clone())))
            .collect()
    }
}

/// Callers and callees, by the connections that are open now.
fn look(
    ports: &BTreeMap<u16, ServiceName>,
    leaders: &BTreeMap<u32, ServiceName>,
) -> Vec<(ServiceName, ServiceName)> {
    let tables = [procfs::net::tcp(), procfs::net::tcp6()];
    let callees: BTreeMap<u64, &ServiceName> = tables
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|socket: TcpNetEntry| {
            let callee = ports.get(&socket.remote_address.port())?;
            // A connection that is being closed belongs to nobody any more.
            (is_here(socket.remote_address) && socket.inode != 0).then_some((socket.inode, callee))
        })
        .collect();
    if callees.is_empty() {
        return Vec::new();
    }
    let mut seen = Vec::new();
    for (pid, group) in processes_by_group() {
        let Some(caller) = leaders.get(&group) else {
            continue;
        };
        for inode in sockets_of(pid) {
            let seen_now = callees.get(&inode).filter(|it| **it != caller);
            seen.extend(seen_now.map(|it| (caller.clone(), (*it).clone())));
        }
    }
    seen
}

/// Whoever uses IPv6 for all reaches an IPv4 address by its mapped form.
fn is_here(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn sockets_of(pid: u32) -> impl Iterator<Item = u64> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"));
    descriptors
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let target = std::fs::read_link(entry.path()).ok()?;
            let inode = target.to_str()?.strip_prefix("socket:[")?;
            inode.strip_suffix(']')?.parse().ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServiceName {
        text.parse().expect("a name")
    }

    #[test]
    fn a_connection_tells_its_caller_over_ipv4_and_ipv6() {
        let groups = processes_by_group();
        let own = groups.iter().find(|(pid, _)| *pid == std::process::id());
        let leaders = BTreeMap::from([(own.expect("this process").1, name("caller"))]);
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(server) = std::net::TcpListener::bind(address) else {
                continue;
            };
            let at = server.local_addr().expect("an address");
            let ports = BTreeMap::from([(at.port(), name("callee"))]);
            assert_eq!(look(&ports, &leaders), []);
            let _client = std::net::TcpStream::connect(at).expect("a connection");
            assert_eq!(look(&ports, &leaders), [(name("caller"), name("callee"))]);
            let itself = BTreeMap::from([(at.port(), name("caller"))]);
            assert_eq!(look(&itself, &leaders), []);
        }
    }
}
