//! Processes: their starts, their ends, and what stands in the way of either.
//!
//! Invariants: a service has one process at most; an end is told exactly once, as [`super::Happening::Exited`]; what lives in a process ends
//! with it.

use std::time::Duration;

use arena_config::arena::Definition;
use arena_node_core::{PortHolder, ProcessRef};
use arena_proto::{FaultId, Timestamp};

use super::faults::Inside;
use super::physics::{DRAIN, PORT_SETTLE, PORT_WAIT};
use super::places::{NodeIx, ServiceIx};
use super::role::{Program, Role};
use super::{Happening, Timer, World};

/// Exit code of a process that SIGKILL ended: 128 and the signal's number.
const KILLED: i32 = 137;
/// The same of SIGTERM.
const TERMINATED: i32 = 143;
/// The first pid that is given on a node; what a fault puts there has lower ones.
const PID_FIRST: u32 = 1000;

/// A process that runs.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) reference: ProcessRef,
    pub(super) generation: u32,
    pub(super) program: Program,
    /// When its port opens, or opened.
    pub(super) up_at: Timestamp,
    pub(super) up: bool,
    /// Stopped by a signal (SIGSTOP): it does nothing until it goes on.
    pub(super) held: bool,
    /// It was told to end (SIGTERM), and will with this code when all is done that it has under way; it gets no new connections.
    pub(super) ending: Option<i32>,
    /// What it makes in itself.
    pub(super) inside: Vec<Inside>,
}

impl Process {
    /// It answers who asks it.
    pub(super) fn answers(&self) -> bool {
        self.up && !self.held && !self.is_deadlocked()
    }

    /// It takes a connection and does nothing with it.
    pub(super) fn is_deadlocked(&self) -> bool {
        self.inside.iter().any(Inside::is_deadlock)
    }
}

/// Somebody else who listens on a service's port.
#[derive(Debug, Clone)]
pub(super) struct Squatter {
    pub(super) fault: FaultId,
    pub(super) holder: PortHolder,
}

/// Why a process was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnFailure {
    /// How long the agent tried.
    pub after: Duration,
    /// For a person.
    pub message: String,
    /// Who holds its port, when that is why.
    pub holder: Option<PortHolder>,
}

impl World {
    /// Starts a process by this definition.
    ///
    /// # Errors
    /// Somebody else holds its port, after a second of trying as the live agent does.
    pub fn spawn(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        generation: u32,
        definition: &Definition,
    ) -> Result<ProcessRef, SpawnFailure> {
        self.advance(now);
        let place = &self.places.services[service.at()];
        if let Some(squatter) = &self.services[service.at()].squatter {
            let holder = squatter.holder.clone();
            let port = place.port.unwrap_or(0);
            return Err(SpawnFailure {
                after: PORT_WAIT,
                message: format!(
                    "port {port} is held by pid {} ({})",
                    holder.pid, holder.command_line
                ),
                holder: Some(holder),
            });
        }
        let program = Program::read(&definition.command, &place.command);
        let (node, typical) = match program.role {
            Role::Plain => (place.node, self.physics.start_plain),
            _ => (place.node, self.physics.start),
        };
        let numbers = &mut self.nodes[node.at()].pids;
        *numbers += 1;
        let reference = ProcessRef {
            pid: PID_FIRST + *numbers,
            start_time: u64::try_from(now.unix_millis() / 10).unwrap_or(0),
        };
        let state = &mut self.services[service.at()];
        // Starts differ by half, as what they wait for does.
        let takes = typical.mul_f64(state.starts.between(0.8, 1.3));
        state.process = Some(Process {
            reference,
            generation,
            program,
            up_at: now + takes,
            up: false,
            held: false,
            ending: None,
            inside: Vec::new(),
        });
        match program.fails {
            Some(code) => self
                .timers
                .push(now + takes / 2, Timer::Exit(service, reference, Some(code))),
            None => self.timers.push(now + takes, Timer::Up(service, reference)),
        };
        self.touch(now, service);
        Ok(reference)
    }

    /// Ends a process: SIGTERM (and SIGCONT), SIGKILL after the grace, at once when that is zero. What it has under way gets a second.
    pub fn stop(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        process: ProcessRef,
        grace: Duration,
    ) {
        self.advance(now);
        if !self.is_of(service, process) {
            return;
        }
        if grace.is_zero() {
            self.kill(now, service);
            return;
        }
        self.cont(now, service);
        let under_way = self.services[service.at()].in_hand > 0;
        let Some(running) = self.services[service.at()].process.as_mut() else {
            return;
        };
        let code = match running.program.role {
            Role::Plain => TERMINATED,
            _ => 0,
        };
        running.ending = Some(code);
        // What waits for a lock, or for somebody else, is given its second at most.
        let stuck = under_way || running.is_deadlocked();
        let takes = if stuck { DRAIN } else { self.physics.stop };
        let (takes, code) = if takes > grace {
            (grace, KILLED)
        } else {
            (takes, code)
        };
        self.timers
            .push(now + takes, Timer::Exit(service, process, Some(code)));
        self.touch(now, service);
    }

    /// Nothing is under way any more in a process: it ends if it was told to.
    pub(super) fn is_idle(&mut self, service: ServiceIx) {
        let process = self.services[service.at()].process.as_ref();
        let ending = process.and_then(|process| Some((process.reference, process.ending?)));
        if let Some((process, code)) = ending {
            self.timers.push(
                self.now + self.physics.stop,
                Timer::Exit(service, process, Some(code)),
            );
        }
    }

    /// Stops a process by a signal (SIGSTOP), until [`World::release`].
    pub fn hold(&mut self, now: Timestamp, node: NodeIx, process: ProcessRef) {
        self.advance(now);
        if let Some(service) = self.whose(node, process) {
            self.freeze(now, service);
        }
    }

    /// Lets a process go on (SIGCONT).
    pub fn release(&mut self, now: Timestamp, node: NodeIx, process: ProcessRef) {
        self.advance(now);
        if let Some(service) = self.whose(node, process) {
            self.cont(now, service);
        }
    }

    /// Ends what is left of a process group whose leader is gone: here a group is its leader, so nothing is left. It is asked for all the
    /// same, as the live agent is.
    pub const fn sweep(&self, _node: NodeIx, _process: ProcessRef) {}

    /// Who holds the port of a service, besides its own process.
    #[must_use]
    pub fn port_holder(&self, service: ServiceIx) -> Option<&PortHolder> {
        let squatter = self.services[service.at()].squatter.as_ref();
        squatter.map(|squatter| &squatter.holder)
    }

    /// The service's process, when there is one.
    #[must_use]
    pub fn process(&self, service: ServiceIx) -> Option<ProcessRef> {
        let process = self.services[service.at()].process.as_ref();
        process.map(|process| process.reference)
    }

    pub(super) fn is_of(&self, service: ServiceIx, process: ProcessRef) -> bool {
        self.process(service) == Some(process)
    }

    fn whose(&self, node: NodeIx, process: ProcessRef) -> Option<ServiceIx> {
        let mut services = self.places.nodes[node.at()].services();
        services.find(|service| self.is_of(*service, process))
    }

    pub(super) fn freeze(&mut self, now: Timestamp, service: ServiceIx) {
        if let Some(process) = self.services[service.at()].process.as_mut() {
            process.held = true;
            self.touch(now, service);
        }
    }

    pub(super) fn cont(&mut self, now: Timestamp, service: ServiceIx) {
        let process = self.services[service.at()].process.as_mut();
        if process.is_some_and(|process| std::mem::take(&mut process.held)) {
            self.touch(now, service);
            self.thaw(now, service);
        }
    }

    /// SIGKILL. The process is gone at once; that it is, is told a moment later.
    pub(super) fn kill(&mut self, now: Timestamp, service: ServiceIx) {
        self.bury(now, service, Some(KILLED));
    }

    /// A timer is due that is about this process, if it still is the one.
    pub(super) fn exit_due(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        process: ProcessRef,
        code: Option<i32>,
    ) {
        if self.is_of(service, process) {
            self.bury(now, service, code);
        }
    }

    pub(super) fn up_due(&mut self, now: Timestamp, service: ServiceIx, process: ProcessRef) {
        if !self.is_of(service, process) {
            return;
        }
        let Some(running) = self.services[service.at()].process.as_mut() else {
            return;
        };
        if running.held {
            // It opens its port once it goes on: it has as much left to do as it had.
            let left = self.physics.start;
            running.up_at = now + left;
            self.timers.push(now + left, Timer::Up(service, process));
            return;
        }
        running.up = true;
        running.up_at = now;
        self.touch(now, service);
        self.opened(now, service);
    }

    fn bury(&mut self, now: Timestamp, service: ServiceIx, code: Option<i32>) {
        let Some(dead) = self.services[service.at()].process.take() else {
            return;
        };
        self.timers.push(
            now + self.physics.reap,
            Timer::Reaped(service, dead.generation, code),
        );
        self.drop_calls(now, service);
        self.touch(now, service);
        self.share_cpu(now, self.places.services[service.at()].node);
    }

    /// The pidfd tells of the end.
    pub(super) fn reaped(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        generation: u32,
        code: Option<i32>,
    ) {
        self.happenings.push(Happening::Exited {
            service,
            generation,
            code,
        });
        self.services[service.at()].last_generation = generation;
        if self.services[service.at()].squatter.is_some() {
            self.timers
                .push(now + PORT_SETTLE, Timer::LookAtPort(service, generation));
        }
    }

    /// The agent looks who holds the port of a service that is down.
    pub(super) fn look_at_port(&mut self, now: Timestamp, service: ServiceIx, generation: u32) {
        let state = &mut self.services[service.at()];
        if state.process.is_some() || state.last_generation != generation {
            state.told_holder = None;
            return;
        }
        let holder = state
            .squatter
            .as_ref()
            .map(|squatter| squatter.holder.clone());
        if state.told_holder != holder.as_ref().map(|holder| holder.pid) {
            state.told_holder = holder.as_ref().map(|holder| holder.pid);
            let holder = holder.clone();
            self.happenings.push(Happening::PortHeld {
                service,
                generation,
                holder,
            });
        }
        if holder.is_some() {
            self.timers
                .push(now + PORT_WAIT, Timer::LookAtPort(service, generation));
        }
    }
}
