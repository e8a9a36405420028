//! What a service makes in itself when it is asked on its control socket, or what a helper in its process group makes beside a service that
//! has none: burnt CPU, leaks, a deadlock, a slow or broken storage, a surge of users. All of it ends with the process.

use std::time::Duration;

use arena_faults::FaultName;
use arena_faults::limits::MEMORY_FLOOR_MIB;
use arena_node_core::Effect;
use arena_proto::{FaultId, FaultReason, Timestamp};

use super::Refusal;
use crate::world::physics::{
    MEMORY_BYTES, MEMORY_OTHERS_BYTES, MEMORY_PLAIN_BYTES, OPEN_FILES, SOCKET_TIMEOUT,
};
use crate::world::places::{NodeIx, ServiceIx};
use crate::world::role::Role;
use crate::world::state::Service;
use crate::world::{Timer, World};

/// A question on the control socket, and the start of a thread.
const ASK: Duration = Duration::from_millis(2);
/// The start of a helper.
const HELPER: Duration = Duration::from_millis(8);
/// What a process has before it has opened its port. Measured with `slow-start`.
const STARTING_BYTES: f64 = 1e5;
/// See [`STARTING_BYTES`].
const STARTING_FILES: f64 = 5.0;
/// Between two looks at what leaks have taken: a piece of the fastest takes 2 ms.
const PIECE_MIN: Duration = Duration::from_millis(1);
const MIB: f64 = 1024.0 * 1024.0;

/// See the module.
#[derive(Debug, Clone)]
pub(in crate::world) struct Inside {
    pub(in crate::world) fault: FaultId,
    pub(in crate::world) since: Timestamp,
    pub(in crate::world) kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, Copy)]
pub(in crate::world) enum Kind {
    /// So many busy threads.
    Burn(f64),
    /// MiB: so many more a second, up to so many.
    Memory(Growth),
    /// Open files.
    Files(Growth),
    /// Threads.
    Threads(Growth),
    /// Nobody gets an answer.
    Deadlock,
    /// Each write waits for so many milliseconds.
    StorageLatency(f64),
    /// So many of a hundred writes fail.
    StorageError(f64),
    /// So many times as many users.
    Surge(f64),
}

/// How a leak grows.
#[derive(Debug, Clone, Copy)]
pub(in crate::world) struct Growth {
    rate: f64,
    ceiling: f64,
}

impl Growth {
    /// In whole pieces, as the workload takes them.
    fn after(self, elapsed: Duration) -> f64 {
        (self.rate * elapsed.as_secs_f64())
            .floor()
            .min(self.ceiling)
    }

    /// From then until its next piece; `None` when it has all.
    fn next_after(self, elapsed: Duration) -> Option<Duration> {
        let next = self.after(elapsed) + 1.0;
        let grows = next <= self.ceiling && self.rate > 0.0;
        grows.then(|| Duration::from_secs_f64(next / self.rate).saturating_sub(elapsed))
    }
}

impl Kind {
    pub(in crate::world) const fn is_of_storage(&self) -> bool {
        matches!(self, Self::StorageLatency(_) | Self::StorageError(_))
    }
}

impl Inside {
    pub(in crate::world) const fn is_deadlock(&self) -> bool {
        matches!(self.kind, Kind::Deadlock)
    }

    /// Busy threads.
    pub(in crate::world) const fn threads(&self) -> f64 {
        match self.kind {
            Kind::Burn(threads) => threads,
            _ => 0.0,
        }
    }
}

/// What a process has taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::world) struct Taken {
    pub(in crate::world) memory_bytes: f64,
    pub(in crate::world) open_files: f64,
    pub(in crate::world) threads: f64,
}

impl Service {
    /// Of its process; `None` without one.
    pub(in crate::world) fn taken(&self, now: Timestamp) -> Option<Taken> {
        let process = self.process.as_ref()?;
        let role = process.program.role;
        let mut taken = Taken {
            memory_bytes: if role == Role::Plain {
                MEMORY_PLAIN_BYTES
            } else {
                MEMORY_BYTES
            },
            open_files: if role == Role::Plain { 6.0 } else { OPEN_FILES },
            threads: 1.0
                + f64::from(u32::from(role == Role::Ledger))
                + f64::from(process.program.burn),
        };
        if !process.up {
            // It has hardly begun.
            (taken.memory_bytes, taken.open_files) = (STARTING_BYTES, STARTING_FILES);
        }
        for inside in &process.inside {
            let elapsed = now.saturating_since(inside.since);
            match inside.kind {
                Kind::Memory(growth) => taken.memory_bytes += growth.after(elapsed) * MIB,
                Kind::Files(growth) => taken.open_files += growth.after(elapsed),
                // And the one that starts them.
                Kind::Threads(growth) => taken.threads += growth.after(elapsed) + 1.0,
                Kind::Burn(threads) => taken.threads += threads,
                _ => {}
            }
        }
        Some(taken)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the catalogue's counts are small"
)]
fn kind(effect: &Effect) -> Kind {
    let count = |name| effect.params.count(name) as f64;
    let growth = || Growth {
        rate: count("rate"),
        ceiling: count("ceiling"),
    };
    match effect.name {
        FaultName::MemoryLeak => Kind::Memory(growth()),
        FaultName::FdLeak => Kind::Files(growth()),
        FaultName::ThreadLeak => Kind::Threads(growth()),
        FaultName::Deadlock => Kind::Deadlock,
        FaultName::StorageLatency => {
            Kind::StorageLatency(effect.params.duration("latency").as_secs_f64() * 1000.0)
        }
        FaultName::StorageError => Kind::StorageError(count("share")),
        FaultName::LoadSurge => Kind::Surge(count("factor")),
        _ => Kind::Burn(count("cores")),
    }
}

impl World {
    pub(super) fn apply_inside(
        &mut self,
        now: Timestamp,
        service: ServiceIx,
        effect: &Effect,
    ) -> (Duration, Result<(), Refusal>) {
        let node = self.places.services[service.at()].node;
        let kind = kind(effect);
        if let Kind::Memory(growth) = kind
            && let Err(refusal) = self.check_memory(now, node, growth)
        {
            return (ASK, Err(refusal));
        }
        let makes = self.makes_faults(service);
        let consumes = matches!(
            kind,
            Kind::Burn(_) | Kind::Memory(_) | Kind::Files(_) | Kind::Threads(_)
        );
        let Some(process) = self.services[service.at()].process.as_mut() else {
            return (
                ASK,
                Err((
                    FaultReason::TargetReplaced,
                    "its process is gone".to_owned(),
                )),
            );
        };
        let itself = makes.contains(&effect.name.as_str());
        if process.held && process.program.role.has_control_socket() {
            let why = "the service's control socket: no answer within 1 s".to_owned();
            return (SOCKET_TIMEOUT, Err((FaultReason::Unsupported, why)));
        }
        if !itself && !consumes {
            let why = if makes.is_empty() {
                "the service does not do this on a control socket".to_owned()
            } else {
                let makes = makes.join(", ");
                format!(
                    "the service refuses: this service does not make {}: it makes {makes}",
                    effect.name
                )
            };
            return (ASK, Err((FaultReason::Unsupported, why)));
        }
        process.inside.push(Inside {
            fault: effect.fault.clone(),
            since: now,
            kind,
        });
        match kind {
            Kind::Burn(_) => self.share_cpu(now, node),
            Kind::Memory(_) => self.look_at_memory(now, service),
            _ => {}
        }
        self.touch(now, service);
        (if itself { ASK } else { HELPER }, Ok(()))
    }

    /// The machine keeps a floor of memory that is available.
    fn check_memory(&self, now: Timestamp, node: NodeIx, growth: Growth) -> Result<(), Refusal> {
        let used = self.memory_used(now, node);
        let available = ((self.physics.memory_bytes - used) / MIB).floor();
        #[expect(clippy::cast_precision_loss, reason = "some hundred")]
        let floor = MEMORY_FLOOR_MIB as f64;
        if available - growth.ceiling >= floor {
            return Ok(());
        }
        let ceiling = growth.ceiling;
        let message = format!(
            "it may take {ceiling} MiB, and of the {available} MiB that are available {floor} MiB have to stay so"
        );
        Err((FaultReason::Limit, message))
    }

    /// Bytes of a node's memory in use.
    pub(in crate::world) fn memory_used(&self, now: Timestamp, node: NodeIx) -> f64 {
        let services = self.places.nodes[node.at()].services();
        let taken = services.filter_map(|service| self.services[service.at()].taken(now));
        MEMORY_OTHERS_BYTES + taken.map(|taken| taken.memory_bytes).sum::<f64>()
    }

    /// What a process may have ends it when its leaks have taken more, all of them together: it is looked at with each of their pieces.
    pub(in crate::world) fn look_at_memory(&mut self, now: Timestamp, service: ServiceIx) {
        let most = self.physics.process_memory_bytes_max;
        if most.is_infinite() {
            return;
        }
        let state = &self.services[service.at()];
        let (Some(taken), Some(process)) = (state.taken(now), state.process.as_ref()) else {
            return;
        };
        if taken.memory_bytes > most {
            return self.kill(now, service);
        }
        let pieces = process
            .inside
            .iter()
            .filter_map(|inside| match inside.kind {
                Kind::Memory(growth) => growth.next_after(now.saturating_since(inside.since)),
                _ => None,
            });
        if let Some(wait) = pieces.min() {
            let timer = Timer::Full(service, process.reference);
            self.timers.push(now + wait.max(PIECE_MIN), timer);
        }
    }

    pub(super) fn undo_inside(&mut self, now: Timestamp, service: ServiceIx, fault: &FaultId) {
        let Some(process) = self.services[service.at()].process.as_mut() else {
            return;
        };
        let Some(at) = process
            .inside
            .iter()
            .position(|inside| inside.fault == *fault)
        else {
            return;
        };
        let ended = process.inside.remove(at);
        match ended.kind {
            Kind::Burn(_) => self.share_cpu(now, self.places.services[service.at()].node),
            Kind::Deadlock => self.thaw(now, service),
            Kind::StorageLatency(_) => self.disk_is_fast(now, service),
            _ => {}
        }
        self.touch(now, service);
    }
}
