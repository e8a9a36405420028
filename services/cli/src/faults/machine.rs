//! What this machine has left, for the floors that no fault may break through. The nodes judge it themselves when a fault is asked for;
//! this says it beforehand, for an arena on this machine.

use arena_faults::limits::available_mib;
use arena_view::faults::Machine;

use crate::up::data_dir::DataDirArgs;

const MIB: u64 = 1024 * 1024;

/// Looks once.
pub(super) fn look(data: &DataDirArgs) -> Machine {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok();
    Machine {
        memory_mib: meminfo.and_then(|text| available_mib(&text)),
        disk_mib: free_mib(data),
    }
}

/// Of the folder, or of the nearest one above that is there.
fn free_mib(data: &DataDirArgs) -> Option<u64> {
    let path = data.path().ok()?;
    let there = path.ancestors().find(|path| path.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize) / MIB)
}
