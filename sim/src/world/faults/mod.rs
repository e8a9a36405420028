//! The faults of the catalogue, each with its effect on the physics, made and undone as the live node's carriers do it
//! (services/node/src/faults, services/workload/src/faults).
//!
//! Telemetry faults are the host's: here they are taken, and change nothing. Invariants: what a fault made is gone when [`World::revert`] says
//! so; what lives in a process, a leg or a file ends with it.

use std::time::Duration;

use arena_faults::{Carrier, FaultName};
use arena_node_core::Effect;
use arena_proto::{FaultId, FaultReason, Timestamp};

use super::World;
use super::places::{NodeIx, ServiceIx};
use super::role::Role;

/// Why a fault is not in effect.
pub(super) type Refusal = (FaultReason, String);

/// What a process makes in itself.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    pub(super) fault: FaultId,
    pub(super) since: Timestamp,
    pub(super) kind: Kind,
}

/// See [`Inside`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Busy threads.
    Burn(f64),
    Deadlock,
}

impl Inside {
    pub(super) const fn is_deadlock(&self) -> bool {
        matches!(self.kind, Kind::Deadlock)
    }

    /// Busy threads.
    pub(super) const fn threads(&self) -> f64 {
        match self.kind {
            Kind::Burn(threads) => threads,
            Kind::Deadlock => 0.0,
        }
    }
}

/// A signal, and the look whether it did what it should.
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
        match (effect.name, service) {
            (FaultName::Crash | FaultName::CrashLoop | FaultName::SlowStart, Some(service)) => {
                self.kill(now, service);
                (SIGNAL, Ok(()))
            }
            (FaultName::Hang, Some(service)) => {
                self.freeze(now, service);
                (SIGNAL, Ok(()))
            }
            _ if effect.name.fault().carrier == Carrier::Agent => (Duration::ZERO, Ok(())),
            _ => (
                SIGNAL,
                Err((FaultReason::Unsupported, "not yet".to_owned())),
            ),
        }
    }

    /// Undoes a fault: how long that takes, and what is left of it if something is.
    pub fn revert(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        effect: &Effect,
    ) -> (Duration, Result<(), String>) {
        self.advance(now);
        match (effect.name, self.target(node, effect), effect.process) {
            (FaultName::Hang | FaultName::SlowStart, Some(service), Some(process))
                if self.is_of(service, process) =>
            {
                self.cont(now, service);
            }
            _ => {}
        }
        (SIGNAL, Ok(()))
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

    /// Its time to live has passed: what ends by itself ends.
    pub(super) fn ends(&mut self, _now: Timestamp, _node: NodeIx, _fault: &FaultId) {}
}
