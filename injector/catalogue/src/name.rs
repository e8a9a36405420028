//! The names, as a type: a `match` over them is complete or does not compile.

use std::fmt;

use crate::fault::Fault;
use crate::faults;

macro_rules! names {
    ($($variant:ident = $text:literal => $module:ident,)*) => {
        /// A fault of the catalogue.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultName {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
        }

        impl FaultName {
            /// As it is asked for.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// What the catalogue says of it.
            #[must_use]
            pub const fn fault(self) -> &'static Fault {
                match self {
                    $(Self::$variant => &faults::$module::FAULT,)*
                }
            }
        }

        /// Every name, in the order of the reference page.
        pub(crate) const NAMES: &[FaultName] = &[$(FaultName::$variant,)*];
    };
}

names! {
    CpuSpike = "cpu-spike" => cpu_spike,
    NoisyNeighbour = "noisy-neighbour" => noisy_neighbour,
    MemoryLeak = "memory-leak" => memory_leak,
    FdLeak = "fd-leak" => fd_leak,
    ThreadLeak = "thread-leak" => thread_leak,
    Crash = "crash" => crash,
    CrashLoop = "crash-loop" => crash_loop,
    Hang = "hang" => hang,
    Deadlock = "deadlock" => deadlock,
    SlowStart = "slow-start" => slow_start,
    ErrorBurst = "error-burst" => error_burst,
    Gray = "gray" => gray,
    BadConfig = "bad-config" => bad_config,
    PortSquat = "port-squat" => port_squat,
    NetworkDelay = "network-delay" => network_delay,
    NetworkLoss = "network-loss" => network_loss,
    NetworkBandwidth = "network-bandwidth" => network_bandwidth,
    NetworkPartition = "network-partition" => network_partition,
    DependencyDown = "dependency-down" => dependency_down,
    StorageLatency = "storage-latency" => storage_latency,
    StorageError = "storage-error" => storage_error,
    DiskFull = "disk-full" => disk_full,
    RetryStorm = "retry-storm" => retry_storm,
    LoadSurge = "load-surge" => load_surge,
    TelemetryLoss = "telemetry-loss" => telemetry_loss,
    TelemetryDelay = "telemetry-delay" => telemetry_delay,
    TelemetryDuplicate = "telemetry-duplicate" => telemetry_duplicate,
    TelemetryReorder = "telemetry-reorder" => telemetry_reorder,
    TelemetryFreeze = "telemetry-freeze" => telemetry_freeze,
    TelemetrySkew = "telemetry-skew" => telemetry_skew,
    TelemetryBias = "telemetry-bias" => telemetry_bias,
    TelemetryForge = "telemetry-forge" => telemetry_forge,
    NodeSilent = "node-silent" => node_silent,
}

impl fmt::Display for FaultName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}
