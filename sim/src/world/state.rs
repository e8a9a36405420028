//! What changes about nodes and services while the world runs.

use std::sync::Arc;
use std::time::Duration;

use arena_proto::{FaultId, Schema, Timestamp};

use super::columns::Columns;
use super::disk::Disk;
use super::leg::Leg;
use super::meter::Meter;
use super::noise::Noise;
use super::physics::DISK_FREE_BYTES;
use super::places::{NodeIx, Places, PoolIx, ServicePlace};
use super::process::{Process, Squatter};
use super::role::Role;
use super::route::Flight;
use super::truth::SLOW_MS;
use super::users::Users;
use super::{BEGIN, Route};
use crate::chance::{Chance, Purpose};

/// One service. In memory as it is written here: what every sample of a calm one looks at lies together, as ten thousand nodes have more of
/// these than a processor keeps at hand.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Service {
    pub(super) route: Route,
    /// What a probe would say, as it was told last.
    pub(super) answers: bool,
    /// Those of its outbound legs that it sends requests through.
    pub(super) calls: [Option<u8>; 2],
    /// Of `traffic`.
    pub(super) users: Option<Box<Users>>,
    /// Of a ledger.
    pub(super) disk: Option<Box<Disk>>,
    pub(super) usage: Usage,
    /// How long it had been calm when it was sampled last.
    pub(super) calm_at: Duration,
    /// Bytes of its entries.
    pub(super) stored_bytes: f64,
    pub(super) process: Option<Process>,
    /// At its inbound leg.
    pub(super) inbound: Meter,
    /// Of its own calls.
    pub(super) upstream: Meter,
    /// Its folder has a quota, and is full: by which fault, and how many MiB of it are disposable.
    pub(super) quota: Option<(FaultId, u64)>,
    /// Of the last process that ended.
    pub(super) last_generation: u32,
    pub(super) squatter: Option<Squatter>,
    /// The pid that the agent has told as the holder of the port.
    pub(super) told_holder: Option<u32>,
    /// Requests that it works on or waits with.
    pub(super) in_hand: u32,
    /// It can hurt a request.
    pub(super) disturbs: bool,
    /// What its one thread has taken on is done then.
    pub(super) busy_until: Timestamp,
    /// The inbound leg.
    pub(super) leg: Leg,
    /// The outbound legs, in the order of `depends_on`.
    pub(super) outs: Vec<Out>,
    /// For the referee.
    pub(super) felt: Felt,
    /// What its work takes.
    pub(super) chance: Chance,
    /// How long starts take.
    pub(super) starts: Chance,
    /// Whether actions succeed.
    pub(super) actions: Chance,
}

impl Service {
    /// What is in its folder, of what may be.
    pub(super) fn storage_used_percent(&self) -> f64 {
        if self.quota.is_some() {
            return 100.0;
        }
        self.stored_bytes / (self.stored_bytes + DISK_FREE_BYTES) * 100.0
    }
}

/// What a service uses of a node.
#[derive(Debug)]
pub(super) struct Usage {
    /// Cores that its burning threads get.
    pub(super) burn_cores: f64,
    /// How many more its threads would take.
    pub(super) short_cores: f64,
    /// Since when.
    pub(super) since: Timestamp,
    /// CPU used since the last sample, in milliseconds.
    pub(super) used_ms: f64,
    /// Waited for a CPU since the last sample, in milliseconds.
    pub(super) waited_ms: f64,
    /// What is left over of the last sample's whole ticks, in milliseconds.
    pub(super) ticks_left_ms: f64,
    /// It may use one CPU only.
    pub(super) throttled: bool,
    /// A part of a request is left over of the last sample.
    pub(super) requests_left: f64,
    pub(super) sampled_at: Timestamp,
}

/// An outbound leg.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) pool: PoolIx,
    pub(super) leg: Leg,
}

/// What the callers of a service felt since the referee asked last.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Felt {
    pub(super) ended: u32,
    pub(super) bad: u32,
}

impl Felt {
    pub(super) fn count(&mut self, took_ms: f64, failed: bool) {
        self.ended += 1;
        self.bad += u32::from(failed || took_ms > SLOW_MS);
    }
}

impl Service {
    pub(super) fn new(places: &Places, place: &ServicePlace, seed: u64) -> Self {
        let outs = place
            .depends_on
            .iter()
            .enumerate()
            .filter_map(|(index, name)| {
                Some(Out {
                    pool: places.pool(name.as_str())?,
                    leg: Leg::new(seed, place.key.wrapping_add(1 + index as u64)),
                })
            });
        let mut calls = [None; 2];
        for (call, name) in calls.iter_mut().zip(place.role.calls()) {
            let out = place
                .depends_on
                .iter()
                .position(|dependency| dependency.as_str() == *name);
            *call = out.and_then(|out| u8::try_from(out).ok());
        }
        Self {
            busy_until: BEGIN,
            leg: Leg::new(seed, place.key),
            outs: outs.collect(),
            calls,
            disk: (place.role == Role::Ledger).then(Box::default),
            users: (place.role == Role::Traffic).then(Box::default),
            disturbs: false,
            felt: Felt::default(),
            calm_at: Duration::ZERO,
            chance: Chance::stream(seed, Purpose::Service, place.key),
            process: None,
            last_generation: 0,
            route: Route::Away,
            answers: false,
            squatter: None,
            told_holder: None,
            quota: None,
            stored_bytes: 0.0,
            in_hand: 0,
            usage: Usage {
                burn_cores: 0.0,
                short_cores: 0.0,
                since: BEGIN,
                used_ms: 0.0,
                waited_ms: 0.0,
                ticks_left_ms: 0.0,
                throttled: false,
                requests_left: 0.0,
                sampled_at: BEGIN,
            },
            inbound: Meter::default(),
            upstream: Meter::default(),
            starts: Chance::stream(seed, Purpose::Start, place.key),
            actions: Chance::stream(seed, Purpose::Action, place.key),
        }
    }
}

/// Somebody who burns CPU and is no service.
#[derive(Debug)]
pub(super) struct Burner {
    pub(super) fault: FaultId,
    pub(super) threads: f64,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) noise: Noise,
    /// Pids given so far.
    pub(super) pids: u32,
    /// Pids given so far to what faults put here.
    pub(super) strangers: u32,
    pub(super) burners: Vec<Burner>,
    /// Cores that neighbours burn which are no services.
    pub(super) burnt_cores: f64,
    /// What the legs of its sidecar have taken on is passed on then.
    pub(super) legs_busy_until: Timestamp,
    /// CPU that the legs used since the last sample, in milliseconds.
    pub(super) legs_ms: f64,
    /// The same of its services.
    pub(super) used_ms: f64,
    /// What a thread that wakes waits for a CPU, in milliseconds.
    pub(super) wake_ms: f64,
    /// What it has in flight to each pool that its services call.
    pub(super) flights: Vec<Flight>,
    pub(super) columns: Columns,
    pub(super) schema: Arc<Schema>,
    pub(super) sampled_at: Timestamp,
    pub(super) load1: f64,
}

impl Node {
    pub(super) fn new(places: &Places, node: NodeIx, wake_ms: f64, seed: u64) -> Self {
        let columns = Columns::of(places, node);
        let own = &places.nodes[node.at()];
        let key = crate::chance::key(own.name.as_str());
        let called = own
            .services()
            .flat_map(|service| &places.services[service.at()].depends_on);
        let mut called: Vec<PoolIx> = called
            .filter_map(|name| places.pool(name.as_str()))
            .collect();
        called.sort_unstable();
        called.dedup();
        let turn = usize::try_from(key % 1024).unwrap_or(0);
        Self {
            flights: called
                .into_iter()
                .map(|pool| Flight::to(pool, turn))
                .collect(),
            noise: Noise::new(
                seed,
                crate::chance::key(places.nodes[node.at()].name.as_str()),
            ),
            pids: 0,
            strangers: 0,
            burners: Vec::new(),
            burnt_cores: 0.0,
            legs_busy_until: BEGIN,
            legs_ms: 0.0,
            used_ms: 0.0,
            wake_ms,
            schema: columns.schema(places, node),
            columns,
            sampled_at: BEGIN,
            load1: 0.1,
        }
    }
}
