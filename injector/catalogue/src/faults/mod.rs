//! The faults: one file each, plain data.

use crate::name::{FaultName, NAMES};

pub(crate) mod bad_config;
pub(crate) mod cpu_spike;
pub(crate) mod crash;
pub(crate) mod crash_loop;
pub(crate) mod deadlock;
pub(crate) mod dependency_down;
pub(crate) mod disk_full;
pub(crate) mod error_burst;
pub(crate) mod fd_leak;
pub(crate) mod gray;
pub(crate) mod hang;
pub(crate) mod load_surge;
pub(crate) mod memory_leak;
mod network;
pub(crate) mod network_bandwidth;
pub(crate) mod network_delay;
pub(crate) mod network_loss;
pub(crate) mod network_partition;
pub(crate) mod node_silent;
pub(crate) mod noisy_neighbour;
pub(crate) mod port_squat;
pub(crate) mod retry_storm;
pub(crate) mod slow_start;
pub(crate) mod storage_error;
pub(crate) mod storage_latency;
pub(crate) mod telemetry_bias;
pub(crate) mod telemetry_delay;
pub(crate) mod telemetry_duplicate;
pub(crate) mod telemetry_forge;
pub(crate) mod telemetry_freeze;
pub(crate) mod telemetry_loss;
pub(crate) mod telemetry_reorder;
pub(crate) mod telemetry_skew;
pub(crate) mod thread_leak;

/// Every fault, in the order of the reference page.
pub const CATALOGUE: &[FaultName] = NAMES;
