//! What an agent does to its services besides starting and stopping them, and what a probe hears.
//!
//! Invariant: an action that takes time says how long, and its effect is there at once: whoever calls tells of its end when that time has
//! passed.

use std::time::Duration;

use arena_config::arena::Probe;
use arena_proto::Timestamp;

use super::physics::SOCKET_TIMEOUT;
use super::places::ServiceIx;
use super::{Happening, World};

/// What an action came to, and how long it takes.
pub type Done = (Duration, Result<String, String>);

/// A question on loopback, and its answer.
const ASK: Duration = Duration::from_millis(1);
/// What a service does to reset itself. Measured: 14 to 57 ms with the command's way.
const RECOVER: Duration = Duration::from_millis(15);
/// Looking at every process of the machine for whoever holds a port, SIGTERM, and looking again. Measured: 122 ms with the command's way
/// and the start that follows.
const FREE_PORT: Duration = Duration::from_millis(60);
/// Listing a folder, and deleting what is in it. Measured: 55 ms with the command's way.
const CLEAN: Duration = Duration::from_millis(35);
/// Binding some threads to a CPU. Measured: 35 to 50 ms with the command's way.
const THROTTLE: Duration = Duration::from_millis(20);
/// Of `disk-full`: how often the agent looks for the disposable file.
const FILL_LOOK: Duration = Duration::from_millis(200);

impl World {
    /// Asks a service whether it works, as its definition says: how long that takes, and what is heard.
    pub fn probe(&mut self, now: Timestamp, service: ServiceIx) -> (Duration, Result<(), String>) {
        self.advance(now);
        let place = &self.places.services[service.at()];
        let limit = place.probe_timeout;
        let silent = || {
            (
                limit,
                Err(format!("probe: no answer within {} ms", limit.as_millis())),
            )
        };
        let Some(process) = self.services[service.at()].process.as_ref() else {
            return (
                ASK,
                Err("probe: Connection refused (os error 111)".to_owned()),
            );
        };
        match place.probe {
            _ if !process.up => (
                ASK,
                Err("probe: Connection refused (os error 111)".to_owned()),
            ),
            Some(Probe::Http { .. }) if !process.answers() => silent(),
            // Of the others: the kernel accepts for a process that is stopped, and what a command asks is not known here.
            None | Some(_) => (ASK, Ok(())),
        }
    }

    /// Asks a service to reset itself: it cancels what it has under way, drops its connections, opens its files anew. What a fault made in
    /// its process stays.
    pub fn recover(&mut self, now: Timestamp, service: ServiceIx) -> Done {
        self.advance(now);
        if let Some(failure) = self.fails(service) {
            return failure;
        }
        let place = &self.places.services[service.at()];
        let Some(process) = self.services[service.at()]
            .process
            .as_ref()
            .filter(|process| process.up)
        else {
            return (
                ASK,
                Err("the service does not do this on a control socket".to_owned()),
            );
        };
        if !process.program.role.has_control_socket() {
            return if place.proxied {
                let told =
                    "the sidecar's connections were closed; the service has no recovery of its own";
                (ASK, Ok(told.to_owned()))
            } else {
                (
                    ASK,
                    Err("the service does not do this on a control socket".to_owned()),
                )
            };
        }
        if process.held {
            let told = "the service's control socket: no answer within 1 s";
            return (SOCKET_TIMEOUT, Err(told.to_owned()));
        }
        self.cancel_work(now, service);
        (RECOVER, Ok("recovered".to_owned()))
    }

    /// Sets the legs of a service up anew: connections are closed, and what lives in the legs is gone.
    pub fn reset_leg(&mut self, now: Timestamp, service: ServiceIx) {
        self.advance(now);
        self.reset_conditions(now, service);
    }

    /// Gives a service one CPU; a smaller share is not held, as it is not by the live agent.
    pub fn throttle(&mut self, now: Timestamp, service: ServiceIx, percent: u32) -> Done {
        self.advance(now);
        if let Some(failure) = self.fails(service) {
            return failure;
        }
        if self.physics.cores < 2.0 {
            return (THROTTLE, Err("the group may use one CPU only".to_owned()));
        }
        if self.services[service.at()].process.is_none() {
            return (THROTTLE, Err("its process is gone".to_owned()));
        }
        self.services[service.at()].usage.throttled = true;
        self.share_cpu(now, self.places.services[service.at()].node);
        let told = if percent < 100 {
            "held on CPU 3, which it may use up to 100 % (a smaller share takes a cgroup)"
        } else {
            "held on CPU 3"
        };
        (THROTTLE, Ok(told.to_owned()))
    }

    /// Gives a service all CPUs again.
    pub fn unthrottle(&mut self, now: Timestamp, service: ServiceIx) {
        self.advance(now);
        if std::mem::take(&mut self.services[service.at()].usage.throttled) {
            self.share_cpu(now, self.places.services[service.at()].node);
        }
    }

    /// Ends whoever else holds the service's port.
    pub fn free_port(&mut self, now: Timestamp, service: ServiceIx) -> Done {
        self.advance(now);
        if let Some(failure) = self.fails(service) {
            return failure;
        }
        let place = &self.places.services[service.at()];
        let Some(port) = place.port else {
            return (ASK, Err("it has no port".to_owned()));
        };
        let node = place.node;
        let Some(squatter) = self.services[service.at()].squatter.take() else {
            return (FREE_PORT / 2, Ok(format!("port {port} was free already")));
        };
        self.happenings.push(Happening::FaultGone {
            node,
            fault: squatter.fault,
            message: "somebody ended its process".to_owned(),
        });
        let (pid, line) = (squatter.holder.pid, squatter.holder.command_line);
        (
            FREE_PORT,
            Ok(format!("port {port} is free: ended pid {pid} ({line})")),
        )
    }

    /// Deletes what the service's definition names as disposable.
    pub fn clean_disk(&mut self, now: Timestamp, service: ServiceIx) -> Done {
        self.advance(now);
        if let Some(failure) = self.fails(service) {
            return failure;
        }
        let place = &self.places.services[service.at()];
        let patterns = place.clean.join(", ");
        let matches = place.clean.iter().any(|pattern| {
            let name = pattern.strip_prefix("scratch/");
            name.is_some_and(|name| matches!(name, "*" | "*.fill"))
        });
        let full = self.services[service.at()].quota.take_if(|_| matches);
        let Some((fault, mebibytes)) = full else {
            return (
                CLEAN,
                Err(format!("no file of work/{} matches {patterns}", place.name)),
            );
        };
        let node = place.node;
        self.touch(now, service);
        self.timers
            .push(now + FILL_LOOK, super::Timer::FillGone(node, fault));
        let bytes = mebibytes * 1024 * 1024;
        (CLEAN, Ok(format!("deleted 1 files, {bytes} bytes")))
    }

    /// By chance an action does not succeed, as nothing does always.
    fn fails(&mut self, service: ServiceIx) -> Option<Done> {
        let fails = self.services[service.at()]
            .actions
            .percent(self.physics.action_failure_percent);
        let told = "the machine did not do it in time";
        fails.then(|| (SOCKET_TIMEOUT, Err(told.to_owned())))
    }
}
