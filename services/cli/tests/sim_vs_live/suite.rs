//! What is compared: for each fault of the catalogue a scenario that both can play, the curated one where there is one that is about that fault
//! alone.
//!
//! Invariant: every fault has a row, and its scenario makes it; tests hold both. No scenario leaves its targets to chance, so that another seed
//! of the simulator is another run of the same trial.

use arena_faults::FaultName::{self, *};

/// A fault, and what it is compared by.
pub(crate) type Row = (FaultName, &'static str);

/// Every row, in the order of the catalogue.
pub(crate) const SUITE: &[Row] = &[
    (CpuSpike, "cpu-spike-orders"),
    (NoisyNeighbour, "noisy-neighbour-node"),
    (MemoryLeak, "memory-leak-payments"),
    (FdLeak, "fd-leak-edge"),
    (ThreadLeak, "thread-leak-inventory"),
    (Crash, "dies-crash"),
    (CrashLoop, "dies-crash-loop"),
    (Hang, "hang-payments"),
    (Deadlock, "deadlock-inventory"),
    (SlowStart, "slow-start-payments"),
    (ErrorBurst, "error-burst-orders"),
    (Gray, "gray-slow-payments"),
    (Gray, "gray-wrong-inventory"),
    (BadConfig, "dies-bad-config"),
    (PortSquat, "dies-port-squat"),
    (NetworkDelay, "network-delay-edge"),
    (NetworkDelay, "network-delay-outward"),
    (NetworkLoss, "network-loss-payments"),
    (NetworkLoss, "network-loss-resets"),
    (NetworkBandwidth, "network-bandwidth-edge"),
    (NetworkPartition, "partition-orders"),
    (NetworkPartition, "partition-one-way"),
    (NetworkPartition, "partition-node"),
    (DependencyDown, "dependency-down-payments"),
    (StorageLatency, "slow-ledger-disk"),
    (StorageError, "storage-error-ledger"),
    (DiskFull, "disk-full-ledger"),
    (RetryStorm, "retry-storm-orders"),
    (LoadSurge, "load-surge-checkout"),
    (TelemetryLoss, "telemetry-loss-node"),
    (TelemetryDelay, "telemetry-late-node"),
    (TelemetryDuplicate, "telemetry-duplicate"),
    (TelemetryReorder, "telemetry-reorder"),
    (TelemetryFreeze, "telemetry-frozen"),
    (TelemetrySkew, "telemetry-skewed-clock"),
    (TelemetryBias, "biased-errors-edge"),
    (TelemetryForge, "forged-cpu-orders"),
    (NodeSilent, "silent-node"),
];

/// Scenarios that only this comparison has: where the curated one is about two faults at once.
pub(crate) const OWN: &[(&str, &str)] = &[
    (
        "telemetry-duplicate",
        include_str!("scenarios/telemetry-duplicate.toml"),
    ),
    (
        "telemetry-reorder",
        include_str!("scenarios/telemetry-reorder.toml"),
    ),
];

/// What `arena run` is to be given to play it: the name of a curated one, or the path of one of our own.
pub(crate) fn argument(scenario: &str) -> String {
    if OWN.iter().any(|(name, _)| *name == scenario) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sim_vs_live/scenarios");
        return format!("{folder}/{scenario}.toml");
    }
    scenario.to_owned()
}
