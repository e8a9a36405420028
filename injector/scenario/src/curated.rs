//! The scenarios that come with the project, in the binary, so that they can be run without a checkout.

macro_rules! curated {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml"))),)*]
    };
}

/// The name and the text of each, by name.
const CURATED: &[(&str, &str)] = curated![
    "batch-job-burns",
    "biased-errors-edge",
    "cascade-from-ledger",
    "control-bad-telemetry",
    "control-large",
    "control-quiet",
    "control-spike",
    "control-wave",
    "cpu-spike-orders",
    "crash-in-the-rush",
    "deadlock-inventory",
    "dependency-down-payments",
    "dies-bad-config",
    "dies-crash",
    "dies-crash-loop",
    "dies-port-squat",
    "disk-full-ledger",
    "error-burst-orders",
    "fd-leak-edge",
    "forged-cpu-orders",
    "forged-latency-payments",
    "forged-over-hang",
    "frozen-over-delay",
    "gray-slow-payments",
    "gray-under-loss",
    "gray-wrong-inventory",
    "hang-above-slow-disk",
    "hang-edge",
    "hang-payments",
    "last-replica-crash",
    "load-surge-checkout",
    "memory-leak-payments",
    "network-bandwidth-edge",
    "network-delay-edge",
    "network-delay-outward",
    "network-loss-payments",
    "network-loss-resets",
    "noisy-neighbour-node",
    "partition-node",
    "partition-one-way",
    "partition-orders",
    "retry-storm-orders",
    "second-fault-on-the-survivor",
    "silent-node",
    "slow-ledger-disk",
    "slow-ledger-gray",
    "slow-ledger-network",
    "slow-start-payments",
    "spike-and-delay",
    "storage-error-ledger",
    "storm-on-a-wave",
    "telemetry-frozen",
    "telemetry-late-node",
    "telemetry-loss-node",
    "telemetry-skewed-clock",
    "telemetry-twice-and-shuffled",
    "thread-leak-inventory",
    "three-roles-of-many",
    "two-roles-die",
];

/// The name and the text of each curated scenario, by name; [`crate::Scenario::parse`] reads them.
#[must_use]
pub const fn curated() -> &'static [(&'static str, &'static str)] {
    CURATED
}
