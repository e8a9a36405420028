//! Carries out what the core decided about processes, and tells it what came of it. Nothing here decides.
//!
//! Invariant: whatever takes time runs in a task of its own and answers on the inputs' channel; only throttling, which has to
//! keep its order and takes milliseconds, is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arena_config::arena::Definition;
use arena_node_core::{Effect, Input, PortHolder, ProcessRef};
use arena_proto::{CommandId, NodeName, ServiceName};
use arena_supervisor::{Process, Signal, ports, spawn, stop};
use tokio::sync::mpsc;

use crate::actions::evidence::History;
use crate::actions::throttle::Throttles;
use crate::actions::{clean_disk, free_port};
use crate::control_socket::{ControlSocket, SocketError};
use crate::faults::Faults;
use crate::processes::Processes;
use crate::spec::Program;

/// A port may still be held for a moment by what is left of the last process group.
const PORT_WAIT: Duration = Duration::from_secs(1);
/// How often it is tried meanwhile.
const PORT_POLL: Duration = Duration::from_millis(20);

/// Attempts to give a service its CPUs back, and the time between two.
const UNTHROTTLE_ATTEMPTS: u32 = 5;
/// See [`UNTHROTTLE_ATTEMPTS`].
const UNTHROTTLE_RETRY: Duration = Duration::from_millis(100);

/// Does things to processes.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    pub(crate) programs: Arc<BTreeMap<ServiceName, Program>>,
    pub(crate) faults: Faults,
    pub(crate) history: History,
    processes: Processes,
    throttles: Throttles,
    inputs: mpsc::Sender<Input>,
}

impl Effects {
    pub(crate) fn new(
        faults: Faults,
        history: History,
        throttles: Throttles,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            programs: Arc::clone(&faults.programs),
            processes: faults.processes.clone(),
            faults,
            history,
            throttles,
            inputs,
        }
    }

    /// A closed channel means that the agent has ended.
    async fn tell(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }

    /// Tells it from a task of its own: the loop that hears it must not wait for itself.
    fn tell_later(&self, input: Input) {
        let effects = self.clone();
        tokio::spawn(async move { effects.tell(input).await });
    }

    /// Is done when this returns, some milliseconds later, so that throttling and its undoing keep their order.
    pub(crate) async fn throttle(&self, service: ServiceName, process: ProcessRef, percent: u32) {
        let (throttles, name) = (self.throttles.clone(), service.clone());
        let held = tokio::task::spawn_blocking(move || throttles.hold(&name, process)).await;
        let result = held.unwrap_or_else(|error| Err(error.to_string()));
        let result = result.map(|cpu| {
            if percent < 100 {
                format!("held on CPU {cpu}, which it may use up to 100 % (a smaller share takes a cgroup)")
            } else {
                format!("held on CPU {cpu}")
            }
        });
        self.tell_later(Input::Throttled { service, result });
    }

    /// As [`Effects::throttle`]. What cannot be undone is tried again by the next agent.
    pub(crate) async fn unthrottle(&self, service: ServiceName) {
        for _ in 0..UNTHROTTLE_ATTEMPTS {
            let (throttles, name) = (self.throttles.clone(), service.clone());
            let undone = tokio::task::spawn_blocking(move || throttles.undo(&name)).await;
            match undone.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(()) => return,
                Err(why) => tracing::warn!(%service, "still throttled: {why}"),
            }
            tokio::time::sleep(UNTHROTTLE_RETRY).await;
        }
    }

    /// `leaders` lead the process groups of this node's services.
    pub(crate) fn free_port(
        &self,
        node: NodeName,
        service: &ServiceName,
        command: CommandId,
        leaders: BTreeSet<u32>,
    ) {
        let port = self.programs.get(service).and_then(|program| program.port);
        let effects = self.clone();
        tokio::spawn(async move {
            let result = match port {
                Some(port) => free_port::free(port, &node, &leaders).await,
                None => Err("it has no port".to_owned()),
            };
            effects.tell(Input::PortFreed { command, result }).await;
        });
    }

    pub(crate) fn clean_disk(&self, service: &ServiceName, command: CommandId) {
        let program = self.programs.get(service).cloned();
        let effects = self.clone();
        tokio::spawn(async move {
            let cleaned = tokio::task::spawn_blocking(move || {
                let program = program.ok_or("there is no such service")?;
                let folder = program.spawn.working_dir.ok_or("it has no folder")?;
                clean_disk::clean(&folder, &program.clean)
            });
            let result = cleaned.await.unwrap_or_else(|error| Err(error.to_string()));
            effects.tell(Input::DiskCleaned { command, result }).await;
        });
    }

    pub(crate) fn spawn(&self, service: ServiceName, generation: u32, definition: &Definition) {
        let program = self
            .programs
            .get(&service)
            .map(|program| program.defined(definition));
        let effects = self.clone();
        tokio::spawn(async move {
            match start(program).await {
                Ok(process) => effects.watch(service, generation, process, true).await,
                Err(NoStart { message, holder }) => {
                    tracing::warn!(%service, "{message}");
                    effects
                        .tell(Input::SpawnFailed {
                            service,
                            generation,
                            message,
                            holder,
                        })
                        .await;
                }
            }
        });
    }

    /// Tells of the start, if it was one, and then of the end.
    async fn watch(&self, service: ServiceName, generation: u32, process: Process, new: bool) {
        let reference = self.processes.insert(&process);
        if new {
            tracing::info!(%service, pid = process.pid, generation, "started");
            let service = service.clone();
            self.tell(Input::Spawned {
                service,
                generation,
                process: reference,
            })
            .await;
        }
        let code = process.exited().await.code;
        self.processes.stopped(reference).await;
        tracing::info!(%service, pid = process.pid, ?code, "ended");
        self.tell(Input::Exited {
            service,
            generation,
            code,
        })
        .await;
    }

    pub(crate) fn adopt(&self, service: ServiceName, generation: u32, process: ProcessRef) {
        let effects = self.clone();
        tokio::spawn(async move {
            let Some(process) = effects.processes.get(process) else {
                // It ended since it was found.
                return effects
                    .tell(Input::Exited {
                        service,
                        generation,
                        code: None,
                    })
                    .await;
            };
            tracing::info!(%service, pid = process.pid, "taken over");
            effects.watch(service, generation, process, false).await;
        });
    }

    pub(crate) fn stop(&self, reference: ProcessRef, grace: Duration) {
        let Some(process) = self.processes.get(reference) else {
            return;
        };
        let stopping = self.processes.begin_stop(reference);
        tokio::spawn(async move {
            if grace.is_zero() {
                process.signal_group(Signal::KILL);
            }
            // Also waits for the members that the leader left behind.
            stop(&process, grace).await;
            drop(stopping);
        });
    }

    /// Stops a process group, or lets it go on. One that is gone by now needs neither.
    pub(crate) fn hold(&self, reference: ProcessRef, signal: Signal) {
        if let Some(process) = self.processes.get(reference) {
            process.signal_group(signal);
        }
    }

    /// Kills what is left of a group whose leader is gone.
    pub(crate) fn sweep(&self, reference: ProcessRef) {
        if let Some(process) = self.processes.get(reference) {
            process.signal_group(Signal::KILL);
        }
        self.processes.remove(reference);
    }

    pub(crate) fn recover(&self, service: &ServiceName, command: CommandId) {
        let Some(program) = self.programs.get(service) else {
            return;
        };
        let socket = ControlSocket::new(&program.control_socket);
        let proxied = self.faults.sidecar.inbound(service).is_some();
        let effects = self.clone();
        tokio::spawn(async move {
            let result = match socket.recover().await {
                Ok(()) => Ok("recovered".to_owned()),
                // Half of recovering is the agent's own, and it is done.
                Err(SocketError::Absent) if proxied => Ok(
                    "the sidecar's connections were closed; the service has no recovery of its own"
                        .to_owned(),
                ),
                Err(error) => Err(error.to_string()),
            };
            effects.tell(Input::Recovered { command, result }).await;
        });
    }

    pub(crate) fn apply(&self, effect: Effect) {
        let effects = self.clone();
        tokio::spawn(async move {
            let result = effects.faults.apply(&effect).await;
            effects
                .tell(Input::Applied {
                    fault: effect.fault,
                    result,
                })
                .await;
        });
    }

    pub(crate) fn revert(&self, effect: Effect) {
        let effects = self.clone();
        tokio::spawn(async move {
            let result = effects.faults.revert(&effect).await;
            if let Err(message) = &result {
                tracing::warn!(fault = %effect.fault, "not reverted yet: {message}");
            }
            effects
                .tell(Input::Reverted {
                    fault: effect.fault,
                    result,
                })
                .await;
        });
    }
}

/// Whom a look at a port found, when it may be told who that is.
pub(crate) fn known(holder: ports::Holder) -> Option<PortHolder> {
    holder.pid.map(|pid| PortHolder {
        pid,
        command_line: holder.command_line,
    })
}

/// Why there is no process.
struct NoStart {
    message: String,
    holder: Option<PortHolder>,
}

impl From<String> for NoStart {
    fn from(message: String) -> Self {
        Self {
            message,
            holder: None,
        }
    }
}

async fn start(program: Option<Program>) -> Result<Process, NoStart> {
    let program = program.ok_or("there is no such service".to_owned())?;
    if let Some(port) = program.port {
        wait_for_port(port).await?;
    }
    // One that its last process left behind would make a service look present that is not yet.
    let _ = std::fs::remove_file(&program.control_socket);
    let process = spawn(&program.spawn);
    process.map_err(|error| format!("{:#}", anyhow::Error::new(error)).into())
}

async fn wait_for_port(port: u16) -> Result<(), NoStart> {
    let free = async {
        while !ports::is_free(port) {
            tokio::time::sleep(PORT_POLL).await;
        }
    };
    if tokio::time::timeout(PORT_WAIT, free).await.is_ok() {
        return Ok(());
    }
    match ports::taken_by(port) {
        None => Ok(()),
        Some(holder) => Err(NoStart {
            message: format!("port {port} is held by {holder}"),
            holder: known(holder),
        }),
    }
}
