//! What is compared: for each fault of the catalogue a scenario that both can play, the curated one where there is one that is about that fault
//! alone.
//!
//! Invariant: every fault has a row, and its scenario makes it; tests hold both. No scenario leaves its targets to chance, so that another seed
//! of the simulator is another run of the same trial.

use std::time::Duration;

use arena_faults::FaultName;
use arena_scenario::{Layout, Scenario, Selector};

/// A fault, and what it is compared by.
pub(crate) type Row = (FaultName, &'static str);

/// Every row, in the order of the catalogue.
pub(crate) const SUITE: &[Row] = &[
    (FaultName::CpuSpike, "cpu-spike-orders"),
    (FaultName::NoisyNeighbour, "noisy-neighbour-node"),
    (FaultName::MemoryLeak, "memory-leak-payments"),
    (FaultName::FdLeak, "fd-leak-edge"),
    (FaultName::ThreadLeak, "thread-leak-inventory"),
    (FaultName::Crash, "dies-crash"),
    (FaultName::CrashLoop, "dies-crash-loop"),
    (FaultName::Hang, "hang-payments"),
    (FaultName::Deadlock, "deadlock-inventory"),
    (FaultName::SlowStart, "slow-start-payments"),
    (FaultName::ErrorBurst, "error-burst-orders"),
    (FaultName::Gray, "gray-slow-payments"),
    (FaultName::Gray, "gray-wrong-inventory"),
    (FaultName::BadConfig, "dies-bad-config"),
    (FaultName::PortSquat, "dies-port-squat"),
    (FaultName::NetworkDelay, "network-delay-edge"),
    (FaultName::NetworkDelay, "network-delay-outward"),
    (FaultName::NetworkLoss, "network-loss-payments"),
    (FaultName::NetworkLoss, "network-loss-resets"),
    (FaultName::NetworkBandwidth, "network-bandwidth-edge"),
    (FaultName::NetworkPartition, "partition-orders"),
    (FaultName::NetworkPartition, "partition-one-way"),
    (FaultName::NetworkPartition, "partition-node"),
    (FaultName::DependencyDown, "dependency-down-payments"),
    (FaultName::StorageLatency, "slow-ledger-disk"),
    (FaultName::StorageError, "storage-error-ledger"),
    (FaultName::DiskFull, "disk-full-ledger"),
    (FaultName::RetryStorm, "retry-storm-orders"),
    (FaultName::LoadSurge, "load-surge-checkout"),
    (FaultName::TelemetryLoss, "telemetry-loss-node"),
    (FaultName::TelemetryDelay, "telemetry-late-node"),
    (FaultName::TelemetryDuplicate, "telemetry-duplicate"),
    (FaultName::TelemetryReorder, "telemetry-reorder"),
    (FaultName::TelemetryFreeze, "telemetry-frozen"),
    (FaultName::TelemetrySkew, "telemetry-skewed-clock"),
    (FaultName::TelemetryBias, "biased-errors-edge"),
    (FaultName::TelemetryForge, "forged-cpu-orders"),
    (FaultName::NodeSilent, "silent-node"),
];

/// Scenarios that only this comparison has: where the curated one is about two faults at once.
const OWN: &[(&str, &str)] = &[
    (
        "telemetry-duplicate",
        include_str!("scenarios/telemetry-duplicate.toml"),
    ),
    (
        "telemetry-reorder",
        include_str!("scenarios/telemetry-reorder.toml"),
    ),
];

/// For so long all has to be well before the fault. What starts explains what its callers feel for seconds (`correlation` of detector/policy.toml):
/// after the usual 2 s it is a matter of milliseconds whether it still does, and times to detect are of two kinds, 3 s apart.
const HOLD: Duration = Duration::from_secs(4);

/// The scenario of that name, as it is compared.
pub(crate) fn scenario(name: &str) -> Scenario {
    let mut all = OWN.iter().chain(arena_scenario::curated());
    let found = all.find(|(known, _)| *known == name);
    let (_, text) = found.unwrap_or_else(|| panic!("no scenario {name}"));
    let mut scenario = Scenario::parse(name, text).unwrap_or_else(|mistake| panic!("{mistake}"));
    scenario.steady_state.hold = HOLD;
    pin(&mut scenario);
    scenario
}

/// Names a role's only replica by its place: an arena whose parts a scenario names is laid out alike with every seed (docs/bench.md), so that
/// live and simulated runs are about the same one.
fn pin(scenario: &mut Scenario) {
    let layout = Layout::of(&scenario.topology, scenario.seed);
    for injection in &mut scenario.injections {
        let Selector::Role { service, .. } = &injection.target else {
            continue;
        };
        let replicas: Vec<_> = layout.replicas(service).collect();
        if let [only] = replicas.as_slice() {
            injection.target = Selector::Entity(only.clone());
        }
    }
}
