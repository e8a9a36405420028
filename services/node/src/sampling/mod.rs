//! Measures the node and its services once a second, on a schedule that is aligned to the clock and does not drift.

mod columns;
mod groups;
mod host;
mod own;
mod waits;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use arena_chassis::Clock;
use arena_config::arena::NodeSpec;
use arena_proto::{ProbeVerdict, ProcessState, Schema, ServiceName, ServiceSample, Timestamp};
use tokio::sync::mpsc;

use crate::actions::evidence::History;
use crate::edges::Edges;
use crate::sidecar::Sidecar;
use crate::spec::Program;
use crate::view::Views;
pub(crate) use groups::groups_of_all as processes_by_group;

use columns::Columns;
use groups::Groups;
use host::Host;
use own::OwnMetrics;

/// From one sample to the next, as docs/ARCHITECTURE.md promises.
const PERIOD: Duration = Duration::from_secs(1);

/// Processes in a service's group that the agent itself put there; they are not the service's children, so nobody would
/// look for them before the next look at the whole process table.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExtraMembers(Arc<Mutex<Vec<(ServiceName, u32)>>>);

impl ExtraMembers {
    pub(crate) fn add(&self, service: ServiceName, pid: u32) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((service, pid));
    }

    fn take(&self) -> Vec<(ServiceName, u32)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One tick's readings.
#[derive(Debug)]
pub(crate) struct Sample {
    /// When they were taken.
    pub(crate) time: Timestamp,
    /// What they mean.
    pub(crate) schema: Arc<Schema>,
    /// One a column; NaN where there is no reading.
    pub(crate) values: Vec<f32>,
}

/// The measuring side of the agent.
pub(crate) struct Sampler {
    clock: Clock,
    columns: Columns,
    host: Host,
    groups: Groups,
    own: Vec<OwnMetrics>,
    names: Vec<ServiceName>,
    sidecar: Arc<Sidecar>,
    members: ExtraMembers,
    edges: Edges,
    views: Views,
}

impl Sampler {
    /// `programs` give each service's control socket.
    pub(crate) fn new(
        clock: Clock,
        spec: &NodeSpec,
        programs: &BTreeMap<ServiceName, Program>,
        sidecar: Arc<Sidecar>,
        members: ExtraMembers,
        edges: Edges,
        views: Views,
    ) -> anyhow::Result<Self> {
        let mut services = spec.services.clone();
        // As in the status: by name.
        services.sort_by(|left, right| left.name.cmp(&right.name));
        let own = services.iter().map(|service| {
            let program = programs.get(&service.name);
            OwnMetrics::new(program.map(|program| program.control_socket.clone()))
        });
        Ok(Self {
            clock,
            own: own.collect(),
            names: services
                .iter()
                .map(|service| service.name.clone())
                .collect(),
            columns: Columns::new(&spec.name, &services),
            host: Host::new().context("cannot measure this machine")?,
            groups: Groups::new(services.len()),
            sidecar,
            members,
            edges,
            views,
        })
    }

    /// What the columns mean before any service has told of metrics of its own.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        self.columns.schema()
    }

    /// Measures until nobody listens; the last samples are kept in `history`, too.
    pub(crate) async fn run(mut self, samples: mpsc::Sender<Sample>, history: History) {
        let mut last = self.clock.now();
        loop {
            self.clock.sleep_until(next_tick(self.clock.now())).await;
            let now = self.clock.now();
            let sample = self.sample(now, now.saturating_since(last)).await;
            let (looked_at, used) = self.groups.table();
            history.add(&sample, looked_at, used);
            last = now;
            if let Err(mpsc::error::TrySendError::Closed(_)) = samples.try_send(sample) {
                return;
            }
        }
    }

    async fn sample(&mut self, now: Timestamp, elapsed: Duration) -> Sample {
        let view = Arc::clone(&self.views.borrow_and_update());
        let pids: Vec<Option<u32>> = view.samples.iter().map(|sample| sample.pid).collect();
        for (service, pid) in self.members.take() {
            if let Some(index) = self.names.iter().position(|name| *name == service) {
                self.groups.add_member(index, pid);
            }
        }
        let usage = self.groups.measure(now, elapsed, &pids);
        let host = self.host.measure(elapsed);
        let asked =
            self.own
                .iter_mut()
                .zip(view.samples.iter())
                .map(|(own, sample)| async move {
                    own.ask(now, sample.generation, answers(sample)).await
                });
        let own = futures::future::join_all(asked).await;
        self.columns.begin(&host);
        for (index, name) in self.names.iter().enumerate() {
            self.columns.observed(index, self.edges.of(name));
            let leg = self.sidecar.inbound(name);
            let requests = leg.map(|leg| leg.take_stats(now, elapsed));
            self.columns
                .service(index, usage[index].as_ref(), requests.as_ref(), &own[index]);
        }
        let (schema, values) = self.columns.finish();
        Sample {
            time: now,
            schema,
            values,
        }
    }
}

/// A service that hangs would only use its time up, once a second.
fn answers(sample: &ServiceSample) -> bool {
    matches!(sample.state, ProcessState::Running | ProcessState::Starting)
        && sample.probe != ProbeVerdict::Failing
        && sample.pid.is_some()
}

fn next_tick(now: Timestamp) -> Timestamp {
    let period = i64::try_from(PERIOD.as_nanos()).unwrap_or(i64::MAX);
    let ticks = now.unix_nanos().div_euclid(period).saturating_add(1);
    Timestamp::from_unix_nanos(ticks.saturating_mul(period))
}
