//! A node on plain data: time is a number of milliseconds, and the shell is a few lines that answer the outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_config::arena::{Definition, HealthSpec, Probe};
use arena_node_core::{
    Boot, Heard, Input, JournalEntry, Node, NodeConfig, Output, ProcessRef, ServiceConfig,
};
use arena_proto::{
    ActionKind, Command, FaultOperation, FaultRequest, Preconditions, ServiceClass, ServiceName,
    ServiceStatus, Timestamp,
};

/// How often the remediator renews its lease.
const RENEWED_MS: i64 = 1_000;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis)
}

pub(crate) fn name(text: &str) -> ServiceName {
    text.parse().expect("a name")
}

/// Three failed probes make it FAILING.
pub(crate) fn definition(probed: bool) -> Definition {
    let health = HealthSpec {
        probe: Probe::Tcp,
        interval: Duration::from_millis(200),
        timeout: Duration::from_millis(200),
        failures: 3,
    };
    Definition {
        command: vec!["serve".to_owned()],
        health: probed.then_some(health),
        ..Definition::default()
    }
}

/// `web` is probed and proxied, `quiet` neither.
pub(crate) fn config() -> NodeConfig {
    let service = |text: &str, probed: bool| ServiceConfig {
        name: name(text),
        definition: definition(probed),
        class: ServiceClass::Service,
        standby: false,
        can_clean_disk: false,
        stop_grace: Duration::from_secs(2),
        port: probed.then_some(8000),
        proxy_port: probed.then_some(9000),
        depends_on: Vec::new(),
    };
    NodeConfig {
        node: "node-1".parse().expect("a name"),
        chaos: true,
        services: vec![service("web", true), service("quiet", false)],
    }
}

pub(crate) fn process(pid: u32) -> ProcessRef {
    ProcessRef {
        pid,
        start_time: u64::from(pid) * 10,
    }
}

/// A node, its clock, and everything that it ever put out.
pub(crate) struct World {
    pub(crate) node: Node,
    pub(crate) now: i64,
    pub(crate) outputs: Vec<Output>,
    /// A remediator is there, and heard each second.
    pub(crate) remediator: bool,
}

impl World {
    pub(crate) fn new(config: NodeConfig) -> Self {
        Self {
            node: Node::new(config),
            now: 0,
            outputs: Vec::new(),
            remediator: false,
        }
    }

    /// Booted with nothing left over, connected, both services up: `web` has pid 101, `quiet` 102.
    pub(crate) fn up() -> Self {
        let mut world = Self::new(config());
        world.give(Input::Boot(Boot::default()));
        world.give(Input::Connected(true));
        world.remediator = true;
        world.spawned("web", 1, 101);
        world.spawned("quiet", 1, 102);
        world.probed("web", 1, true);
        world.wait(1_000);
        world.outputs.clear();
        world
    }

    pub(crate) fn give(&mut self, input: Input) -> Vec<Output> {
        let outputs = self.node.step(at(self.now), input);
        self.outputs.extend(outputs.clone());
        outputs
    }

    /// Time passes, with a tick whenever one is due.
    pub(crate) fn wait(&mut self, millis: i64) -> Vec<Output> {
        let until = self.now + millis;
        let mut outputs = Vec::new();
        while self.remediator {
            outputs.extend(self.give(Input::Remediator(Heard { fence: 1 })));
            if self.now + RENEWED_MS >= until {
                break;
            }
            let next = self.now + RENEWED_MS;
            outputs.extend(self.wait_alone(next));
        }
        outputs.extend(self.wait_alone(until));
        outputs
    }

    fn wait_alone(&mut self, until: i64) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(due) = self.node.next_wakeup().filter(|due| *due <= at(until)) {
            self.now = self.now.max(due.unix_millis());
            outputs.extend(self.give(Input::Tick));
            assert!(
                self.node
                    .next_wakeup()
                    .is_none_or(|next| next > at(self.now)),
                "a tick at {} leaves something due",
                self.now
            );
        }
        self.now = until;
        outputs
    }

    pub(crate) fn spawned(&mut self, service: &str, generation: u32, pid: u32) -> Vec<Output> {
        let process = process(pid);
        self.give(Input::Spawned {
            service: name(service),
            generation,
            process,
        })
    }

    pub(crate) fn exited(&mut self, service: &str, generation: u32, code: i32) -> Vec<Output> {
        self.give(Input::Exited {
            service: name(service),
            generation,
            code: Some(code),
        })
    }

    pub(crate) fn probed(&mut self, service: &str, generation: u32, passes: bool) -> Vec<Output> {
        let result = if passes {
            Ok(())
        } else {
            Err("no answer".to_owned())
        };
        self.give(Input::Probed {
            service: name(service),
            generation,
            result,
        })
    }

    pub(crate) fn command(&mut self, id: &str, action: ActionKind, service: &str) -> Vec<Output> {
        let command = self.a_command(id, action, service);
        self.give(Input::Command(command))
    }

    pub(crate) fn a_command(&self, id: &str, action: ActionKind, service: &str) -> Command {
        Command {
            fence: None,
            params: std::collections::BTreeMap::new(),
            id: id.parse().expect("an id"),
            action,
            node: "node-1".parse().expect("a name"),
            service: (!action.is_for_nodes()).then(|| name(service)),
            expires_at: at(self.now + 30_000),
            deadline: Duration::from_secs(10),
            preconditions: Preconditions::default(),
            incident_id: None,
            issuer: "test".to_owned(),
            reason: String::new(),
            at: at(self.now),
        }
    }

    pub(crate) fn apply(&mut self, id: &str, fault: &str, ttl_ms: u64) -> Vec<Output> {
        self.apply_with(id, fault, ttl_ms, None, &[])
    }

    pub(crate) fn apply_with(
        &mut self,
        id: &str,
        fault: &str,
        ttl_ms: u64,
        lease_ms: Option<u64>,
        params: &[(&str, &str)],
    ) -> Vec<Output> {
        self.apply_in("web", id, fault, ttl_ms, lease_ms, params)
    }

    pub(crate) fn apply_to(
        &mut self,
        service: &str,
        id: &str,
        fault: &str,
        ttl_ms: u64,
        params: &[(&str, &str)],
    ) -> Vec<Output> {
        self.apply_in(service, id, fault, ttl_ms, None, params)
    }

    fn apply_in(
        &mut self,
        service: &str,
        id: &str,
        fault: &str,
        ttl_ms: u64,
        lease_ms: Option<u64>,
        params: &[(&str, &str)],
    ) -> Vec<Output> {
        let params = params
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let known = arena_faults::Fault::named(fault);
        let whole = known.is_ok_and(|known| known.scope == arena_faults::Scope::Node);
        let operation = FaultOperation::Apply {
            fault: fault.to_owned(),
            service: (!whole).then(|| name(service)),
            ttl: Duration::from_millis(ttl_ms),
            lease: lease_ms.map(Duration::from_millis),
            params: params.collect(),
        };
        self.fault(id, operation)
    }

    pub(crate) fn fault(&mut self, id: &str, operation: FaultOperation) -> Vec<Output> {
        let request = FaultRequest {
            id: id.parse().expect("an id"),
            node: "node-1".parse().expect("a name"),
            at: at(self.now),
            operation,
        };
        self.give(Input::Fault(request))
    }

    /// A fault that is in effect.
    pub(crate) fn active(&mut self, id: &str, fault: &str, ttl_ms: u64) {
        self.apply(id, fault, ttl_ms);
        self.journaled(id);
        self.applied(id);
    }

    /// A fault that is in effect.
    pub(crate) fn active_with(&mut self, id: &str, fault: &str, params: &[(&str, &str)]) {
        self.apply_with(id, fault, 60_000, None, params);
        self.journaled(id);
        self.applied(id);
    }

    pub(crate) fn journaled(&mut self, id: &str) -> Vec<Output> {
        self.give(Input::Journaled {
            fault: id.parse().expect("an id"),
            result: Ok(()),
        })
    }

    pub(crate) fn applied(&mut self, id: &str) -> Vec<Output> {
        self.give(Input::Applied {
            fault: id.parse().expect("an id"),
            result: Ok(()),
        })
    }

    pub(crate) fn reverted(&mut self, id: &str, result: Result<(), String>) -> Vec<Output> {
        self.give(Input::Reverted {
            fault: id.parse().expect("an id"),
            result,
        })
    }

    pub(crate) fn service(&self, service: &str) -> ServiceStatus {
        let status = self.node.status(at(self.now), 1, 1);
        let mut services = status.services.into_iter();
        services
            .find(|status| status.name.as_str() == service)
            .expect("a service")
    }
}

pub(crate) fn entry(id: &str, fault: &str, pid: u32) -> JournalEntry {
    let known = arena_faults::Fault::named(fault).expect("a fault");
    let params = known.fill(&BTreeMap::new()).expect("defaults").to_text();
    JournalEntry {
        id: id.parse().expect("an id"),
        fault: fault.to_owned(),
        params,
        service: Some(name("web")),
        process: Some(process(pid)),
        expires_at_unix_nanos: 5_000_000_000,
    }
}

/// One line an output, without what is the same in all of them.
pub(crate) fn show(outputs: &[Output]) -> String {
    let lines = outputs
        .iter()
        .filter(|output| !matches!(output, Output::Changed | Output::Save))
        .map(|output| show_action(output).unwrap_or_else(|| show_report(output)));
    lines
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// What is done to a service.
fn show_action(output: &Output) -> Option<String> {
    Some(match output {
        Output::Spawn {
            service,
            generation,
            ..
        } => format!("spawn {service} #{generation}"),
        Output::Adopt {
            service,
            generation,
            process,
        } => format!("adopt {service} #{generation} pid {}", process.pid),
        Output::Stop {
            service,
            process,
            grace,
        } => {
            let grace = grace.as_millis();
            format!("stop {service} pid {} grace {grace} ms", process.pid)
        }
        Output::Hold { process } => format!("hold pid {}", process.pid),
        Output::Release { process } => format!("release pid {}", process.pid),
        Output::Sweep { process } => format!("sweep pid {}", process.pid),
        Output::Probe {
            service,
            generation,
            pace,
            ..
        } => format!("probe {service} #{generation} {pace:?}"),
        Output::StopProbing { service } => format!("stop probing {service}"),
        Output::Recover { service, .. } => format!("recover {service}"),
        Output::ResetLeg { service } => format!("reset leg {service}"),
        Output::Throttle {
            service, percent, ..
        } => format!("throttle {service} {percent} %"),
        Output::Unthrottle { service } => format!("unthrottle {service}"),
        Output::FreePort { service, .. } => format!("free port of {service}"),
        Output::CleanDisk { service, .. } => format!("clean disk of {service}"),
        _ => return None,
    })
}

/// What is told and written.
fn show_report(output: &Output) -> String {
    match output {
        Output::Capture { command, .. } => format!("capture for {command}"),
        Output::Outcome(outcome) => {
            let reason = outcome
                .reason
                .map_or(String::new(), |reason| format!(" {reason}"));
            format!(
                "outcome {} {}{reason} {}",
                outcome.command_id, outcome.state, outcome.message
            )
        }
        Output::FaultStatus(status) => {
            let reason = status
                .reason
                .map_or(String::new(), |reason| format!(" {reason}"));
            format!(
                "fault {} {}{reason} {}",
                status.id, status.state, status.message
            )
        }
        Output::WriteJournal(entry) => format!("journal {}", entry.id),
        Output::EraseJournal(fault) => format!("erase {fault}"),
        Output::Apply(effect) => format!("apply {} {}", effect.fault, effect.name),
        Output::Revert(effect) => format!("revert {} {}", effect.fault, effect.name),
        Output::Finished => "finished".to_owned(),
        other => format!("{other:?}"),
    }
}
