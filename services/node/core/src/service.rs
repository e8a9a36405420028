//! One service: what is wanted of it, what is the case, and the steps from the one to the other.
//!
//! Invariant: [`Output::Spawn`] leaves here only while there is neither a process nor a spawn on its way.

use std::time::Duration;

use arena_proto::{ProbeVerdict, ProcessState, Timestamp};

use crate::config::ServiceConfig;
use crate::io::{Output, Pace, ProcessRef};
use crate::limits::{START_SETTLE, START_TIMEOUT};
use crate::restart::RestartBudget;
use crate::saved::SavedService;

/// Added to the message of a service in BACKOFF.
const RESTARTS: &str = "; starts again by itself";

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
    /// A spawn was asked for and not yet answered.
    spawning: bool,
    next: Next,
    /// Failed probes in a row.
    failures: u32,
    started_at: Timestamp,
    /// While STARTING with a process: when it counts as up (no probe) or as failed. While BACKOFF: when to start.
    due: Option<Timestamp>,
    budget: RestartBudget,
}

impl Service {
    pub(crate) fn new(config: ServiceConfig, saved: SavedService, now: Timestamp) -> Self {
        let mut service = Self {
            config,
            state: ProcessState::Stopped,
            probe: ProbeVerdict::Unknown,
            process: None,
            generation: saved.generation,
            restarts: saved.restarts,
            since: now,
            exit_code: None,
            message: String::new(),
            changed: true,
            spawning: false,
            next: Next::Stopped,
            failures: 0,
            started_at: now,
            due: None,
            budget: RestartBudget::default(),
        };
        service.probe = service.unprobed();
        service
    }

    /// Failed probes in a row until it is FAILING, 1 or more; `None`: it has no probe.
    fn probe_failures(&self) -> Option<u32> {
        let health = self.config.definition.health.as_ref();
        health.map(|health| health.failures.max(1))
    }

    /// The verdict before the first probe.
    fn unprobed(&self) -> ProbeVerdict {
        match self.probe_failures() {
            None => ProbeVerdict::None,
            Some(_) => ProbeVerdict::Unknown,
        }
    }

    fn enter(&mut self, now: Timestamp, state: ProcessState, message: &str) {
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
        self.due
    }

    pub(crate) fn saved(&self) -> SavedService {
        SavedService {
            process: self.process,
            generation: self.generation,
            restarts: self.restarts,
            stopped: matches!(self.state, ProcessState::Stopped)
                || self.state == ProcessState::Stopping && self.next == Next::Stopped,
        }
    }

    /// Takes over a process of a predecessor. Whether it answers is for the probe to say.
    pub(crate) fn adopt(&mut self, now: Timestamp, process: ProcessRef, out: &mut Vec<Output>) {
        self.process = Some(process);
        self.started_at = now;
        self.enter(now, ProcessState::Running, "");
        out.push(Output::Adopt {
            service: self.config.name.clone(),
            generation: self.generation,
            process,
        });
        self.probe_at(Pace::Steady, out);
    }

    /// Starts it; the caller has made sure that it [`Service::is_gone`].
    pub(crate) fn start(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        debug_assert!(self.is_gone(), "a service never has two processes");
        if self.generation > 0 {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.generation = self.generation.saturating_add(1);
        self.spawning = true;
        self.failures = 0;
        self.due = None;
        self.exit_code = None;
        // Also of a start that gives no process: its uptime is not that of the one before.
        self.started_at = now;
        self.probe = self.unprobed();
        self.enter(now, ProcessState::Starting, "");
        out.push(Output::Spawn {
            service: self.config.name.clone(),
            generation: self.generation,
            definition: self.config.definition.clone(),
        });
    }

    /// A person or the remediator starts it: the agent's own restarts begin anew.
    pub(crate) fn start_by_command(&mut self, now: Timestamp, out: &mut Vec<Output>) {
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
        out: &mut Vec<Output>,
    ) {
        if generation != self.generation || !self.spawning {
            return;
        }
        self.spawning = false;
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

    fn stop_output(&self, process: ProcessRef, grace: Duration) -> Output {
        Output::Stop {
            service: self.config.name.clone(),
            process,
            grace,
        }
    }

    fn probe_at(&self, pace: Pace, out: &mut Vec<Output>) {
        if self.probe_failures().is_some() {
            out.push(Output::Probe {
                service: self.config.name.clone(),
                generation: self.generation,
                pace,
                definition: self.config.definition.clone(),
            });
        }
    }

    pub(crate) fn probed(
        &mut self,
        now: Timestamp,
        generation: u32,
        result: Result<(), String>,
        out: &mut Vec<Output>,
    ) {
        let Some(failures_max) = self.probe_failures() else {
            return;
        };
        let live = matches!(self.state, ProcessState::Running | ProcessState::Starting);
        if generation != self.generation || self.process.is_none() || !live {
            return;
        }
        match (result, self.state) {
            (Ok(()), ProcessState::Starting) => {
                self.due = None;
                self.set_probe(now, ProbeVerdict::Passing, "");
                self.enter(now, ProcessState::Running, "");
                self.probe_at(Pace::Steady, out);
            }
            (Ok(()), _) => {
                self.failures = 0;
                self.set_probe(now, ProbeVerdict::Passing, "");
            }
            // Kept for the message of a start that never passes; nobody is told of each.
            (Err(detail), ProcessState::Starting) => self.message = detail,
            (Err(detail), _) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= failures_max {
                    self.set_probe(now, ProbeVerdict::Failing, &detail);
                }
            }
        }
    }

    fn set_probe(&mut self, now: Timestamp, verdict: ProbeVerdict, message: &str) {
        if self.probe != verdict {
            self.probe = verdict;
            self.since = now;
            message.clone_into(&mut self.message);
            self.changed = true;
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Timestamp, out: &mut Vec<Output>) {
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

    /// Nobody else will restart it: waits and restarts it, or gives it up.
    pub(crate) fn restart_by_itself(&mut self, now: Timestamp) {
        let uptime = self.since.saturating_since(self.started_at);
        if let Some(wait) = self.budget.wait(now, uptime) {
            let message = format!("{}{RESTARTS}", self.message);
            self.enter(now, ProcessState::Backoff, &message);
            self.due = Some(now + wait);
        } else {
            let message = format!("{}; too many restarts: start it by hand", self.message);
            self.enter(now, ProcessState::Fatal, &message);
        }
    }

    /// The remediator is back: restarts are its own again.
    pub(crate) fn leave_restarting(&mut self, now: Timestamp) {
        self.due = None;
        let message = self.message.replace(RESTARTS, "");
        self.enter(now, ProcessState::Exited, &message);
    }
}

fn say_exit(code: Option<i32>) -> String {
    match code {
        None => "ended; nobody saw its exit code".to_owned(),
        Some(code) if code > 128 => format!("ended by signal {}", code - 128),
        Some(code) => format!("ended with exit code {code}"),
    }
}
