//! What the agent of a node measures once a second: the same columns as the live one (services/node/src/sampling/columns.rs), with the noise of
//! a real machine.
//!
//! Invariant: NaN where the live agent has no reading: of a service that does not run, of requests that did not come, of what a service that
//! cannot answer would tell itself.

use std::sync::Arc;

use arena_proto::{Column, Schema, ServiceInfo, ServiceName, Timestamp};

use super::physics::{DISK_USED_PERCENT, MEMORY_BYTES, MEMORY_OTHERS_BYTES, OPEN_FILES};
use super::places::{NodeIx, Places, ServiceIx};
use super::role::Role;
use super::{Route, World, calm};

const HOST: [&str; 6] = [
    "cpu_percent",
    "memory_used_percent",
    "disk_used_percent",
    "load1",
    "network_receive_bytes_hz",
    "network_transmit_bytes_hz",
];
const PROCESS: [&str; 5] = [
    "cpu_percent",
    "memory_bytes",
    "open_files",
    "threads",
    "cpu_wait_percent",
];
const REQUESTS: [&str; 4] = [
    "request_rate_hz",
    "error_percent",
    "latency_p50_ms",
    "latency_p95_ms",
];

impl Role {
    /// What it answers at `GET /metrics` of its control socket, in the order of names.
    const fn own_metrics(self) -> &'static [&'static str] {
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

/// Where a service's values are in a row.
#[derive(Debug, Clone, Copy)]
struct At {
    service: ServiceIx,
    process: usize,
    requests: Option<usize>,
    own: usize,
}

/// The columns of a node.
#[derive(Debug)]
pub(super) struct Columns {
    services: Vec<At>,
    width: usize,
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
            .map(|service| At {
                service,
                process: take(PROCESS.len()),
                requests: places.services[service.at()]
                    .proxied
                    .then(|| take(REQUESTS.len())),
                own: 0,
            })
            .collect();
        for at in &mut services {
            at.own = take(places.services[at.service.at()].role.own_metrics().len());
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

impl World {
    /// What the columns of [`World::sample`] mean.
    #[must_use]
    pub fn schema(&self, node: NodeIx) -> &Arc<Schema> {
        &self.nodes[node.at()].schema
    }

    /// Measures a node, since it was measured last. Whatever was in `row` is replaced.
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    pub fn sample(&mut self, now: Timestamp, node: NodeIx, row: &mut Vec<f32>) {
        self.advance(now);
        row.clear();
        row.resize(self.nodes[node.at()].columns.width, f32::NAN);
        self.sample_host(now, node, row);
        if self.levels_stale {
            self.relevel();
        }
        for index in 0..self.nodes[node.at()].columns.services.len() {
            let at = self.nodes[node.at()].columns.services[index];
            self.sample_service(now, node, at, row);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    fn sample_service(&mut self, now: Timestamp, node: NodeIx, at: At, row: &mut [f32]) {
        let place = &self.places.services[at.service.at()];
        let level = self.levels[place.pool.at()];
        let state = &mut self.services[at.service.at()];
        let noise = &mut self.nodes[node.at()].noise;
        let elapsed = now
            .saturating_since(state.usage.sampled_at)
            .as_secs_f64()
            .max(0.001);
        state.usage.sampled_at = now;
        state.book_cpu(now);
        let (used, waited) = (
            std::mem::take(&mut state.usage.used_ms),
            std::mem::take(&mut state.usage.waited_ms),
        );
        let _ = waited;
        let rate = if state.route == Route::Open {
            level.rate_hz()
        } else {
            0.0
        };
        let Some(_) = state.process.as_ref() else {
            if let Some(requests) = at.requests {
                row[requests] = 0.0;
            }
            return;
        };
        let serving = rate + 5.0;
        let ticks = used + state.usage.ticks_left_ms + serving * 0.7 * elapsed * noise.factor(0.3);
        let whole = (ticks / 10.0).floor();
        state.usage.ticks_left_ms = ticks - whole * 10.0;
        row[at.process] = (whole / elapsed) as f32;
        row[at.process + 1] = MEMORY_BYTES as f32;
        row[at.process + 2] = OPEN_FILES as f32;
        row[at.process + 3] = if place.role == Role::Ledger { 2.0 } else { 1.0 };
        row[at.process + 4] = (0.7 * noise.factor(0.5)) as f32;
        let tail = calm::TAIL * noise.factor(0.25);
        if let Some(requests) = at.requests {
            let came = rate * elapsed + state.usage.requests_left;
            state.usage.requests_left = came - came.floor();
            row[requests] = (came.floor() / elapsed) as f32;
            if came >= 1.0 {
                row[requests + 1] = 0.0;
                row[requests + 2] = (level.p50_ms * noise.factor(0.1)) as f32;
                row[requests + 3] = (level.p50_ms * tail) as f32;
            }
        }
        let calls = (level.calls_ms * calm::TAIL * noise.factor(0.25)) as f32;
        match place.role {
            Role::Traffic => {
                let rate = level.demand_hz as f32;
                row[at.own..at.own + 5].copy_from_slice(&[0.0, calls, 0.0, calls, rate]);
            }
            Role::Ledger => row[at.own..at.own + 2].copy_from_slice(&[calls.max(0.8), 0.0002]),
            Role::Edge | Role::Orders | Role::Payments | Role::Inventory => {
                row[at.own..at.own + 2].copy_from_slice(&[0.0, calls]);
            }
            Role::Batch | Role::Plain => {}
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    fn sample_host(&mut self, now: Timestamp, node: NodeIx, row: &mut [f32]) {
        let cores = self.physics.cores;
        let memory = MEMORY_OTHERS_BYTES / self.physics.memory_bytes * 100.0;
        let state = &mut self.nodes[node.at()];
        let elapsed = now.saturating_since(state.sampled_at).as_secs_f64();
        state.sampled_at = now;
        let busy = state.burnt_cores + 0.1 * state.noise.factor(0.2);
        // The kernel's load average of a minute.
        state.load1 += (busy - state.load1) * (elapsed / 60.0).min(1.0);
        let values = [
            (busy / cores * 100.0).min(100.0),
            memory * (1.0 + 0.002 * state.noise.around()),
            DISK_USED_PERCENT,
            state.load1,
            2.0e4 * state.noise.factor(0.1),
            2.0e4 * state.noise.factor(0.1),
        ];
        for (cell, value) in row.iter_mut().zip(values) {
            *cell = value as f32;
        }
    }
}
