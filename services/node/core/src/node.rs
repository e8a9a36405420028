//! The node as a whole: hands each input to the part that it is for, then settles what follows from it.

use std::collections::BTreeMap;

use arena_proto::{
    ActionKind, Command, NodeStatus, ProcessState, ServiceName, ServiceSample, ServiceStatus,
    Timestamp,
};

use crate::commands::CommandBook;
use crate::config::NodeConfig;
use crate::faults::FaultBook;
use crate::io::{Boot, Input, Output};
use crate::limits::DISCONNECTED_GRACE;
use crate::saved::{Saved, SavedService};
use crate::service::{Next, Service};

/// Who restarts a service that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bus {
    /// The remediator, over the bus.
    Connected,
    /// The agent itself, from this time on.
    Away { alone_from: Timestamp },
}

/// The agent's decisions. Feed it with [`Node::step`], no later than [`Node::next_wakeup`].
#[derive(Debug)]
pub struct Node {
    config: NodeConfig,
    services: BTreeMap<ServiceName, Service>,
    commands: CommandBook,
    faults: FaultBook,
    bus: Bus,
    stopping: bool,
    finished: bool,
}

impl Node {
    /// A node of which nothing runs; [`Input::Boot`] begins.
    #[must_use]
    pub fn new(config: NodeConfig) -> Self {
        Self {
            services: BTreeMap::new(),
            commands: CommandBook::new(config.node.clone()),
            faults: FaultBook::new(config.node.clone(), config.chaos),
            bus: Bus::Away {
                alone_from: Timestamp::EPOCH,
            },
            stopping: false,
            finished: false,
            config,
        }
    }

    /// What follows from what happened. The outputs are to be done in their order.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        self.take(now, input, &mut out);
        self.settle(now, &mut out);
        out
    }

    /// When [`Input::Tick`] is due though nothing happened; `None`: not at all.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let alone = match self.bus {
            Bus::Away { alone_from } if self.anybody_waits() => Some(alone_from),
            _ => None,
        };
        self.services
            .values()
            .filter_map(Service::due)
            .chain(self.commands.due())
            .chain(self.faults.due())
            .chain(alone)
            .min()
    }

    fn anybody_waits(&self) -> bool {
        self.services
            .values()
            .any(|service| service.state == ProcessState::Exited)
    }

    fn take(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Boot(boot) => self.boot(now, boot, out),
            Input::Spawned {
                service,
                generation,
                process,
            } => {
                if let Some(service) = self.services.get_mut(&service) {
                    service.spawned(now, generation, process, out);
                }
            }
            Input::SpawnFailed {
                service,
                generation,
                message,
                ..
            } => {
                if let Some(service) = self.services.get_mut(&service) {
                    service.spawn_failed(now, generation, &message, out);
                }
            }
            Input::Exited {
                service,
                generation,
                code,
            } => {
                if let Some(service) = self.services.get_mut(&service) {
                    service.exited(now, generation, code, out);
                }
            }
            Input::Probed {
                service,
                generation,
                result,
            } => {
                if let Some(service) = self.services.get_mut(&service) {
                    service.probed(now, generation, result, out);
                }
            }
            Input::Command(command) => self.command(now, &command, out),
            Input::Recovered { command, result } => self.commands.recovered(&command, result),
            Input::Throttled { .. }
            | Input::PortFreed { .. }
            | Input::DiskCleaned { .. }
            | Input::Control(_)
            | Input::Remediator(_) => {}
            Input::Fault(request) => {
                self.faults
                    .request(now, &request, &self.services, self.stopping, out);
            }
            Input::Journaled { fault, result } => self.faults.journaled(now, &fault, result, out),
            Input::Applied { fault, result } => self.faults.applied(now, &fault, result, out),
            Input::Reverted { fault, result } => self.faults.reverted(now, &fault, result, out),
            Input::Connected(true) => self.bus = Bus::Connected,
            Input::Connected(false) => self.disconnected(now),
            Input::Shutdown => self.shutdown(now, out),
            Input::Tick => {
                for service in self.services.values_mut() {
                    service.tick(now, out);
                }
            }
        }
    }

    fn disconnected(&mut self, now: Timestamp) {
        if self.bus == Bus::Connected {
            self.bus = Bus::Away {
                alone_from: now + DISCONNECTED_GRACE,
            };
        }
    }

    fn boot(&mut self, now: Timestamp, boot: Boot, out: &mut Vec<Output>) {
        self.bus = Bus::Away {
            alone_from: now + DISCONNECTED_GRACE,
        };
        let Boot {
            saved,
            found,
            journal,
        } = boot;
        // First of all: a service that is stopped or burdened by a fault of the past would start badly.
        self.faults.restore(now, &saved.faults, journal, out);
        self.commands
            .restore(now, &saved.accepted, &saved.outcomes, out);
        for config in &self.config.services {
            let last = saved
                .services
                .get(&config.name)
                .copied()
                .unwrap_or_default();
            let mut service = Service::new(config.clone(), last, now);
            let alive = found.iter().find(|found| found.service == config.name);
            match alive {
                Some(found) => service.adopt(now, found.process, out),
                None if last.stopped => {}
                None => service.start(now, out),
            }
            self.services.insert(config.name.clone(), service);
        }
    }

    fn command(&mut self, now: Timestamp, command: &Command, out: &mut Vec<Output>) {
        let service = command
            .service
            .as_ref()
            .and_then(|name| self.services.get(name));
        if !self
            .commands
            .judge(now, command, service, self.stopping, out)
        {
            return;
        }
        let Some(name) = &command.service else {
            return;
        };
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        // Half of the deadline at most, so that a start still fits into the other half.
        let grace = service.config.stop_grace.min(command.deadline / 2);
        match command.action {
            ActionKind::Start => service.start_by_command(now, out),
            ActionKind::Stop => service.stop(now, grace, Next::Stopped, out),
            ActionKind::Restart => service.stop(now, grace, Next::Start, out),
            ActionKind::Kill => {
                // The service was not asked to end for good: it is EXITED, a symptom, and gets healed. One that was
                // being stopped stays wanted as it was.
                let next = match service.state {
                    ProcessState::Stopping => None,
                    _ => Some(Next::Exited("killed by a command".to_owned())),
                };
                service.kill(now, next, out);
            }
            ActionKind::Recover => {
                out.push(Output::ResetLeg {
                    service: name.clone(),
                });
                self.faults.leg_reset(now, name, out);
                out.push(Output::Recover {
                    service: name.clone(),
                    command: command.id.clone(),
                });
            }
            _ => {}
        }
    }

    fn shutdown(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        out.push(Output::Changed);
        self.commands.cancel_all(now, &self.services, out);
        for service in self.services.values_mut() {
            if service.state == ProcessState::Stopping {
                service.then_stop();
            } else {
                let grace = service.config.stop_grace;
                service.stop(now, grace, Next::Stopped, out);
            }
        }
    }

    /// What follows from the new state of things.
    fn settle(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.settle_restarts(now);
        self.commands.settle(now, &self.services, out);
        self.faults.settle(now, &self.services, self.stopping, out);
        let mut changed = false;
        for service in self.services.values_mut() {
            changed |= std::mem::take(&mut service.changed);
        }
        if changed {
            out.push(Output::Changed);
            out.push(Output::Save);
        }
        let gone = self.services.values().all(Service::is_gone) && self.faults.is_empty();
        if self.stopping && gone && !self.finished {
            self.finished = true;
            out.push(Output::Save);
            out.push(Output::Finished);
        }
    }

    /// Hands restarts to whom they belong to.
    fn settle_restarts(&mut self, now: Timestamp) {
        if self.stopping {
            return;
        }
        let alone = match self.bus {
            Bus::Connected => false,
            Bus::Away { alone_from } => now >= alone_from,
        };
        for (name, service) in &mut self.services {
            match service.state {
                ProcessState::Exited if alone && !self.commands.holds(name) => {
                    service.restart_by_itself(now);
                }
                ProcessState::Backoff if self.bus == Bus::Connected => {
                    service.leave_restarting(now);
                }
                _ => {}
            }
        }
    }

    /// What the next agent has to know.
    #[must_use]
    pub fn saved(&self) -> Saved {
        let (accepted, outcomes) = self.commands.saved();
        let services = self.services.iter().map(|(name, service)| {
            // A node that is stopped as a whole starts as a whole.
            let saved = SavedService {
                stopped: !self.stopping && service.saved().stopped,
                ..service.saved()
            };
            (name.clone(), saved)
        });
        Saved {
            services: services.collect(),
            accepted,
            outcomes,
            faults: self.faults.saved(),
        }
    }

    /// For telemetry: one entry a service, in the order of their names.
    #[must_use]
    pub fn samples(&self) -> Vec<ServiceSample> {
        self.services
            .values()
            .map(|service| ServiceSample {
                state: service.state,
                probe: service.probe,
                pid: service.process.map(|process| process.pid),
                generation: service.generation,
                restarts: service.restarts,
                since: service.since,
                exit_code: service.exit_code,
            })
            .collect()
    }

    /// For KV `status`.
    #[must_use]
    pub fn status(&self, now: Timestamp, boot_id: u64, pid: u32) -> NodeStatus {
        let services = self.services.values().map(|service| ServiceStatus {
            detail: arena_proto::ServiceDetail::default(),
            name: service.config.name.clone(),
            state: service.state,
            probe: service.probe,
            pid: service.process.map(|process| process.pid),
            generation: service.generation,
            restarts: service.restarts,
            port: service.config.port,
            proxy_port: service.config.proxy_port,
            depends_on: service.config.depends_on.clone(),
            since: service.since,
            exit_code: service.exit_code,
            message: service.message.clone(),
        });
        NodeStatus {
            quarantined: false,
            restart_owner: None,
            fence: 0,
            node: self.config.node.clone(),
            boot_id,
            pid,
            state: if self.stopping {
                ProcessState::Stopping
            } else {
                ProcessState::Running
            },
            chaos: self.config.chaos,
            services: services.collect(),
            at: now,
        }
    }
}
