//! The node as a whole: hands each input to the part that it is for, then settles what follows from it.

use std::collections::BTreeMap;

use arena_proto::{Control, LeverPosition, ProcessState, RestartOwner, ServiceName, Timestamp};

use crate::commands::{CommandBook, read_saved};
use crate::config::NodeConfig;
use crate::faults::FaultBook;
use crate::io::{Boot, Input, Output, PortHolder};
use crate::judge::Halt;
use crate::restart::Ownership;
use crate::saved::SavedService;
use crate::service::{Next, Service};
use crate::throttle::Throttle;

/// The agent's decisions. Feed it with [`Node::step`], no later than [`Node::next_wakeup`].
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is read"
)]
pub struct Node {
    pub(crate) config: NodeConfig,
    pub(crate) services: BTreeMap<ServiceName, Service>,
    pub(crate) commands: CommandBook,
    pub(crate) faults: FaultBook,
    pub(crate) ownership: Ownership,
    /// As it was last heard.
    pub(crate) control: Control,
    pub(crate) quarantined: bool,
    /// The highest fencing token that was seen.
    pub(crate) fence: u64,
    pub(crate) stopping: bool,
    /// Something that others see of the node itself has changed in this step.
    pub(crate) changed: bool,
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
            ownership: Ownership::new(Timestamp::EPOCH),
            control: Control::default(),
            quarantined: false,
            fence: 0,
            stopping: false,
            changed: false,
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
        self.services
            .values()
            .filter_map(Service::due)
            .chain(self.commands.due())
            .chain(self.faults.due())
            .chain(self.ownership.due().filter(|_| !self.finished))
            .min()
    }

    fn take(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Boot(boot) => self.boot(now, boot, out),
            Input::Spawned { .. }
            | Input::SpawnFailed { .. }
            | Input::Exited { .. }
            | Input::PortHeld { .. }
            | Input::Probed { .. }
            | Input::Throttled { .. } => self.take_process(now, input, out),
            Input::Command(command) => self.command(now, &command, out),
            Input::Recovered { command, result } | Input::DiskCleaned { command, result } => {
                self.commands.answered(&command, result);
            }
            Input::PortFreed { command, result } => {
                let freed = result.is_ok();
                if let Some(service) = self.commands.answered(&command, result)
                    && let Some(service) = self.services.get_mut(&service)
                    && freed
                {
                    service.port_freed(now, out);
                }
            }
            Input::Control(control) => {
                self.changed |= self.control != control;
                self.control = control;
            }
            Input::Remediator(heard) => {
                self.ownership.heard(now);
                self.see_fence(heard.fence);
            }
            Input::Fault(request) => {
                let halt = self.halt();
                self.faults
                    .request(now, &request, &self.services, halt.as_ref(), out);
            }
            Input::Journaled { fault, result } => self.faults.journaled(now, &fault, result, out),
            Input::Applied { fault, result } => self.faults.applied(now, &fault, result, out),
            Input::Reverted { fault, result } => self.faults.reverted(now, &fault, result, out),
            Input::FaultGone { fault, message } => self.faults.gone(now, &fault, message, out),
            Input::MakesFaults {
                service,
                generation,
                faults,
            } => {
                if let Some(service) = self.services.get_mut(&service) {
                    service.makes_faults(generation, faults);
                }
            }
            Input::Connected(connected) => self.ownership.connected(now, connected),
            Input::Shutdown => self.shutdown(now, out),
            Input::Tick => {
                for service in self.services.values_mut() {
                    service.tick(now, out);
                }
            }
        }
    }

    /// What is about the process of one service.
    fn take_process(&mut self, now: Timestamp, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Spawned {
                service,
                generation,
                process,
            } => {
                if let Some(service) = self.services.get_mut(&service) {
                    service.spawned(now, generation, process, out);
                    if service.process == Some(process) {
                        self.faults.started(now, service, out);
                    }
                }
            }
            Input::SpawnFailed {
                service,
                generation,
                message,
                holder,
            } => {
                let holder = holder.filter(|holder| self.is_foreign(holder));
                if let Some(service) = self.services.get_mut(&service) {
                    service.spawn_failed(now, generation, message.trim(), holder, out);
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
            Input::PortHeld {
                service,
                generation,
                holder,
            } => {
                let holder = holder.filter(|holder| self.is_foreign(holder));
                if let Some(service) = self.services.get_mut(&service) {
                    service.port_held(generation, holder);
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
            Input::Throttled { service, result } => self.throttled(now, &service, result, out),
            _ => {}
        }
    }

    /// Not a process of this node: one that may be ended for its port.
    fn is_foreign(&self, holder: &PortHolder) -> bool {
        !self
            .services
            .values()
            .filter_map(|service| service.process)
            .any(|process| process.pid == holder.pid)
    }

    fn throttled(
        &mut self,
        now: Timestamp,
        name: &ServiceName,
        result: Result<String, String>,
        out: &mut Vec<Output>,
    ) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let share = self.commands.throttled(name, result.clone());
        match (result, share) {
            (Ok(_), Some(share)) if service.process.is_some() => service.throttled(Throttle {
                percent: share.percent,
                until: now + share.duration,
            }),
            // Nobody wants it any more.
            (Ok(_), _) if service.throttle.is_none() => service.push_unthrottle(out),
            (Ok(_), _) => {}
            (Err(_), _) => service.not_throttled(),
        }
    }

    pub(crate) fn see_fence(&mut self, fence: u64) {
        self.changed |= fence > self.fence;
        self.fence = self.fence.max(fence);
    }

    pub(crate) fn lever_stopped(&self) -> bool {
        self.control.lever == LeverPosition::Stopped
    }

    pub(crate) fn halt(&self) -> Option<Halt> {
        if self.stopping {
            Some(Halt::Stopping)
        } else if self.lever_stopped() {
            let by = self.control.lever_set.as_ref().map(|(by, _)| by.clone());
            Some(Halt::Lever(by.filter(|by| !by.is_empty())))
        } else {
            None
        }
    }

    fn boot(&mut self, now: Timestamp, boot: Boot, out: &mut Vec<Output>) {
        self.ownership = Ownership::new(now);
        let Boot {
            saved,
            found,
            journal,
        } = boot;
        self.quarantined = saved.quarantined;
        self.fence = saved.fence;
        let node = &self.config.node;
        let control = saved.control.as_ref();
        self.control = control
            .and_then(|text| read_saved(node, now, text))
            .unwrap_or_default();
        // First of all: a service that is stopped or burdened by a fault of the past would start badly.
        self.faults.restore(now, &saved, &found, journal, out);
        self.commands
            .restore(now, &saved.accepted, &saved.outcomes, out);
        let resumed = !found.is_empty();
        let lever_stopped = self.lever_stopped();
        let unknown = SavedService::default();
        for config in &self.config.services {
            let last = saved.services.get(&config.name).unwrap_or(&unknown);
            let mut service = Service::new(node, config.clone(), last, resumed, now);
            let alive = found.iter().find(|found| found.service == config.name);
            match alive {
                // Its agent died while it was being stopped: that goes on.
                Some(found) if !service.wanted => {
                    service.adopt(now, found.process, last.throttle, out);
                    let grace = service.config.stop_grace;
                    service.stop(now, grace, Next::Stopped, out);
                }
                Some(found) => service.adopt(now, found.process, last.throttle, out),
                None if !service.wanted => {}
                // It died while nobody looked. To start it again would be healing; to start an arena is not.
                None if lever_stopped && last.process.is_some() => service.found_dead(now),
                None => service.start(now, out),
            }
            self.services.insert(config.name.clone(), service);
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
        self.changed |= self.ownership.judge(now);
        self.settle_restarts(now);
        self.commands.settle(now, &self.services, out);
        let halted = self.halt().is_some();
        self.faults.settle(now, &self.services, halted, out);
        for (name, service) in &mut self.services {
            let bad = self.faults.bad_argument(name);
            service.settle_definition(now, bad, !self.stopping, out);
        }
        let mut changed = std::mem::take(&mut self.changed);
        for service in self.services.values_mut() {
            service.settle(now);
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

    /// Hands restarts to whom they belong to; while the lever is stopped, to nobody.
    fn settle_restarts(&mut self, now: Timestamp) {
        if self.stopping {
            return;
        }
        let alone = self.ownership.owner() == RestartOwner::Node && !self.lever_stopped();
        for (name, service) in &mut self.services {
            match service.state {
                ProcessState::Exited if alone && !self.commands.holds(name) => {
                    service.restart_by_itself(now);
                }
                ProcessState::Backoff if !alone => service.leave_restarting(now),
                _ => {}
            }
        }
    }
}
