//! Makes faults and undoes them: how, not whether; that is the core's. Each revert ends with a read-back.
//!
//! Invariant: nothing here touches a process that is not, by pid and start time, the one that the effect names.

mod consume;
mod definition;
mod dependency_down;
mod disk_full;
mod error_burst;
mod gray;
mod helpers;
mod in_service;
mod legs;
mod network_bandwidth;
mod network_delay;
mod network_loss;
mod network_partition;
mod noisy_neighbour;
mod port_squat;
mod process;
mod retry_storm;
pub(crate) mod telemetry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_chassis::Clock;
use arena_faults::{Carrier, FaultName};
use arena_node_core::{Effect, Input, ProcessRef};
use arena_proto::{FaultReason, NodeName, ServiceName};
use arena_supervisor::identity_of;
use tokio::sync::mpsc;

use crate::control_socket::ControlSocket;
use crate::processes::Processes;
use crate::sampling::ExtraMembers;
use crate::sidecar::Sidecar;
use crate::spec::Program;
use crate::store::Folders;
use telemetry::TelemetryFaults;

/// Why a fault is not in effect.
type Refusal = (FaultReason, String);

/// What faults are made with.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    pub(crate) node: NodeName,
    pub(crate) clock: Clock,
    pub(crate) programs: Arc<BTreeMap<ServiceName, Program>>,
    pub(crate) sidecar: Arc<Sidecar>,
    pub(crate) members: ExtraMembers,
    pub(crate) processes: Processes,
    pub(crate) folders: Folders,
    /// For what ends a fault by itself.
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) telemetry: TelemetryFaults,
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
            FaultName::CpuSpike
            | FaultName::MemoryLeak
            | FaultName::FdLeak
            | FaultName::ThreadLeak => consume::apply(self, effect).await,
            FaultName::NoisyNeighbour => noisy_neighbour::apply(self, effect),
            FaultName::PortSquat => port_squat::apply(self, effect).await,
            FaultName::NetworkDelay => network_delay::apply(self, effect),
            FaultName::NetworkLoss => network_loss::apply(self, effect),
            FaultName::NetworkBandwidth => network_bandwidth::apply(self, effect),
            FaultName::NetworkPartition => network_partition::apply(self, effect),
            FaultName::DependencyDown => dependency_down::apply(self, effect),
            FaultName::ErrorBurst => error_burst::apply(self, effect),
            FaultName::Gray => gray::apply(self, effect),
            FaultName::RetryStorm => retry_storm::apply(self, effect),
            FaultName::StorageLatency
            | FaultName::StorageError
            | FaultName::Deadlock
            | FaultName::LoadSurge => in_service::apply(self, effect).await,
            FaultName::Crash | FaultName::CrashLoop | FaultName::SlowStart => {
                process::crash(self, effect)
            }
            FaultName::DiskFull => disk_full::apply(self, effect).await,
            // The core's doing.
            FaultName::BadConfig => Ok(()),
            FaultName::Hang => process::hang(self, effect),
            name if name.fault().carrier == Carrier::Agent => self.telemetry.apply(effect),
            name => Err((
                FaultReason::Unsupported,
                format!("this agent does not make {name} yet"),
            )),
        }
    }

    /// Undoes a fault and reads back that it is gone; `Err` says what is left.
    pub(crate) async fn revert(&self, effect: &Effect) -> Result<(), String> {
        match effect.name {
            FaultName::CpuSpike
            | FaultName::MemoryLeak
            | FaultName::FdLeak
            | FaultName::ThreadLeak => consume::revert(self, effect).await,
            FaultName::NoisyNeighbour => noisy_neighbour::revert(self, effect).await,
            FaultName::PortSquat => port_squat::revert(self, effect).await,
            FaultName::NetworkDelay
            | FaultName::NetworkLoss
            | FaultName::NetworkBandwidth
            | FaultName::NetworkPartition
            | FaultName::DependencyDown
            | FaultName::ErrorBurst
            | FaultName::Gray
            | FaultName::RetryStorm => legs::revert(self, effect),
            FaultName::StorageLatency
            | FaultName::StorageError
            | FaultName::Deadlock
            | FaultName::LoadSurge => in_service::revert(self, effect).await,
            FaultName::Hang | FaultName::SlowStart => process::resume(self, effect).await,
            FaultName::DiskFull => disk_full::revert(self, effect).await,
            FaultName::BadConfig => definition::revert(effect).await,
            name if name.fault().carrier == Carrier::Agent => self.telemetry.revert(effect),
            _ => Ok(()),
        }
    }

    fn socket(&self, effect: &Effect) -> Option<ControlSocket> {
        let program = self.programs.get(effect.service.as_ref()?)?;
        Some(ControlSocket::new(&program.control_socket))
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
