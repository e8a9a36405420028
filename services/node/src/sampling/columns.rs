//! Which number is in which column. The columns of a service's own metrics are added as the service first tells of them,
//! which makes another schema; they stay from then on, so that the schema settles.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_config::arena::ServiceSpec;
use arena_node_core::columns::{HOST, PROCESS, REQUESTS};
use arena_proto::{Column, NodeName, Schema, ServiceClass, ServiceInfo, ServiceName};

use super::groups::Usage;
use super::host::HostReading;
use crate::sidecar::RequestStats;
use crate::spec;

/// Metrics of its own that a service may have; more are left out.
const OWN_METRICS_MAX: usize = 32;

#[derive(Debug)]
struct ServiceColumns {
    name: ServiceName,
    depends_on: Vec<ServiceName>,
    class: ServiceClass,
    /// Whom it was seen to call and does not declare.
    observed: Vec<ServiceName>,
    /// The column of the first of [`PROCESS`].
    process: usize,
    /// The column of the first of [`REQUESTS`].
    requests: Option<usize>,
    own: BTreeMap<String, usize>,
}

/// The layout, and the row that is being filled.
#[derive(Debug)]
pub(super) struct Columns {
    node: NodeName,
    services: Vec<ServiceColumns>,
    layout: Vec<Column>,
    schema: Arc<Schema>,
    changed: bool,
    values: Vec<f32>,
}

impl Columns {
    pub(super) fn new(node: &NodeName, specs: &[ServiceSpec]) -> Self {
        let mut columns: Vec<Column> = HOST.iter().map(|metric| column(None, metric)).collect();
        let mut add = |service: &ServiceSpec, metrics: &[&str]| {
            let first = columns.len();
            columns.extend(
                metrics
                    .iter()
                    .map(|metric| column(Some(&service.name), metric)),
            );
            first
        };
        let services = specs
            .iter()
            .map(|service| ServiceColumns {
                name: service.name.clone(),
                depends_on: service.depends_on.clone(),
                class: service.class,
                observed: Vec::new(),
                process: add(service, &PROCESS),
                requests: spec::is_proxied(service).then(|| add(service, &REQUESTS)),
                own: BTreeMap::new(),
            })
            .collect();
        let empty = Schema {
            node: node.clone(),
            columns: Vec::new(),
            services: Vec::new(),
        };
        let mut columns = Self {
            node: node.clone(),
            services,
            layout: columns,
            schema: Arc::new(empty),
            changed: true,
            values: Vec::new(),
        };
        columns.renew_schema();
        columns
    }

    pub(super) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    fn renew_schema(&mut self) {
        self.changed = false;
        self.schema = Arc::new(Schema {
            node: self.node.clone(),
            columns: self.layout.clone(),
            services: self
                .services
                .iter()
                .map(|service| ServiceInfo {
                    observed: service.observed.clone(),
                    class: service.class,
                    name: service.name.clone(),
                    depends_on: service.depends_on.clone(),
                })
                .collect(),
        });
    }

    /// Whom a service was seen to call, in a settled order.
    pub(super) fn observed(&mut self, index: usize, mut callees: Vec<ServiceName>) {
        let service = &mut self.services[index];
        callees.retain(|callee| !service.depends_on.contains(callee));
        if service.observed != callees {
            service.observed = callees;
            self.changed = true;
        }
    }

    /// Begins a row.
    pub(super) fn begin(&mut self, host: &HostReading) {
        self.values = vec![f32::NAN; self.layout.len()];
        self.values[..HOST.len()].copy_from_slice(&host.values());
    }

    /// Fills in one service.
    pub(super) fn service(
        &mut self,
        index: usize,
        usage: Option<&Usage>,
        requests: Option<&RequestStats>,
        own: &BTreeMap<String, f32>,
    ) {
        let service = &mut self.services[index];
        if let Some(usage) = usage {
            let first = service.process;
            self.values[first..first + PROCESS.len()].copy_from_slice(&usage.values());
        }
        if let Some((first, requests)) = service.requests.zip(requests) {
            let values = [
                requests.rate_hz,
                requests.error_percent,
                requests.latency_p50_ms,
                requests.latency_p95_ms,
            ];
            self.values[first..first + REQUESTS.len()].copy_from_slice(&values);
        }
        for (metric, value) in own {
            let taken = service.own.get(metric).copied();
            let free = taken.is_none()
                && service.own.len() < OWN_METRICS_MAX
                && is_metric(metric)
                && !PROCESS.contains(&metric.as_str())
                && !REQUESTS.contains(&metric.as_str());
            if free {
                service.own.insert(metric.clone(), self.layout.len());
                self.layout.push(column(Some(&service.name), metric));
                self.values.push(*value);
                self.changed = true;
            } else if let Some(at) = taken {
                self.values[at] = *value;
            }
        }
    }

    /// The row, and what its columns mean.
    pub(super) fn finish(&mut self) -> (Arc<Schema>, Vec<f32>) {
        if self.changed {
            self.renew_schema();
        }
        (self.schema(), std::mem::take(&mut self.values))
    }
}

fn column(service: Option<&ServiceName>, metric: &str) -> Column {
    Column {
        service: service.cloned(),
        metric: metric.to_owned(),
    }
}

/// As the contract has it: 1 to 64 of `a-z 0-9 _`, beginning with a letter.
fn is_metric(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
