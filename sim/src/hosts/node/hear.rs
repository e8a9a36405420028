//! What a node hears: the bus, and its own births and deaths.

use arena_node_core::telemetry::Filter;
use arena_node_core::{Boot, Found, Heard, Input};
use arena_proto::FaultOperation;

use super::NodeHost;
use super::agent::Agent;
use crate::chance::{Chance, Purpose};
use crate::ground::Ground;
use crate::wire::{Delivery, Message};

/// Agents have pids of their own, below those of services.
const AGENT_PID: u32 = 100;

impl NodeHost {
    /// An agent starts, with what the last one left behind.
    pub(crate) fn boot(&mut self, ground: &mut Ground) {
        self.boots += 1;
        let key = u64::from(self.ix.0) << 32 | u64::from(self.boots);
        let boot_id = Chance::stream(ground.seed, Purpose::Boot, key).bits();
        let filter = Filter::new(boot_id, ground.world.schema(self.ix).clone());
        let pid = AGENT_PID + self.ix.0 + self.boots * 10_000;
        let agent = Agent::new(self.config.clone(), boot_id, pid, filter);
        self.agent = Some(agent);
        let found = self.services.iter().filter_map(|(name, service)| {
            let (process, _) = service.process?;
            Some(Found {
                service: name.clone(),
                process,
            })
        });
        let boot = Boot {
            saved: self.folder.saved.clone(),
            found: found.collect(),
            journal: self.folder.journal.values().cloned().collect(),
        };
        // First, so that what it says of itself when it starts is said.
        let party = self.party();
        ground.bus.connect(ground.now, party);
        self.step(ground, Input::Boot(boot));
        self.step(ground, Input::Control(ground.bus.control()));
        self.connected(ground, true);
    }

    /// The agent is killed: what it has saved stays, and its services go on.
    pub(crate) fn die(&mut self, ground: &mut Ground) {
        let Some(agent) = self.agent.take() else {
            return;
        };
        self.folder.saved = agent.core.saved();
        self.alarm
            .set(ground, crate::ground::Host::Node(self.ix), None);
        for service in self.services.values_mut() {
            service.probing = None;
        }
        let party = self.party();
        ground.bus.disconnect(ground.now, party);
    }

    /// The bus came, or went.
    pub(crate) fn connected(&mut self, ground: &mut Ground, connected: bool) {
        let Some(agent) = &mut self.agent else {
            return;
        };
        agent.connected = connected;
        self.hear_lease(ground);
        self.step(ground, Input::Connected(connected));
    }

    /// Who holds the lease is known to be there until now: at its first word, and at its last.
    pub(crate) fn hear_lease(&mut self, ground: &mut Ground) {
        let fence = ground.fence;
        let local = ground.bus.clock(self.party(), ground.now);
        if let Some(agent) = &mut self.agent
            && agent.connected
            && fence > 0
        {
            agent.heard_at = local;
            self.step(ground, Input::Remediator(Heard { fence }));
        }
    }

    /// Something was delivered.
    pub(crate) fn deliver(&mut self, ground: &mut Ground, delivery: Delivery) {
        let Some(agent) = &mut self.agent else {
            return;
        };
        match delivery.message {
            Message::Command(command) => {
                if let Some(token) = delivery.token {
                    agent.commands.insert(command.id.clone(), token);
                }
                self.step(ground, Input::Command((*command).clone()));
            }
            Message::Fault(request) => {
                match (&request.operation, delivery.token) {
                    (FaultOperation::Apply { .. }, Some(token)) => {
                        agent.faults.insert(request.id.clone(), token);
                    }
                    // Should the agent die right now, its successor reverts everything anyway.
                    (_, Some(token)) => ground.bus.ack(ground.now, token),
                    (_, None) => {}
                }
                self.step(ground, Input::Fault((*request).clone()));
            }
            Message::Control(control) => self.step(ground, Input::Control((*control).clone())),
            Message::Connected(connected) => self.connected(ground, connected),
            _ => {}
        }
    }
}
