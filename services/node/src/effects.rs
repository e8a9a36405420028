//! Carries out what the core decided about processes, and tells it what came of it. Nothing here decides.
//!
//! Invariant: nothing here waits; whatever takes time runs in a task of its own and answers on the inputs' channel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_config::arena::Definition;
use arena_node_core::{Effect, Input, PortHolder, ProcessRef};
use arena_proto::{CommandId, ServiceName};
use arena_supervisor::{Process, Signal, ports, spawn, stop};
use tokio::sync::mpsc;

use crate::control_socket::{ControlSocket, SocketError};
use crate::faults::Faults;
use crate::processes::Processes;
use crate::spec::Program;

/// A port may still be held for a moment by what is left of the last process group.
const PORT_WAIT: Duration = Duration::from_secs(1);
/// How often it is tried meanwhile.
const PORT_POLL: Duration = Duration::from_millis(20);

/// What is answered to what this agent does not do yet.
pub(crate) const UNSUPPORTED: &str = "not supported by this agent";

/// Does things to processes.
#[derive(Debug, Clone)]
pub(crate) struct Effects {
    pub(crate) programs: Arc<BTreeMap<ServiceName, Program>>,
    pub(crate) faults: Faults,
    processes: Processes,
    inputs: mpsc::Sender<Input>,
}

impl Effects {
    pub(crate) fn new(faults: Faults, inputs: mpsc::Sender<Input>) -> Self {
        Self {
            programs: Arc::clone(&faults.programs),
            processes: faults.processes.clone(),
            faults,
            inputs,
        }
    }

    /// A closed channel means that the agent has ended.
    async fn tell(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }

    /// Answers what this agent does not do yet.
    pub(crate) fn refuse(&self, answer: Input) {
        let effects = self.clone();
        tokio::spawn(async move { effects.tell(answer).await });
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
            holder: holder.pid.map(|pid| PortHolder {
                pid,
                command_line: holder.command_line,
            }),
        }),
    }
}
