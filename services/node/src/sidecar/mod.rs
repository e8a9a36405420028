//! The sidecar proxy, HTTP/1.1 on loopback. Each proxied service has an inbound leg, which measures its requests; each
//! (service, dependency) pair has an outbound leg, which picks a healthy replica. In both live the conditions that faults make.
//!
//! Limits: [`REQUESTS_MAX`] requests at once in a leg (503 beyond), [`REQUEST_TIMEOUT`] for a request (504). Bodies
//! are streamed both ways, and none is kept but what is read ahead of a request that a condition may hold. A caller that goes
//! away takes its request to the service along.
//!
//! Absent on purpose: HTTP/2, TLS, and retries of requests that a service may have seen.

mod body;
mod caller;
mod conditions;
mod histogram;
mod inbound;
mod outbound;
mod routes;
mod server;
mod stats;
mod upstream;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use arena_chassis::Clock;
use arena_config::arena::NodeSpec;
use arena_node_core::leg::{REQUEST_TIMEOUT, REQUESTS_MAX};
use arena_proto::{FaultId, ServiceName};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::spec;
use crate::store::Ports;

pub(crate) use conditions::{
    Condition, Conditions, Cut, Hold, Pipe, Reply, Storm, StormSettings, Wall,
};
pub(crate) use inbound::InboundLeg;
pub(crate) use outbound::{OutboundLeg, nobody};
pub(crate) use routes::Routes;
pub(crate) use stats::RequestStats;

/// Both kinds of legs of one node.
#[derive(Debug)]
pub(crate) struct Sidecar {
    inbound: BTreeMap<ServiceName, Arc<InboundLeg>>,
    /// By `service/dependency`.
    outbound: BTreeMap<String, Arc<OutboundLeg>>,
    /// A leg could not have the port that it had before: services that live on still call the old one.
    moved: Vec<ServiceName>,
}

/// Legs that have their ports and wait to be served.
pub(crate) struct Listening {
    inbound: Vec<(TcpListener, Arc<InboundLeg>)>,
    outbound: Vec<(TcpListener, Arc<OutboundLeg>)>,
}

impl Sidecar {
    /// Takes the ports: those of before where they are free, so that services that live on reach their dependencies.
    pub(crate) async fn bind(
        spec: &NodeSpec,
        before: &Ports,
        clock: Clock,
    ) -> anyhow::Result<(Arc<Self>, Listening)> {
        let mut sidecar = Self {
            inbound: BTreeMap::new(),
            outbound: BTreeMap::new(),
            moved: Vec::new(),
        };
        let mut listening = Listening {
            inbound: Vec::new(),
            outbound: Vec::new(),
        };
        for service in &spec.services {
            if let Some(port) = service.port.filter(|_| spec::is_proxied(service)) {
                let before = before.inbound.get(&service.name).copied();
                let (listener, own_port) = listen(before).await?;
                let leg = Arc::new(InboundLeg::new(spec.name.clone(), own_port, port, clock));
                listening.inbound.push((listener, Arc::clone(&leg)));
                sidecar.inbound.insert(service.name.clone(), leg);
            }
            for dependency in &service.depends_on {
                let pair = pair(&service.name, dependency);
                let before = before.outbound.get(&pair).copied();
                let (listener, port) = listen(before).await?;
                if before.is_some_and(|before| before != port) {
                    sidecar.moved.push(service.name.clone());
                }
                let leg =
                    OutboundLeg::new(spec.name.clone(), &service.name, dependency.clone(), port);
                let leg = Arc::new(leg);
                listening.outbound.push((listener, Arc::clone(&leg)));
                sidecar.outbound.insert(pair, leg);
            }
        }
        Ok((Arc::new(sidecar), listening))
    }

    pub(crate) fn inbound(&self, service: &ServiceName) -> Option<&Arc<InboundLeg>> {
        self.inbound.get(service)
    }

    pub(crate) fn inbound_port(&self, service: &ServiceName) -> Option<u16> {
        self.inbound(service).map(|leg| leg.port())
    }

    pub(crate) fn outbound_port(
        &self,
        service: &ServiceName,
        dependency: &ServiceName,
    ) -> Option<u16> {
        let leg = self.outbound.get(&pair(service, dependency));
        leg.map(|leg| leg.port())
    }

    /// The legs to the dependencies of a service.
    pub(crate) fn outbound(&self, service: &ServiceName) -> impl Iterator<Item = &OutboundLeg> {
        // `/` is in no name.
        let of_service = format!("{service}/");
        let legs = self.outbound.iter();
        legs.filter(move |(pair, _)| pair.starts_with(&of_service))
            .map(|(_, leg)| leg.as_ref())
    }

    /// The conditions of every inbound leg.
    pub(crate) fn all_inbound(&self) -> impl Iterator<Item = &Conditions> {
        self.inbound.values().map(|leg| leg.conditions())
    }

    /// Every outbound leg.
    pub(crate) fn all_outbound(&self) -> impl Iterator<Item = &OutboundLeg> {
        self.outbound.values().map(AsRef::as_ref)
    }

    fn conditions(&self) -> impl Iterator<Item = &Conditions> {
        let outbound = self.all_outbound().map(OutboundLeg::conditions);
        self.all_inbound().chain(outbound)
    }

    /// Takes a fault out of every leg.
    pub(crate) fn remove(&self, fault: &FaultId) {
        for conditions in self.conditions() {
            conditions.remove(fault);
        }
    }

    /// The read-back: something of this fault is in a leg.
    pub(crate) fn has(&self, fault: &FaultId) -> bool {
        self.conditions().any(|conditions| conditions.has(fault))
    }

    /// Sets the legs of a service up anew.
    pub(crate) fn reset(&self, service: &ServiceName) {
        if let Some(leg) = self.inbound(service) {
            leg.reset();
        }
        for leg in self.outbound(service) {
            leg.conditions().reset();
        }
    }

    /// The service knows a port of a leg that is no more: it has to be started anew.
    pub(crate) fn has_moved(&self, service: &ServiceName) -> bool {
        self.moved.contains(service)
    }

    /// Which service is reached at which port: its inbound leg's, and those of the outbound legs to it.
    pub(crate) fn reached_at(&self) -> BTreeMap<u16, ServiceName> {
        let inbound = self.inbound.iter();
        let outbound = self.outbound.values();
        let outbound = outbound.map(|leg| (leg.port(), leg.dependency().clone()));
        inbound
            .map(|(name, leg)| (leg.port(), name.clone()))
            .chain(outbound)
            .collect()
    }

    /// For the state file.
    pub(crate) fn ports(&self) -> Ports {
        Ports {
            inbound: self
                .inbound
                .iter()
                .map(|(name, leg)| (name.clone(), leg.port()))
                .collect(),
            outbound: self
                .outbound
                .iter()
                .map(|(pair, leg)| (pair.clone(), leg.port()))
                .collect(),
        }
    }
}

impl Listening {
    /// Serves every leg, until the tasks are dropped; tells `connected` of each new connection to one.
    pub(crate) fn serve(
        self,
        routes: &Routes,
        connected: &Arc<Notify>,
    ) -> tokio::task::JoinSet<()> {
        let mut tasks = tokio::task::JoinSet::new();
        for (listener, leg) in self.inbound {
            tasks.spawn(inbound::serve(listener, leg, Arc::clone(connected)));
        }
        for (listener, leg) in self.outbound {
            tasks.spawn(outbound::serve(
                listener,
                leg,
                routes.clone(),
                Arc::clone(connected),
            ));
        }
        tasks
    }
}

fn pair(service: &ServiceName, dependency: &ServiceName) -> String {
    format!("{service}/{dependency}")
}

async fn listen(before: Option<u16>) -> anyhow::Result<(TcpListener, u16)> {
    if let Some(port) = before {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            return Ok((listener, port));
        }
        tracing::warn!(port, "a sidecar port of before is taken: using another");
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("cannot listen on loopback for the sidecar")?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}
