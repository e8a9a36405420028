//! Which value is in which column of a node's samples: as the live agent's, of services that have told of all their own metrics.

use std::sync::Arc;

use arena_node_core::columns::{HOST, PROCESS, REQUESTS};
use arena_proto::{Column, Schema, ServiceInfo, ServiceName};

use super::places::{NodeIx, Places, PoolIx, ServiceIx};
use super::role::Role;

impl Role {
    /// What it answers at `GET /metrics` of its control socket, in the order of names.
    pub(super) const fn own_metrics(self) -> &'static [&'static str] {
        match self {
            Self::Traffic => &[
                "upstream_error_percent",
                "upstream_latency_p95_ms",
                "user_error_percent",
                "user_latency_p95_ms",
                "user_request_rate_hz",
            ],
            Self::Edge | Self::Orders | Self::Payments | Self::Inventory => {
                &["upstream_error_percent", "upstream_latency_p95_ms"]
            }
            Self::Ledger => &["storage_latency_p95_ms", "storage_used_percent"],
            Self::Batch | Self::Plain => &[],
        }
    }
}

/// Where a service's values are in a row, and what of its place each sample needs: read where it lies beside them.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) service: ServiceIx,
    pub(super) pool: PoolIx,
    pub(super) role: Role,
    /// It is probed so often a second.
    pub(super) probes_hz: f64,
    pub(super) process: usize,
    pub(super) requests: Option<usize>,
    pub(super) own: usize,
}

/// The columns of a node.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) services: Vec<At>,
    pub(super) width: usize,
}

impl Columns {
    pub(super) fn of(places: &Places, node: NodeIx) -> Self {
        let mut width = HOST.len();
        let mut take = |columns: usize| {
            width += columns;
            width - columns
        };
        let mut services: Vec<At> = places
            .by_name(node)
            .into_iter()
            .map(|service| {
                let place = &places.services[service.at()];
                let interval = place.probe_interval.as_secs_f64();
                At {
                    service,
                    pool: place.pool,
                    role: place.role,
                    probes_hz: if interval > 0.0 { 1.0 / interval } else { 0.0 },
                    process: take(PROCESS.len()),
                    requests: place.proxied.then(|| take(REQUESTS.len())),
                    own: 0,
                }
            })
            .collect();
        for at in &mut services {
            at.own = take(at.role.own_metrics().len());
        }
        Self { services, width }
    }

    pub(super) fn schema(&self, places: &Places, node: NodeIx) -> Arc<Schema> {
        let column = |service: Option<&ServiceName>, metric: &str| Column {
            service: service.cloned(),
            metric: metric.to_owned(),
        };
        let mut columns: Vec<Column> = HOST.iter().map(|metric| column(None, metric)).collect();
        let place = |at: &At| &places.services[at.service.at()];
        for at in &self.services {
            let requests: &[&str] = if at.requests.is_some() {
                &REQUESTS
            } else {
                &[]
            };
            let metrics = PROCESS.iter().chain(requests);
            columns.extend(metrics.map(|metric| column(Some(&place(at).name), metric)));
        }
        for at in &self.services {
            let metrics = place(at).role.own_metrics().iter();
            columns.extend(metrics.map(|metric| column(Some(&place(at).name), metric)));
        }
        let services = self.services.iter().map(|at| ServiceInfo {
            name: place(at).name.clone(),
            depends_on: place(at).depends_on.clone(),
            observed: Vec::new(),
            class: place(at).class,
        });
        Arc::new(Schema {
            node: places.nodes[node.at()].name.clone(),
            columns,
            services: services.collect(),
        })
    }
}
