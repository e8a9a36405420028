//! The table: for each fault of the catalogue a victim of its own, and how its effect is seen from outside.
//!
//! Invariant: every fault has a row; a test holds that.

use arena_faults::FaultName;

use crate::measure::Measure::{self, *};

/// One fault on one victim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) fault: FaultName,
    pub(crate) target: &'static str,
    pub(crate) params: &'static [&'static str],
    /// Its effect: seen while it lasts, and not before or after.
    pub(crate) effect: Measure,
    pub(crate) shows: Shows,
    pub(crate) ends: Ends,
}

/// What the detector makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// The catalogue's main symptom, on the target.
    Symptom,
    /// Nothing at all of this node: it is well.
    Nothing,
    /// Nobody can tell: what is told may deceive the detector or not.
    Unknown,
}

/// How it ends when nobody dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// By its revert.
    Reverted,
    /// By itself, once somebody has started the service again, which takes at least so many starts.
    Started(u32),
    /// By its revert, and its node starts the service again by itself.
    ByItself,
}

/// What a ledger is asked.
const ENTRY: &str = r#"POST /entries {"order":"o-1","account":"a-1","amount":1}"#;
const CHARGE: &str = r#"POST /charge {"order":"o-1","amount":1}"#;
const HEALTH: &str = "GET /healthz";

const fn row(fault: FaultName, target: &'static str, effect: Measure) -> Row {
    Row {
        fault,
        target,
        params: &[],
        effect,
        shows: Shows::Symptom,
        ends: Ends::Reverted,
    }
}

/// Every row; within a node they are in effect at once.
pub(crate) const ROWS: &[Row] = &[
    // Two, for beside the other faults none of them gets a core of its own.
    Row {
        params: &["cores=2"],
        ..row(FaultName::CpuSpike, "node-1/cpu-spike", CpuPercent(60))
    },
    Row {
        params: &["rate=128"],
        ..row(FaultName::MemoryLeak, "node-1/memory-leak", MemoryMib(200))
    },
    Row {
        params: &["rate=500"],
        ..row(FaultName::FdLeak, "node-1/fd-leak", OpenFiles(400))
    },
    Row {
        params: &["rate=100"],
        ..row(FaultName::ThreadLeak, "node-1/thread-leak", Threads(100))
    },
    Row {
        ends: Ends::Started(1),
        ..row(FaultName::Crash, "node-1/crash", Gone)
    },
    Row {
        params: &["times=2"],
        ends: Ends::Started(3),
        ..row(FaultName::CrashLoop, "node-1/crash-loop", Gone)
    },
    row(FaultName::Hang, "node-1/hang", Stopped),
    row(FaultName::Deadlock, "node-1/deadlock", Silent(HEALTH)),
    row(FaultName::SlowStart, "node-2/slow-start", HeldAtStart),
    Row {
        params: &["share=100", "status=507"],
        ..row(
            FaultName::ErrorBurst,
            "node-2/error-burst",
            Status(HEALTH, 507),
        )
    },
    Row {
        params: &["share=60"],
        ..row(FaultName::Gray, "node-2/gray", Slow(HEALTH, 900))
    },
    Row {
        ends: Ends::ByItself,
        ..row(FaultName::BadConfig, "node-2/bad-config", Gone)
    },
    row(FaultName::PortSquat, "node-2/port-squat", Squatted),
    Row {
        params: &["latency=800ms", "jitter=100ms"],
        ..row(
            FaultName::NetworkDelay,
            "node-2/network-delay",
            Slow(HEALTH, 600),
        )
    },
    Row {
        params: &["share=60"],
        ..row(
            FaultName::NetworkLoss,
            "node-2/network-loss",
            Slow(HEALTH, 900),
        )
    },
    Row {
        params: &["rate=1"],
        ..row(
            FaultName::NetworkBandwidth,
            "node-2/network-bandwidth",
            Slow(HEALTH, 500),
        )
    },
    row(
        FaultName::NetworkPartition,
        "node-3/network-partition",
        Silent(HEALTH),
    ),
    row(
        FaultName::DependencyDown,
        "node-3/dependency-down",
        Failing(CHARGE),
    ),
    Row {
        params: &["latency=700ms"],
        ..row(
            FaultName::StorageLatency,
            "node-3/storage-latency",
            Slow(ENTRY, 600),
        )
    },
    row(
        FaultName::StorageError,
        "node-3/storage-error",
        Failing(ENTRY),
    ),
    row(FaultName::DiskFull, "node-3/disk-full", Failing(ENTRY)),
    Row {
        params: &["work=100ms"],
        ..row(
            FaultName::RetryStorm,
            "node-3/retry-storm",
            Slow(HEALTH, 500),
        )
    },
    // What cannot keep up shows it in its own way: latency, errors, or a thread for each who waits.
    Row {
        shows: Shows::Unknown,
        ..row(
            FaultName::LoadSurge,
            "node-3/load-surge",
            Calls("node-3", "edge", 60),
        )
    },
    // `cpu_starved` asks for a neighbour that is a service, and this one is none.
    Row {
        shows: Shows::Unknown,
        ..row(FaultName::NoisyNeighbour, "node-4", HelperCpuPercent(150))
    },
    // So few that not three in a row are missing, for then the node would be silent.
    telemetry(FaultName::TelemetryLoss, "node-5", &["share=15"], Gaps),
    // At the beginning nothing is heard for as long; beyond 2.5 s the node would be silent.
    telemetry(
        FaultName::TelemetryDelay,
        "node-6",
        &["delay=1500ms"],
        Late(1_300),
    ),
    telemetry(FaultName::TelemetryDuplicate, "node-7", &[], Twice),
    telemetry(FaultName::TelemetryReorder, "node-8", &[], OutOfOrder),
    Row {
        shows: Shows::Symptom,
        ..telemetry(FaultName::TelemetryFreeze, "node-9", &[], Frozen)
    },
    telemetry(FaultName::TelemetrySkew, "node-10", &[], Skewed(20_000)),
    Row {
        shows: Shows::Unknown,
        ..telemetry(
            FaultName::TelemetryBias,
            "node-11",
            &["metric=memory_bytes", "factor=300", "service=small"],
            Lies("small"),
        )
    },
    Row {
        shows: Shows::Unknown,
        ..telemetry(
            FaultName::TelemetryForge,
            "node-12",
            &["metric=memory_bytes", "value=1", "service=small"],
            Lies("small"),
        )
    },
    Row {
        shows: Shows::Symptom,
        ..telemetry(FaultName::NodeSilent, "node-13", &[], Unheard)
    },
];

const fn telemetry(
    fault: FaultName,
    node: &'static str,
    params: &'static [&'static str],
    effect: Measure,
) -> Row {
    Row {
        params,
        shows: Shows::Nothing,
        ..row(fault, node, effect)
    }
}

impl Row {
    /// It takes the CPU of the whole machine.
    pub(crate) fn is_greedy(&self) -> bool {
        self.fault == FaultName::NoisyNeighbour
    }

    /// The target's node and service.
    pub(crate) fn place(&self) -> (&'static str, Option<&'static str>) {
        match self.target.split_once('/') {
            Some((node, service)) => (node, Some(service)),
            None => (self.target, None),
        }
    }
}
