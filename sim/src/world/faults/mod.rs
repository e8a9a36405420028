//! The faults of the catalogue, each with its effect on the physics, made and undone as the live node's carriers do it
//! (services/node/src/faults, services/workload/src/faults).
//!
//! Telemetry faults are the host's: here they are taken, and change nothing. Invariants: what a fault made is gone when [`World::revert`] says
//! so; what lives in a process, a leg or a file ends with it; each ends by itself at its time to live, should nobody undo it.

mod beside;
mod inside;
mod legs;

use std::time::Duration;

use arena_faults::{Carrier, FaultName};
use arena_node_core::Effect;
use arena_proto::{FaultId, FaultReason, Timestamp};

use super::places::{NodeIx, ServiceIx};
use super::role::Role;
use super::{Timer, World};

pub(super) use inside::{Inside, Kind};

/// Why a fault is not in effect.
pub(super) type Refusal = (FaultReason, String);

/// A signal, or a change in a leg, and the look whether it did what it should.
const SIGNAL: Duration = Duration::from_millis(1);

impl World {
    /// Makes a fault: how long that takes, and why it is not in effect if it is not.
    pub fn apply(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        effect: &Effect,
    ) -> (Duration, Result<(), Refusal>) {
        self.advance(now);
        let service = self.target(node, effect);
        if let (Some(service), Some(process)) = (service, effect.process)
            && !self.is_of(service, process)
        {
            let gone = "its process is gone".to_owned();
            return (SIGNAL, Err((FaultReason::TargetReplaced, gone)));
        }
        let carrier = effect.name.fault().carrier;
        let (takes, result) = match (effect.name, service) {
            (FaultName::NetworkPartition, None) => {
                (SIGNAL, self.apply_in_legs(now, node, None, effect))
            }
            (FaultName::NoisyNeighbour, None) => self.apply_noisy_neighbour(now, node, effect),
            // The host's, and the core's.
            _ if carrier == Carrier::Agent || effect.name == FaultName::BadConfig => {
                (Duration::ZERO, Ok(()))
            }
            (_, None) => {
                let stranger = "there is no such service".to_owned();
                (SIGNAL, Err((FaultReason::UnknownTarget, stranger)))
            }
            (FaultName::Crash | FaultName::CrashLoop | FaultName::SlowStart, Some(service)) => {
                self.kill(now, service);
                (SIGNAL, Ok(()))
            }
            (FaultName::Hang, Some(service)) => {
                self.freeze(now, service);
                (SIGNAL, Ok(()))
            }
            (FaultName::PortSquat, Some(service)) => {
                self.apply_port_squat(now, node, service, effect)
            }
            (FaultName::DiskFull, Some(service)) => self.apply_disk_full(now, service, effect),
            (_, Some(service)) if carrier == Carrier::Process => {
                self.apply_inside(now, service, effect)
            }
            (_, Some(service)) => (SIGNAL, self.apply_in_legs(now, node, Some(service), effect)),
        };
        if result.is_ok() && matches!(carrier, Carrier::Process | Carrier::Helper) {
            self.timers
                .push(now + effect.ttl, Timer::Ends(node, effect.fault.clone()));
        }
        (takes, result)
    }

    /// Undoes a fault: how long that takes, and what is left of it if something is.
    pub fn revert(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        effect: &Effect,
    ) -> (Duration, Result<(), String>) {
        self.advance(now);
        let service = self.target(node, effect);
        let alive = service.zip(effect.process);
        let alive = alive.filter(|(service, process)| self.is_of(*service, *process));
        match (effect.name, alive) {
            (FaultName::Hang | FaultName::SlowStart, Some((service, _))) => self.cont(now, service),
            (FaultName::BadConfig, Some((_, process))) => {
                let left = format!("pid {} still runs the bad definition", process.pid);
                return (Duration::from_millis(100), Err(left));
            }
            (_, Some((service, _))) if self.cannot_be_asked(service, effect) => {
                let left = "the service's control socket: no answer within 1 s".to_owned();
                return (super::physics::SOCKET_TIMEOUT, Err(left));
            }
            _ => self.undo(now, node, &effect.fault),
        }
        (SIGNAL, Ok(()))
    }

    /// What it makes in itself a stopped process cannot undo either.
    fn cannot_be_asked(&self, service: ServiceIx, effect: &Effect) -> bool {
        let process = self.services[service.at()].process.as_ref();
        process.is_some_and(|process| {
            process.held
                && process
                    .inside
                    .iter()
                    .any(|inside| inside.fault == effect.fault)
        })
    }

    /// What the service says on its control socket that it can make in itself; nothing where it has none, or cannot answer.
    #[must_use]
    pub fn makes_faults(&self, service: ServiceIx) -> Vec<&'static str> {
        let process = self.services[service.at()].process.as_ref();
        let process = process.filter(|process| process.up && !process.held);
        let Some(role) = process
            .map(|process| process.program.role)
            .filter(|role| role.has_control_socket())
        else {
            return Vec::new();
        };
        let port = self.places.services[service.at()].port.is_some();
        let ledger = role == Role::Ledger;
        let makes = [
            (true, FaultName::CpuSpike),
            (true, FaultName::MemoryLeak),
            (true, FaultName::FdLeak),
            (true, FaultName::ThreadLeak),
            (port, FaultName::Deadlock),
            (ledger, FaultName::StorageLatency),
            (ledger, FaultName::StorageError),
            (ledger, FaultName::DiskFull),
            (role == Role::Traffic, FaultName::LoadSurge),
        ];
        let makes = makes.into_iter().filter(|(makes, _)| *makes);
        makes.map(|(_, name)| name.as_str()).collect()
    }

    fn target(&self, node: NodeIx, effect: &Effect) -> Option<ServiceIx> {
        let name = effect.service.as_ref()?;
        let mut services = self.places.nodes[node.at()].services();
        services.find(|service| self.places.services[service.at()].name == *name)
    }

    /// Takes everything away that a fault made on this node.
    pub(super) fn undo(&mut self, now: Timestamp, node: NodeIx, fault: &FaultId) {
        let services: Vec<ServiceIx> = self.places.nodes[node.at()].services().collect();
        for service in services {
            self.undo_inside(now, service, fault);
            let state = &mut self.services[service.at()];
            let in_legs = state.leg.has(fault) || state.outs.iter().any(|out| out.leg.has(fault));
            let squats = state
                .squatter
                .take_if(|squatter| squatter.fault == *fault)
                .is_some();
            let fills = state
                .quota
                .take_if(|(filled_by, _)| filled_by == fault)
                .is_some();
            if in_legs {
                self.lift(now, service, Some(fault));
            }
            if squats || fills {
                self.touch(now, service);
            }
        }
        let burners = &mut self.nodes[node.at()].burners;
        let before = burners.len();
        burners.retain(|burner| burner.fault != *fault);
        if burners.len() < before {
            self.share_cpu(now, node);
        }
    }
}
