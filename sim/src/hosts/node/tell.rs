//! What a node tells the bus: its status on every change, telemetry each second and on every change. All telemetry passes the faults of it.

use std::sync::Arc;

use arena_node_core::Input;
use arena_proto::{
    NodeName, NodeStatus, ProcessState, SchemaId, ServiceStatus, Telemetry, Timestamp,
};

use super::NodeHost;
use super::act::ASK_TAKES;
use crate::ground::{Event, Ground};
use crate::wire::Message;
use crate::world::Route;

impl NodeHost {
    /// Something of its status has changed: the sidecars, KV `status` and telemetry learn of it.
    pub(super) fn show(&mut self, ground: &mut Ground) {
        let (now, party) = (ground.now, self.party());
        let Some(agent) = &mut self.agent else {
            return;
        };
        agent.samples = agent.core.samples();
        let local = ground.bus.clock(party, now);
        let status = agent.core.status(local, agent.boot_id, agent.pid);
        for service in &status.services {
            if let Some(supervised) = self.services.get_mut(&service.name) {
                let route = route(&status, service);
                if std::mem::replace(&mut supervised.route, route) != route {
                    ground.world.set_routable(now, supervised.ix, route);
                }
            }
        }
        self.ask(ground, &status.services);
        self.emit(ground, now, |_, _| {});
        let Some(agent) = &mut self.agent else {
            return;
        };
        if agent.filter.is_silent() {
            agent.status_waits = true;
        } else {
            ground.publish(party, Message::Status(Arc::new(status)));
        }
    }

    /// Asks each service that has come up which faults it makes.
    fn ask(&mut self, ground: &mut Ground, services: &[ServiceStatus]) {
        let mut told = Vec::new();
        let Some(agent) = &mut self.agent else {
            return;
        };
        for service in services {
            let Some(ix) = self.services.get(&service.name).map(|known| known.ix) else {
                continue;
            };
            let asked = agent.asked.get(&service.name) == Some(&service.generation);
            if service.state == ProcessState::Running && !asked {
                agent.asked.insert(service.name.clone(), service.generation);
                let made = ground.world.makes_faults(ix);
                let input = Input::MakesFaults {
                    service: service.name.clone(),
                    generation: service.generation,
                    faults: made.iter().map(|name| (*name).to_owned()).collect(),
                };
                told.push(input);
            }
        }
        for input in told {
            self.answer(ground, ASK_TAKES, input);
        }
    }

    /// A second has passed: everything is measured.
    pub(crate) fn measure(&mut self, ground: &mut Ground) {
        if self.agent.is_none() {
            return;
        }
        let ix = self.ix;
        self.emit(ground, ground.now, |ground, values| {
            ground.world.sample(ground.now, ix, values);
        });
    }

    /// A message of telemetry on its way; `measure` fills in its values, where more than a state is told.
    fn emit(
        &mut self,
        ground: &mut Ground,
        time: Timestamp,
        measure: impl FnOnce(&mut Ground, &mut Vec<f32>),
    ) {
        let (party, schema) = (self.party(), Arc::clone(ground.world.schema(self.ix)));
        let telemetry = Arc::make_mut(&mut self.message);
        telemetry.values.clear();
        measure(ground, &mut telemetry.values);
        let Some(agent) = &mut self.agent else {
            return;
        };
        let id = agent.tells(ground, party, &schema);
        agent.seq += 1;
        telemetry.boot_id = agent.boot_id;
        telemetry.seq = agent.seq;
        telemetry.schema_id = id;
        telemetry.time = ground.bus.clock(party, time);
        if !Arc::ptr_eq(&telemetry.services, &agent.samples) {
            telemetry.services = Arc::clone(&agent.samples);
        }
        if agent.filter.lets_pass(&schema, telemetry) {
            let message = Arc::clone(&self.message);
            ground.publish(party, Message::Telemetry(message, schema));
            return;
        }
        let telemetry = Telemetry::clone(&self.message);
        agent.filter.offer(ground.now, schema, telemetry);
        self.let_out(ground);
    }

    /// What has passed the faults of telemetry goes out, and what they hold back is looked at again in its time.
    pub(crate) fn let_out(&mut self, ground: &mut Ground) {
        let party = self.party();
        let Some(agent) = &mut self.agent else {
            return;
        };
        let schema = agent.filter.schema().clone();
        for telemetry in agent.filter.ready(ground.now) {
            let message = Message::Telemetry(Arc::new(telemetry), Arc::clone(&schema));
            ground.publish(party, message);
        }
        if let Some(at) = agent.filter.next_wakeup() {
            let event = Event::Held {
                node: self.ix,
                boot: self.boots,
            };
            ground.queue.push(at.max(ground.now), event);
        }
        // A silence has ended: what it kept from being told is told.
        if agent.status_waits && !agent.filter.is_silent() {
            agent.status_waits = false;
            let local = ground.bus.clock(party, ground.now);
            let status = agent.core.status(local, agent.boot_id, agent.pid);
            ground.publish(party, Message::Status(Arc::new(status)));
        }
    }

    /// What a telemetry fault held back is due.
    pub(crate) fn held(&mut self, ground: &mut Ground, boot: u32) {
        if boot == self.boots {
            self.let_out(ground);
        }
    }
}

/// A message that says nothing yet.
pub(super) fn blank(node: &NodeName) -> Telemetry {
    Telemetry {
        node: node.clone(),
        boot_id: 0,
        seq: 0,
        schema_id: SchemaId(0),
        time: Timestamp::EPOCH,
        values: Vec::new(),
        services: Arc::default(),
    }
}

/// As the sidecars read it in the status (services/node/src/sidecar/routes.rs).
fn route(node: &NodeStatus, service: &ServiceStatus) -> Route {
    if !service.is_healthy() || node.state == ProcessState::Stopping {
        Route::Away
    } else if service.detail.drained {
        Route::Last
    } else {
        Route::Open
    }
}
