//! A node: the agent's core and what the live agent's shell does around it, and what outlives an agent (its folder, its processes).
//!
//! As in `services/node/src`: outputs are carried out in their order, and what takes time answers later. A probe is an event only where its
//! answer is news (`probing`). Absent on purpose: sampling (the world's).
//!
//! Invariant: an answer to an agent that has died reaches nobody.

mod act;
mod agent;
mod folder;
mod hear;
mod probing;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_config::arena::{HealthSpec, NodeSpec, Probe, ServiceSpec};
use arena_node_core::{Input, NodeConfig, Output, ProcessRef, ServiceConfig};
use arena_proto::{NodeName, ServiceName, Telemetry};

use crate::ground::{Alarm, Event, Ground, Host};
use crate::wire::Party;
use crate::world::{Happening, NodeIx, Route, ServiceIx};

use agent::Agent;
use folder::Folder;
use probing::Probing;

/// A sidecar's inbound legs are at these ports, counted from a service's own: only that there is one matters.
const LEG_PORTS: u16 = 1000;

/// One node. In memory as it is written here: what a message of telemetry needs lies together, with the agent's.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct NodeHost {
    ix: NodeIx,
    /// How many agents there were.
    boots: u32,
    /// The last message of telemetry: once nobody has it any more, the next one is written into it.
    message: Arc<Telemetry>,
    /// `None` while it is dead.
    agent: Option<Agent>,
    alarm: Alarm,
    pub(crate) name: NodeName,
    config: NodeConfig,
    services: BTreeMap<ServiceName, Supervised>,
    folder: Folder,
}

/// A service, as far as it is there without an agent.
#[derive(Debug)]
struct Supervised {
    ix: ServiceIx,
    process: Option<(ProcessRef, u32)>,
    probing: Option<Probing>,
    /// Counts what was begun of probes, so that those of before are told apart.
    probings: u32,
    /// What the sidecars of all nodes know of it.
    route: Route,
}

impl NodeHost {
    /// Nothing of it runs yet.
    pub(crate) fn new(ix: NodeIx, spec: &NodeSpec, services: &[ServiceIx]) -> Self {
        let supervised = spec.services.iter().zip(services).map(|(service, ix)| {
            let there = Supervised {
                ix: *ix,
                process: None,
                probing: None,
                probings: 0,
                route: Route::Away,
            };
            (service.name.clone(), there)
        });
        Self {
            ix,
            name: spec.name.clone(),
            config: config(spec),
            services: supervised.collect(),
            folder: Folder::default(),
            agent: None,
            message: Arc::new(tell::blank(&spec.name)),
            boots: 0,
            alarm: Alarm::default(),
        }
    }

    /// Its place on the bus.
    pub(crate) const fn party(&self) -> Party {
        Party::Node(self.ix)
    }

    /// One input, and everything that follows from it.
    pub(crate) fn step(&mut self, ground: &mut Ground, input: Input) {
        let Some(agent) = &mut self.agent else {
            return;
        };
        if agent.held_up {
            agent.backlog.push(input);
            return;
        }
        let local = ground.bus.clock(Party::Node(self.ix), ground.now);
        let outputs = agent.core.step(local, input);
        self.carry_out(ground, outputs);
    }

    /// In their order. What a capture of evidence holds up waits, and so does all that the agent hears meanwhile.
    pub(crate) fn carry_out(&mut self, ground: &mut Ground, outputs: Vec<Output>) {
        let mut changed = false;
        // Told after the status that goes with them, as the live agent does.
        let mut letters = Vec::new();
        let mut outputs = outputs.into_iter();
        while let Some(output) = outputs.next() {
            match output {
                Output::Changed => changed = true,
                Output::Outcome(_) | Output::FaultStatus(_) => letters.push(output),
                Output::Capture { .. } => {
                    let rest = outputs.collect();
                    self.hold_up(ground, changed, rest);
                    break;
                }
                other => self.act(ground, other),
            }
        }
        let held_up = self.agent.as_ref().is_some_and(|agent| agent.held_up);
        if changed && !held_up {
            self.show(ground);
        }
        for letter in letters {
            self.tell(ground, letter);
        }
        self.arm(ground);
    }

    fn hold_up(&mut self, ground: &mut Ground, changed: bool, mut rest: Vec<Output>) {
        let Some(agent) = &mut self.agent else {
            return;
        };
        if changed {
            rest.push(Output::Changed);
        }
        agent.held_up = true;
        let event = Event::NodeOutputs {
            node: self.ix,
            boot: self.boots,
            outputs: rest,
        };
        ground.queue.push(ground.now + act::CAPTURE_TAKES, event);
    }

    /// What was held up goes on, and then what was heard meanwhile.
    pub(crate) fn go_on(&mut self, ground: &mut Ground, boot: u32, outputs: Vec<Output>) {
        if boot != self.boots {
            return;
        }
        let Some(agent) = &mut self.agent else {
            return;
        };
        agent.held_up = false;
        let backlog = std::mem::take(&mut agent.backlog);
        self.carry_out(ground, outputs);
        for input in backlog {
            self.step(ground, input);
        }
    }

    /// Its time has come.
    pub(crate) fn wake(&mut self, ground: &mut Ground) {
        self.alarm.rung();
        let local = ground.bus.clock(self.party(), ground.now);
        if let Some(agent) = &mut self.agent
            && agent.hears_lease(ground, local)
        {
            return self.step(ground, agent::renewal(ground));
        }
        self.step(ground, Input::Tick);
    }

    fn arm(&mut self, ground: &mut Ground) {
        let at = self.agent.as_ref().filter(|agent| !agent.held_up);
        let at = at.and_then(|agent| agent.next_wakeup(ground));
        self.alarm.set(ground, Host::Node(self.ix), at);
    }

    /// Answers after a while, unless the agent dies meanwhile.
    fn answer(&self, ground: &mut Ground, after: Duration, input: Input) {
        let event = Event::Node {
            node: self.ix,
            boot: self.boots,
            input: Box::new(input),
        };
        ground.queue.push(ground.now + after, event);
    }

    /// An answer has come.
    pub(crate) fn answered(&mut self, ground: &mut Ground, boot: u32, input: Input) {
        if boot == self.boots {
            self.step(ground, input);
        }
    }

    /// Something happened in its world.
    pub(crate) fn happened(&mut self, ground: &mut Ground, happening: Happening) {
        match happening {
            Happening::Exited {
                service,
                generation,
                code,
            } => self.exited(ground, service, generation, code),
            Happening::Changed(service) => self.probe_changed(ground, service),
            Happening::PortHeld {
                service,
                generation,
                holder,
            } => {
                if let Some((name, _)) = self.service_at(service) {
                    let input = Input::PortHeld {
                        service: name.clone(),
                        generation,
                        holder,
                    };
                    self.step(ground, input);
                }
            }
            Happening::FaultGone { fault, message, .. } => {
                self.step(ground, Input::FaultGone { fault, message });
            }
        }
    }

    fn service_at(&mut self, ix: ServiceIx) -> Option<(&ServiceName, &mut Supervised)> {
        self.services
            .iter_mut()
            .find(|(_, service)| service.ix == ix)
    }
}

/// As `services/node/src/spec.rs` has it.
fn config(spec: &NodeSpec) -> NodeConfig {
    let services = spec.services.iter().map(|service| ServiceConfig {
        name: service.name.clone(),
        definition: service.definition(),
        class: service.class,
        standby: service.standby,
        can_clean_disk: !service.clean.is_empty(),
        stop_grace: service.stop_grace,
        port: service.port,
        proxy_port: service
            .port
            .filter(|_| is_proxied(service))
            .map(|port| port.wrapping_add(LEG_PORTS)),
        depends_on: service.depends_on.clone(),
    });
    NodeConfig {
        node: spec.name.clone(),
        chaos: true,
        services: services.collect(),
    }
}

/// The sidecar carries requests to it.
fn is_proxied(service: &ServiceSpec) -> bool {
    let http = |health: &HealthSpec| matches!(health.probe, Probe::Http { .. });
    service.port.is_some() && service.health.as_ref().is_some_and(http)
}
