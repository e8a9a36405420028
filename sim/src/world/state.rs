//! What changes about nodes and services while the world runs.

use std::sync::Arc;

use arena_proto::{FaultId, Schema, Timestamp};

use super::meter::Meter;
use super::noise::Noise;
use super::places::{NodeIx, Places, ServicePlace};
use super::process::{Process, Squatter};
use super::sample::Columns;
use super::{BEGIN, Route};
use crate::chance::{Chance, Purpose};

/// One service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) process: Option<Process>,
    /// Of the last process that ended.
    pub(super) last_generation: u32,
    pub(super) route: Route,
    /// What a probe would say, as it was told last.
    pub(super) answers: bool,
    pub(super) squatter: Option<Squatter>,
    /// The pid that the agent has told as the holder of the port.
    pub(super) told_holder: Option<u32>,
    /// Its folder has a quota, and is full: by which fault, and how many MiB of it are disposable.
    pub(super) quota: Option<(FaultId, u64)>,
    /// Bytes of its entries.
    pub(super) stored_bytes: f64,
    /// Requests that it works on or waits with.
    pub(super) in_hand: u32,
    pub(super) usage: Usage,
    /// At its inbound leg.
    pub(super) inbound: Meter,
    /// Of its own calls.
    pub(super) upstream: Meter,
    /// How long starts take.
    pub(super) starts: Chance,
    /// Whether actions succeed.
    pub(super) actions: Chance,
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

impl Service {
    pub(super) fn new(place: &ServicePlace, seed: u64) -> Self {
        Self {
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
    pub(super) burners: Vec<Burner>,
    /// Cores that are burnt.
    pub(super) burnt_cores: f64,
    /// What a thread that wakes waits for a CPU, in milliseconds.
    pub(super) wake_ms: f64,
    pub(super) columns: Columns,
    pub(super) schema: Arc<Schema>,
    pub(super) sampled_at: Timestamp,
    pub(super) load1: f64,
}

impl Node {
    pub(super) fn new(places: &Places, node: NodeIx, seed: u64) -> Self {
        let columns = Columns::of(places, node);
        Self {
            noise: Noise::new(
                seed,
                crate::chance::key(places.nodes[node.at()].name.as_str()),
            ),
            pids: 0,
            burners: Vec::new(),
            burnt_cores: 0.0,
            wake_ms: 0.0,
            schema: columns.schema(places, node),
            columns,
            sampled_at: BEGIN,
            load1: 0.1,
        }
    }
}
