//! The faults that generated scenarios are made of: where, and with what, they hurt so much that doing nothing fails.
//!
//! Invariants: each of them hurts users or its own target for as long as it lasts; each has a cure. A link that is ill has none in the catalogue,
//! as nothing ends the fault; but users are well again when the replica behind it gets no requests, so draining it is right.

use arena_faults::{Carrier, FaultName};
use arena_proto::ActionKind;

use crate::layout::ROLES;
use crate::model::Difficulty;

/// One fault, ready to be put somewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    pub(super) fault: FaultName,
    /// The least difficulty of a scenario that has it.
    pub(super) difficulty: Difficulty,
    /// Where.
    pub(super) roles: &'static [&'static str],
    /// Parameters, each with the values that chance chooses from.
    pub(super) params: &'static [(&'static str, &'static [&'static str])],
}

impl Recipe {
    /// The actions that are right at its target.
    pub(super) fn cures(&self) -> &'static [ActionKind] {
        let fault = self.fault.fault();
        if fault.carrier == Carrier::Link {
            return &[ActionKind::Drain];
        }
        fault.cures
    }
}

const fn recipe(
    fault: FaultName,
    difficulty: Difficulty,
    roles: &'static [&'static str],
    params: &'static [(&'static str, &'static [&'static str])],
) -> Recipe {
    Recipe {
        fault,
        difficulty,
        roles,
        params,
    }
}

const ALL: &[&str] = &ROLES;
const LEDGER: &[&str] = &["ledger"];
/// What others call, and read the answers of.
const CALLED: &[&str] = &["orders", "payments", "inventory", "ledger"];
/// What calls others.
const CALLERS: &[&str] = &["edge", "orders", "payments", "inventory"];

/// Real trouble. Absent is `retry-storm`: requests go to the replica that has the fewest under way, and so the storm starves where there is
/// another one.
pub(super) const RECIPES: &[Recipe] = &[
    recipe(
        FaultName::CpuSpike,
        Difficulty::Easy,
        ALL,
        &[("cores", &["2", "3", "4"])],
    ),
    recipe(
        FaultName::MemoryLeak,
        Difficulty::Easy,
        ALL,
        &[("rate", &["64", "128"]), ("ceiling", &["512", "768"])],
    ),
    recipe(
        FaultName::FdLeak,
        Difficulty::Easy,
        ALL,
        &[("rate", &["200", "400"]), ("ceiling", &["2048", "4096"])],
    ),
    recipe(
        FaultName::ThreadLeak,
        Difficulty::Easy,
        ALL,
        &[("rate", &["50", "100"]), ("ceiling", &["256", "512"])],
    ),
    recipe(FaultName::Crash, Difficulty::Easy, ALL, &[]),
    recipe(FaultName::Hang, Difficulty::Easy, ALL, &[]),
    recipe(
        FaultName::ErrorBurst,
        Difficulty::Easy,
        ALL,
        &[("share", &["40", "60", "80"]), ("status", &["500", "503"])],
    ),
    recipe(
        FaultName::NetworkDelay,
        Difficulty::Easy,
        ALL,
        &[
            ("latency", &["500ms", "800ms", "1200ms"]),
            ("jitter", &["0ms", "100ms"]),
        ],
    ),
    recipe(
        FaultName::CrashLoop,
        Difficulty::Medium,
        ALL,
        &[("times", &["1", "2"])],
    ),
    recipe(
        FaultName::SlowStart,
        Difficulty::Medium,
        ALL,
        &[("delay", &["2s", "4s"])],
    ),
    recipe(FaultName::Deadlock, Difficulty::Medium, ALL, &[]),
    recipe(FaultName::BadConfig, Difficulty::Medium, ALL, &[]),
    recipe(FaultName::PortSquat, Difficulty::Medium, ALL, &[]),
    recipe(
        FaultName::StorageLatency,
        Difficulty::Medium,
        LEDGER,
        &[("latency", &["400ms", "800ms", "2s"])],
    ),
    recipe(
        FaultName::StorageError,
        Difficulty::Medium,
        LEDGER,
        &[("share", &["60", "100"])],
    ),
    recipe(
        FaultName::DiskFull,
        Difficulty::Medium,
        LEDGER,
        &[("fill", &["8", "16", "32"])],
    ),
    recipe(
        FaultName::Gray,
        Difficulty::Hard,
        ALL,
        &[
            ("share", &["30", "50"]),
            ("latency", &["800ms", "1s", "2s"]),
        ],
    ),
    recipe(
        FaultName::Gray,
        Difficulty::Hard,
        CALLED,
        &[("kind", &["wrong"]), ("share", &["40", "60"])],
    ),
    recipe(
        FaultName::NetworkLoss,
        Difficulty::Hard,
        ALL,
        &[("kind", &["stall", "reset"]), ("share", &["40", "60"])],
    ),
    recipe(
        FaultName::NetworkBandwidth,
        Difficulty::Hard,
        ALL,
        &[("rate", &["1", "2"])],
    ),
    recipe(
        FaultName::NetworkPartition,
        Difficulty::Hard,
        ALL,
        &[("direction", &["in"])],
    ),
    recipe(FaultName::DependencyDown, Difficulty::Hard, CALLERS, &[]),
];

/// What is told of a node that is well: to be added to any trouble, or to be the whole of a look-alike. Of the second kind some are
/// quiet, and some tell of what the faults above would show.
pub(super) const LIES: &[Recipe] = &[
    recipe(
        FaultName::TelemetryLoss,
        Difficulty::Medium,
        &[],
        &[("share", &["20", "40"])],
    ),
    recipe(
        FaultName::TelemetryDelay,
        Difficulty::Medium,
        &[],
        &[("delay", &["500ms", "1s", "2s"])],
    ),
    recipe(
        FaultName::TelemetryDuplicate,
        Difficulty::Medium,
        &[],
        &[("share", &["30", "60"])],
    ),
    recipe(
        FaultName::TelemetryReorder,
        Difficulty::Medium,
        &[],
        &[("window", &["2", "4"])],
    ),
    recipe(
        FaultName::TelemetrySkew,
        Difficulty::Medium,
        &[],
        &[
            ("offset", &["5s", "30s"]),
            ("direction", &["ahead", "behind"]),
        ],
    ),
    recipe(FaultName::TelemetryFreeze, Difficulty::Hard, &[], &[]),
    recipe(
        FaultName::TelemetryForge,
        Difficulty::Hard,
        &[],
        &[
            ("metric", &["cpu_percent"]),
            ("value", &["120", "180"]),
            ("service", CALLED),
        ],
    ),
    recipe(
        FaultName::TelemetryForge,
        Difficulty::Hard,
        &[],
        &[
            ("metric", &["latency_p95_ms"]),
            ("value", &["600", "900"]),
            ("service", CALLED),
        ],
    ),
];

/// What passes by itself, and hurts everybody as long as it lasts; no action ends it sooner.
pub(super) const PASSING: &[Recipe] = &[
    recipe(
        FaultName::LoadSurge,
        Difficulty::Medium,
        &[crate::layout::TRAFFIC],
        &[("factor", &["2", "3"])],
    ),
    recipe(
        FaultName::NoisyNeighbour,
        Difficulty::Medium,
        &[],
        &[("cores", &["4", "8"])],
    ),
];
