//! The physics of the simulated arena: machines, processes, queues, users. What happens here has causes and effects, whoever looks.
//!
//! How it works, in short ([docs/simulator.md], "Physics"): where nothing disturbs anybody, what is measured follows from closed forms and
//! noise, and no request is simulated. From the moment that something does (a fault, a death, an empty pool, a queue), every request of the
//! users is followed on its way, event by event: through legs and their conditions, queues for a CPU or a disk, timeouts and retries, until
//! all who were hurt have their answer and it is calm again. So slowness, errors, retry storms and what users feel are not formulas but
//! what comes of it.
//!
//! For hosts: call [`World::advance`] (every call with a time does), then take [`World::happenings`]; [`World::next_event`] is when there
//! will be one. What differs from the plan: [`World::set_routable`] takes a [`Route`], for a drained replica is asked last and not never;
//! [`World::hold`], [`World::release`] and [`World::sweep`] want the node, as pids are a node's own; [`SpawnFailure::after`] says how long the
//! agent tried.
//!
//! Absent on purpose: the arena's own programs, telemetry's way and its defects (the hosts'), incidents. Invariants: the same arena, load,
//! seed and calls give the same world; a node that is added changes nothing that the others measure, unless it takes part in their work.

mod actions;
mod call;
mod calm;
mod columns;
mod cpu;
mod disk;
mod end;
mod faults;
mod flow;
mod leg;
mod meter;
mod noise;
mod physics;
mod places;
mod process;
mod role;
mod route;
mod sample;
mod state;
mod stir;
mod storm;
mod truth;
mod users;

use std::collections::BTreeSet;
use std::time::Duration;

use arena_config::arena::Arena;
use arena_node_core::{PortHolder, ProcessRef};
use arena_proto::{Entity, FaultId, NodeName, Timestamp};
use arena_scenario::Load;

pub use actions::Done;
pub use physics::Physics;
pub use places::{NodeIx, NodePlace, ServiceIx, ServicePlace};
pub use process::SpawnFailure;
pub use role::Role;
pub use truth::{SLOW_MS, Truth};

use crate::queue::EventQueue;
use call::Calls;
use calm::Level;
use flow::Event;
use meter::Meter;
use places::Places;
use route::Candidates;
use state::{Node, Service};

/// When a run begins: 2026-01-01T00:00:00Z.
pub const BEGIN: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

/// What happened by itself, for the agent of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A process ended.
    Exited {
        /// Of which service.
        service: ServiceIx,
        /// Of which start.
        generation: u32,
        /// Exit code, or 128 + signal.
        code: Option<i32>,
    },
    /// A probe would now answer otherwise than before.
    Changed(ServiceIx),
    /// Who holds the port of a service that is down, as the agent sees when it looks.
    PortHeld {
        /// Of which service.
        service: ServiceIx,
        /// Of which start the process is gone.
        generation: u32,
        /// `None`: the port is free again.
        holder: Option<PortHolder>,
    },
    /// What a fault lived in is gone, and nobody reverted it.
    FaultGone {
        /// Where.
        node: NodeIx,
        /// Which.
        fault: FaultId,
        /// What happened to it, for a person.
        message: String,
    },
}

/// What the sidecars know of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Route {
    /// Not running, failing its probe, or on a node that stops: nobody sends to it.
    #[default]
    Away,
    /// Drained, or on a quarantined node: it gets a request when no other takes it.
    Last,
    /// Healthy.
    Open,
}

/// What happens by itself at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Timer {
    /// A process opens its port.
    Up(ServiceIx, ProcessRef),
    /// A process ends.
    Exit(ServiceIx, ProcessRef, Option<i32>),
    /// The end of a process is seen.
    Reaped(ServiceIx, u32, Option<i32>),
    /// The agent looks at the port of a service that is down.
    LookAtPort(ServiceIx, u32),
    /// A fault ends at its time to live by itself, whoever forgot it.
    Ends(NodeIx, FaultId),
    /// A leak of a process that has a limit has another piece.
    Full(ServiceIx, ProcessRef),
    /// The agent sees that the disposable file of a full disk is gone.
    FillGone(NodeIx, FaultId),
}

/// See the module.
#[derive(Debug)]
pub struct World {
    physics: Physics,
    places: Places,
    now: Timestamp,
    services: Vec<Service>,
    nodes: Vec<Node>,
    timers: EventQueue<Timer>,
    happenings: Vec<Happening>,
    /// Checkouts a second that each of the users' services asks for, where its command line does not say.
    rate_hz: u32,
    /// Of each pool; stale when a process, a route or a rate has changed since.
    levels: Vec<Level>,
    levels_stale: bool,
    /// Some replica would be busy for most of its time.
    overloaded: bool,
    /// The replicas of each pool that may be asked.
    candidates: Vec<Candidates>,
    /// Whether somebody calls a pool.
    called: Vec<bool>,
    /// The services of users.
    crowds: Vec<ServiceIx>,
    calls: Calls,
    events: EventQueue<Event>,
    /// Services that can hurt a request, and pools that are called and have nobody.
    disturbing: u32,
    /// Since when there is none of them.
    quiet_since: Timestamp,
    /// No request is simulated.
    calm: bool,
    calm_since: Timestamp,
    /// How long it was calm before that.
    calm_before: Duration,
    /// When it is looked next whether it is calm.
    look_at: Timestamp,
    /// Services that do not answer.
    silent: BTreeSet<ServiceIx>,
    /// Those that had a request since the truth was asked last.
    noticed: Vec<ServiceIx>,
    truth: Truth,
    /// What users waited since the truth was asked last.
    felt: Meter,
    /// A part of a user is left over.
    felt_left: f64,
    felt_calm_at: Duration,
}

impl World {
    /// An arena of which nothing runs yet, at [`BEGIN`]. `load` is what the users of each `traffic` service do that has no `--rate`: so the
    /// load of an arena is that of one machine's, times its `traffic` services.
    #[must_use]
    pub fn new(arena: &Arena, load: &Load, seed: u64) -> Self {
        Self::with_physics(arena, load, seed, Physics::default())
    }

    /// As [`World::new`], on other machines.
    #[must_use]
    pub fn with_physics(arena: &Arena, load: &Load, seed: u64, physics: Physics) -> Self {
        let places = Places::of(arena);
        let services = places
            .services
            .iter()
            .map(|place| Service::new(&places, place, seed));
        let services: Vec<Service> = services.collect();
        let called = places.called();
        let shut = called.iter().filter(|called| **called).count();
        let nodes = (0..places.nodes.len())
            .map(|at| Node::new(&places, NodeIx(places::count(at)), physics.wake_ms, seed));
        Self {
            nodes: nodes.collect(),
            physics,
            now: BEGIN,
            timers: EventQueue::new(0),
            happenings: Vec::new(),
            rate_hz: load.rate,
            levels: Vec::new(),
            levels_stale: true,
            overloaded: false,
            candidates: places.pools.iter().map(|_| Candidates::default()).collect(),
            crowds: places
                .all()
                .filter(|service| places.services[service.at()].role == Role::Traffic)
                .collect(),
            calls: Calls::new(services.len()),
            events: EventQueue::new(flow::LANES),
            disturbing: places::count(shut),
            quiet_since: BEGIN,
            calm: shut == 0,
            calm_since: BEGIN,
            calm_before: Duration::ZERO,
            look_at: BEGIN,
            called,
            silent: places.all().collect(),
            noticed: Vec::new(),
            truth: Truth::default(),
            felt: Meter::default(),
            felt_left: 0.0,
            felt_calm_at: Duration::ZERO,
            services,
            places,
        }
    }

    /// The node of that name.
    #[must_use]
    pub fn node_ix(&self, name: &NodeName) -> Option<NodeIx> {
        self.places.node_ix(name)
    }

    /// The service of that name on that node; `None`, too, for a node itself.
    #[must_use]
    pub fn service_ix(&self, entity: &Entity) -> Option<ServiceIx> {
        self.places.service_ix(entity)
    }

    /// The nodes there are.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = NodeIx> + use<> {
        (0..places::count(self.places.nodes.len())).map(NodeIx)
    }

    /// What is fixed about a node.
    #[must_use]
    pub fn node(&self, node: NodeIx) -> &NodePlace {
        &self.places.nodes[node.at()]
    }

    /// What is fixed about a service.
    #[must_use]
    pub fn service(&self, service: ServiceIx) -> &ServicePlace {
        &self.places.services[service.at()]
    }

    /// The services of a node, in the order of the arena.
    #[must_use]
    pub fn services_of(&self, node: NodeIx) -> impl DoubleEndedIterator<Item = ServiceIx> + use<> {
        self.places.nodes[node.at()].services()
    }

    /// The service as messages name it.
    #[must_use]
    pub fn entity(&self, service: ServiceIx) -> Entity {
        let place = &self.places.services[service.at()];
        Entity::service(
            self.places.nodes[place.node.at()].name.clone(),
            place.name.clone(),
        )
    }

    /// Time passes until `now`. A time that has passed already changes nothing.
    pub fn advance(&mut self, now: Timestamp) {
        loop {
            let (timer, event) = (self.timers.next_at(), self.events.next_at());
            let timer_is_next = timer.is_some_and(|timer| event.is_none_or(|event| timer <= event));
            if timer_is_next && let Some((at, timer)) = self.timers.pop(now) {
                self.now = self.now.max(at);
                self.due(at, timer);
            } else if let Some((at, event)) = self.events.pop(now) {
                self.now = self.now.max(at);
                self.goes_on(at, event);
            } else {
                break;
            }
        }
        self.now = self.now.max(now);
        if !self.calm || self.levels_stale {
            self.settle(self.now);
        }
    }

    /// When something will happen by itself, if nobody does anything before.
    #[must_use]
    pub fn next_event(&self) -> Option<Timestamp> {
        self.timers.next_at()
    }

    /// Takes what has happened, in its order.
    pub fn happenings(&mut self) -> impl Iterator<Item = Happening> + '_ {
        self.happenings.drain(..)
    }

    fn goes_on(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Go(call) => self.go(now, call),
            Event::GivesUp(call) => self.gives_up(now, call),
            Event::User(service) => self.user_due(now, service),
            Event::Disk(service) => self.written(now, service),
            Event::Storm(service) => self.storm_due(now, service),
        }
    }

    fn due(&mut self, now: Timestamp, timer: Timer) {
        match timer {
            Timer::Up(service, process) => self.up_due(now, service, process),
            Timer::Exit(service, process, code) => self.exit_due(now, service, process, code),
            Timer::Reaped(service, generation, code) => self.reaped(now, service, generation, code),
            Timer::LookAtPort(service, generation) => self.look_at_port(now, service, generation),
            Timer::Ends(node, fault) => self.undo(now, node, &fault),
            Timer::Full(service, process) if self.is_of(service, process) => {
                self.look_at_memory(now, service);
            }
            Timer::Full(..) => {}
            Timer::FillGone(node, fault) => self.happenings.push(Happening::FaultGone {
                node,
                fault,
                message: "somebody deleted what filled the disk".to_owned(),
            }),
        }
    }
}
