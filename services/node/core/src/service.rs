//! One service: what is wanted of it, what is the case, and the steps from the one to the other.
//!
//! Invariant: [`Output::Spawn`] leaves here only while there is neither a process nor a spawn on its way.

use std::time::Duration;

use arena_proto::{NodeName, ProbeVerdict, ProcessState, Timestamp};

use crate::config::ServiceConfig;
use crate::definition::Versions;
use crate::io::{Output, Pace, PortHolder, ProcessRef};
use crate::limits::{START_SETTLE, START_TIMEOUT};
use crate::restart::RestartBudget;
use crate::saved::SavedService;
use crate::throttle::Throttle;

/// What a service becomes once its process is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// STOPPED, as somebody asked.
    Stopped,
    /// Started again.
    Start,
    /// EXITED, with this message: somebody heals it.
    Exited(String),
}

/// One service.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each named where it is read"
)]
pub(crate) struct Service {
    pub(crate) config: ServiceConfig,
    pub(crate) state: ProcessState,
    pub(crate) probe: ProbeVerdict,
    pub(crate) process: Option<ProcessRef>,
    pub(crate) generation: u32,
    pub(crate) restarts: u32,
    pub(crate) since: Timestamp,
    pub(crate) exit_code: Option<i32>,
    pub(crate) message: String,
    /// Something that others see has changed since this was last cleared.
    pub(crate) changed: bool,
    /// It is to run.
    pub(crate) wanted: bool,
    /// Somebody drained it; a new process changes nothing about that.
    pub(crate) drained: bool,
    pub(crate) throttle: Option<Throttle>,
    pub(crate) holder: Option<PortHolder>,
    pub(crate) versions: Versions,
    /// The faults that it says it makes in itself; `None` before it was asked.
    pub(crate) makes: Option<Vec<String>>,
    /// It was started before, since this arena came up.
    started: bool,
    /// Since when it is up without a break.
    pub(crate) up_since: Option<Timestamp>,
    /// A spawn was asked for and not yet answered.
    spawning: bool,
    next: Next,
    /// Failed probes in a row.
    pub(crate) failures: u32,
    pub(crate) started_at: Timestamp,
    /// While STARTING with a process: when it counts as up (no probe) or as failed. While BACKOFF: when to start.
    pub(crate) due: Option<Timestamp>,
    pub(crate) budget: RestartBudget,
}

impl Service {
    /// `resumed`: this agent goes on with what another one left running; otherwise the arena came up just now.
    pub(crate) fn new(
        node: &NodeName,
        config: ServiceConfig,
        saved: &SavedService,
        resumed: bool,
        now: Timestamp,
    ) -> Self {
        let mut service = Self {
            budget: RestartBudget::new(node, &config.name),
            wanted: saved.wanted.unwrap_or(!config.standby),
            versions: Versions::new(config.definition.clone(), saved),
            drained: saved.drained,
            throttle: None,
            holder: None,
            makes: None,
            started: resumed && saved.generation > 0,
            up_since: None,
            config,
            state: ProcessState::Stopped,
            probe: ProbeVerdict::Unknown,
            process: None,
            generation: saved.generation,
            restarts: if resumed { saved.restarts } else { 0 },
            since: now,
            exit_code: None,
            message: String::new(),
            changed: true,
            spawning: false,
            next: Next::Stopped,
            failures: 0,
            started_at: now,
            due: None,
        };
        service.probe = service.unprobed();
        service
    }

    /// Its process says which faults it makes in itself.
    pub(crate) fn makes_faults(&mut self, generation: u32, faults: Vec<String>) {
        if generation == self.generation {
            let told = self.makes.replace(faults);
            self.changed |= self.makes != told;
        }
    }

    pub(crate) fn enter(&mut self, now: Timestamp, state: ProcessState, message: &str) {
        self.state = state;
        self.since = now;
        message.clone_into(&mut self.message);
        self.changed = true;
    }

    /// Nothing of it is alive or on its way.
    pub(crate) fn is_gone(&self) -> bool {
        self.process.is_none() && !self.spawning
    }

    /// Running, and its probe does not say otherwise.
    pub(crate) fn is_up(&self) -> bool {
        self.state == ProcessState::Running
            && matches!(self.probe, ProbeVerdict::Passing | ProbeVerdict::None)
    }

    /// The earliest time that [`Service::tick`] does something.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let throttled = self.throttle.map(|throttle| throttle.until);
        let good = self.good_at();
        [self.due, throttled, good].into_iter().flatten().min()
    }

    /// Starts it; the caller has made sure that it [`Service::is_gone`].
    pub(crate) fn start(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        debug_assert!(self.is_gone(), "a service never has two processes");
        if std::mem::replace(&mut self.started, true) {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.generation = self.generation.saturating_add(1);
        self.spawning = true;
        self.failures = 0;
        self.due = None;
        self.exit_code = None;
        // Also of a start that gives no process: its uptime is not that of the one before.
        self.started_at = now;
        self.holder = None;
        self.versions.start();
        self.probe = self.unprobed();
        self.enter(now, ProcessState::Starting, "");
        out.push(Output::Spawn {
            service: self.config.name.clone(),
            generation: self.generation,
            definition: self.versions.running().clone(),
        });
    }

    /// A person or the remediator starts it: the agent's own restarts begin anew.
    pub(crate) fn start_by_command(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.wanted = true;
        self.budget.reset();
        self.start(now, out);
    }

    pub(crate) fn spawned(
        &mut self,
        now: Timestamp,
        generation: u32,
        process: ProcessRef,
        out: &mut Vec<Output>,
    ) {
        if generation != self.generation || !self.spawning {
            // Not ours to keep: a second process of a service must not live.
            out.push(self.stop_output(process, Duration::ZERO));
            return;
        }
        self.spawning = false;
        self.process = Some(process);
        self.started_at = now;
        self.changed = true;
        if self.state == ProcessState::Stopping {
            out.push(self.stop_output(process, self.config.stop_grace));
            return;
        }
        let limit = match self.probe_failures() {
            None => START_SETTLE,
            Some(_) => START_TIMEOUT,
        };
        self.due = Some(now + limit);
        self.probe_at(Pace::Eager, out);
    }

    pub(crate) fn spawn_failed(
        &mut self,
        now: Timestamp,
        generation: u32,
        message: &str,
        holder: Option<PortHolder>,
        out: &mut Vec<Output>,
    ) {
        if generation != self.generation || !self.spawning {
            return;
        }
        self.spawning = false;
        self.holder = holder;
        if self.state == ProcessState::Stopping {
            self.proceed(now, out);
        } else {
            self.enter(now, ProcessState::Exited, message);
        }
    }

    pub(crate) fn exited(
        &mut self,
        now: Timestamp,
        generation: u32,
        code: Option<i32>,
        out: &mut Vec<Output>,
    ) {
        let Some(process) = self.process.filter(|_| generation == self.generation) else {
            return;
        };
        self.process = None;
        self.due = None;
        self.probe = self.unprobed();
        self.unthrottle(out);
        out.push(Output::Sweep { process });
        if self.probe_failures().is_some() {
            out.push(Output::StopProbing {
                service: self.config.name.clone(),
            });
        }
        if self.state == ProcessState::Stopping {
            self.proceed(now, out);
        } else {
            self.enter(now, ProcessState::Exited, &say_exit(code));
        }
        // A start clears it: it is about the last process of a service that has none.
        if !self.spawning {
            self.exit_code = code;
        }
    }

    /// The process that was being stopped is gone.
    fn proceed(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        match std::mem::replace(&mut self.next, Next::Stopped) {
            Next::Stopped => self.enter(now, ProcessState::Stopped, ""),
            Next::Start => self.start_by_command(now, out),
            Next::Exited(message) => self.enter(now, ProcessState::Exited, &message),
        }
    }

    /// Gets rid of the process, if there is one, and goes on to `next`.
    pub(crate) fn stop(
        &mut self,
        now: Timestamp,
        grace: Duration,
        next: Next,
        out: &mut Vec<Output>,
    ) {
        self.next = next;
        self.due = None;
        if self.is_gone() {
            self.proceed(now, out);
            return;
        }
        self.enter(now, ProcessState::Stopping, "");
        // It needs the CPU to end within its grace.
        self.unthrottle(out);
        // One that is on its way is stopped when it arrives.
        if let Some(process) = self.process {
            out.push(self.stop_output(process, grace));
        }
    }

    /// Ends the process without a grace. `next` is what comes after it; `None` leaves what was decided before.
    pub(crate) fn kill(&mut self, now: Timestamp, next: Option<Next>, out: &mut Vec<Output>) {
        let next = next.unwrap_or_else(|| self.next.clone());
        self.stop(now, Duration::ZERO, next, out);
    }

    /// It is being stopped already; whatever was to come after that, nothing comes now.
    pub(crate) fn then_stop(&mut self) {
        self.next = Next::Stopped;
    }

    /// Ends a process whatever the service is about to become.
    pub(crate) fn kill_output(&self, process: ProcessRef) -> Output {
        self.stop_output(process, Duration::ZERO)
    }

    fn stop_output(&self, process: ProcessRef, grace: Duration) -> Output {
        Output::Stop {
            service: self.config.name.clone(),
            process,
            grace,
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if self.throttle.is_some_and(|throttle| now >= throttle.until) {
            self.unthrottle(out);
        }
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = None;
        match (self.state, self.process) {
            (ProcessState::Starting, Some(_)) if self.probe_failures().is_none() => {
                self.enter(now, ProcessState::Running, "");
            }
            (ProcessState::Starting, Some(_)) => {
                let message = format!(
                    "did not pass its probe within {} s: {}",
                    START_TIMEOUT.as_secs(),
                    self.message
                );
                self.stop(now, Duration::ZERO, Next::Exited(message), out);
            }
            (ProcessState::Backoff, None) => {
                self.budget.spend(now);
                self.start(now, out);
            }
            _ => {}
        }
    }

    /// DRAIN and UNDRAIN: the sidecars read it in the status.
    pub(crate) fn drain(&mut self, drained: bool) {
        self.drained = drained;
        self.changed = true;
    }
}

fn say_exit(code: Option<i32>) -> String {
    match code {
        None => "ended; nobody saw its exit code".to_owned(),
        Some(code) if code > 128 => format!("ended by signal {}", code - 128),
        Some(code) => format!("ended with exit code {code}"),
    }
}
