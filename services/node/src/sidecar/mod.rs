//! The sidecar proxy, HTTP/1.1 on loopback. Each proxied service has an inbound leg, which measures its requests and is
//! where network faults live; each (service, dependency) pair has an outbound leg, which picks a healthy replica.
//!
//! Limits: [`REQUESTS_MAX`] requests at once in a leg (503 beyond), [`REQUEST_TIMEOUT`] for a request (504). Bodies
//! are streamed both ways, never kept. A caller that goes away takes its request to the service along.
//!
//! Absent on purpose: HTTP/2, TLS, and retries of requests that a service may have seen.

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
use std::time::Duration;

use anyhow::Context as _;
use arena_chassis::Clock;
use arena_config::arena::NodeSpec;
use arena_proto::ServiceName;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::spec;
use crate::store::Ports;

pub(crate) use inbound::{Delay, InboundLeg};
pub(crate) use routes::Routes;
pub(crate) use stats::RequestStats;

/// Requests at once in one leg. Beyond this the service is overloaded or stuck, and a caller is better told at once.
const REQUESTS_MAX: usize = 256;

/// From a request's head to the head of its answer, delays included: no caller of the arena waits longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Both kinds of legs of one node.
#[derive(Debug)]
pub(crate) struct Sidecar {
    inbound: BTreeMap<ServiceName, Arc<InboundLeg>>,
    outbound: BTreeMap<String, u16>,
    /// A leg could not have the port that it had before: services that live on still call the old one.
    moved: Vec<ServiceName>,
}

/// Legs that have their ports and wait to be served.
pub(crate) struct Listening {
    inbound: Vec<(TcpListener, Arc<InboundLeg>)>,
    outbound: Vec<(TcpListener, ServiceName)>,
}

impl Sidecar {
    /// Takes the ports: those of before where they are free, so that services that live on reach their dependencies.
    pub(crate) async fn bind(
        spec: &NodeSpec,
        before: &Ports,
        clock: Clock,
    ) -> anyhow::Result<(Self, Listening)> {
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
                let leg = Arc::new(InboundLeg::new(own_port, port, clock));
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
                listening.outbound.push((listener, dependency.clone()));
                sidecar.outbound.insert(pair, port);
            }
        }
        Ok((sidecar, listening))
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
        self.outbound.get(&pair(service, dependency)).copied()
    }

    /// The service knows a port of a leg that is no more: it has to be started anew.
    pub(crate) fn has_moved(&self, service: &ServiceName) -> bool {
        self.moved.contains(service)
    }

    /// Which service is reached at which port: its inbound leg's, and those of the outbound legs to it.
    pub(crate) fn reached_at(&self) -> BTreeMap<u16, ServiceName> {
        let inbound = self.inbound.iter();
        let outbound = self.outbound.iter().filter_map(|(pair, port)| {
            let (_, dependency) = pair.split_once('/')?;
            Some((*port, dependency.parse().ok()?))
        });
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
            outbound: self.outbound.clone(),
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
        for (listener, dependency) in self.outbound {
            tasks.spawn(outbound::serve(
                listener,
                dependency,
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
