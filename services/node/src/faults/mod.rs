//! Makes faults and undoes them: how, not whether; that is the core's. Each revert ends with a read-back.
//!
//! Invariant: nothing here touches a process that is not, by pid and start time, the one that the effect names.

mod cpu_spike;
mod network_delay;
mod process;
mod storage_latency;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_faults::FaultName;
use arena_node_core::{Effect, ProcessRef};
use arena_proto::{FaultReason, ServiceName};
use arena_supervisor::identity_of;

use crate::control_socket::{ControlSocket, SocketError};
use crate::processes::Processes;
use crate::sampling::ExtraMembers;
use crate::sidecar::Sidecar;
use crate::spec::Program;

/// Why a fault is not in effect.
type Refusal = (FaultReason, String);

/// What faults are made with.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    pub(crate) programs: Arc<BTreeMap<ServiceName, Program>>,
    pub(crate) sidecar: Arc<Sidecar>,
    pub(crate) members: ExtraMembers,
    pub(crate) processes: Processes,
}

impl Faults {
    /// Makes a fault.
    pub(crate) async fn apply(&self, effect: &Effect) -> Result<(), Refusal> {
        if effect.process.is_some_and(|process| !is_alive(process)) {
            return Err((
                FaultReason::TargetReplaced,
                "its process is gone".to_owned(),
            ));
        }
        match effect.name {
            FaultName::CpuSpike => cpu_spike::apply(self, effect).await,
            FaultName::NetworkDelay => network_delay::apply(self, effect),
            FaultName::StorageLatency => storage_latency::apply(self, effect).await,
            FaultName::Crash => process::crash(self, effect),
            FaultName::Hang => process::hang(self, effect),
            name => Err((
                FaultReason::Unsupported,
                format!("this agent does not make {name} yet"),
            )),
        }
    }

    /// Undoes a fault and reads back that it is gone; `Err` says what is left.
    pub(crate) async fn revert(&self, effect: &Effect) -> Result<(), String> {
        match effect.name {
            FaultName::CpuSpike => cpu_spike::revert(self, effect).await,
            FaultName::NetworkDelay => network_delay::revert(self, effect),
            FaultName::StorageLatency => storage_latency::revert(self, effect).await,
            FaultName::Hang => process::resume(self, effect).await,
            _ => Ok(()),
        }
    }

    fn socket(&self, effect: &Effect) -> Option<ControlSocket> {
        let program = self.programs.get(effect.service.as_ref()?)?;
        Some(ControlSocket::new(&program.control_socket))
    }

    /// Undoes what a service does to itself. A process that is gone took it along.
    async fn revert_in_service(&self, effect: &Effect) -> Result<(), String> {
        let Some(socket) = self
            .socket(effect)
            .filter(|_| effect.process.is_some_and(is_alive))
        else {
            return Ok(());
        };
        match socket.revert(&effect.fault).await {
            // Nobody listens: nothing was made through this socket, or its process is just ending.
            Ok(()) | Err(SocketError::Absent) => Ok(()),
            Err(_) if !effect.process.is_some_and(is_alive) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn is_alive(process: ProcessRef) -> bool {
    identity_of(process.pid).is_some_and(|identity| identity.start_time == process.start_time)
}

/// Waits a moment for what a signal causes: the kernel needs microseconds, a busy machine a few milliseconds. When that is
/// not enough the core asks again.
async fn settled(is_so: impl Fn() -> bool) -> bool {
    for _ in 0..20 {
        if is_so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    is_so()
}
