//! The ceilings, each with its reason. Whoever makes a fault enforces them, whatever was asked for.

use std::time::Duration;

/// The shortest time to live: a fault that lives less is gone before telemetry shows it.
pub const TTL_MIN: Duration = Duration::from_secs(1);
/// The longest time to live: a fault that should last longer is asked for again.
pub const TTL_MAX: Duration = Duration::from_mins(10);
/// The shortest lease: a renewal has to travel and be handled within it.
pub const LEASE_MIN: Duration = Duration::from_secs(1);
/// Faults at once on one node: bad telemetry of three kinds, and five troubles in it.
pub const PER_NODE_MAX: usize = 8;
/// Busy threads of all faults of a node together: enough to crowd out everybody on a machine of four cores, too few to bring one
/// down.
pub const CORES_MAX: u64 = 16;
/// What all faults of a node together may take of memory, in MiB.
pub const MEMORY_MIB_MAX: u64 = 1024;
/// What must stay available of the machine's memory, in MiB, after a fault has taken all that it may.
pub const MEMORY_FLOOR_MIB: u64 = 512;
/// What one fault may write to a disk, in MiB.
pub const DISK_MIB_MAX: u64 = 64;
/// What must stay free on a disk, in MiB, after a fault has written all that it may.
pub const DISK_FLOOR_MIB: u64 = 1024;
/// Files that one fault may hold open.
pub const FILES_MAX: u64 = 4096;
/// Threads, idle ones, that one fault may start.
pub const THREADS_MAX: u64 = 512;

/// What a machine can give without swapping, in MiB, by the text of its `/proc/meminfo`; `None` where that does not say.
#[must_use]
pub fn available_mib(meminfo: &str) -> Option<u64> {
    let mut lines = meminfo.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}
