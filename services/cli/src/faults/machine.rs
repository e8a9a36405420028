//! What this machine has left, against the floors that no fault may break through. The nodes judge it themselves when a fault is asked for;
//! this says it beforehand, for an arena on this machine.

use std::collections::BTreeMap;

use arena_faults::limits::{DISK_FLOOR_MIB, MEMORY_FLOOR_MIB, available_mib};
use arena_faults::{Fault, FaultName};

use crate::up::data_dir::DataDirArgs;

const MIB: u64 = 1024 * 1024;

/// What is left, in MiB; `None` where nobody can say.
#[derive(Debug)]
pub(super) struct Machine {
    memory: Option<u64>,
    /// Of the disk that has the arena's data folder.
    disk: Option<u64>,
}

impl Machine {
    /// Looks once.
    pub(super) fn look(data: &DataDirArgs) -> Self {
        Self {
            memory: std::fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| available_mib(&text)),
            disk: free_mib(data),
        }
    }

    /// Why a fault with its defaults would be refused.
    pub(super) fn why_not(&self, fault: &Fault) -> Option<String> {
        let (param, left, floor, of) = match fault.name {
            FaultName::MemoryLeak => ("ceiling", self.memory?, MEMORY_FLOOR_MIB, "memory"),
            FaultName::DiskFull => ("fill", self.disk?, DISK_FLOOR_MIB, "the disk"),
            _ => return None,
        };
        let wanted = fault.fill(&BTreeMap::new()).ok()?.count(param);
        (left.saturating_sub(wanted) < floor).then(|| {
            format!(
                "of {of} {left} MiB are left here, it may take {wanted} MiB ({param}), and {floor} MiB have to stay"
            )
        })
    }
}

/// Of the folder, or of the nearest one above that is there.
fn free_mib(data: &DataDirArgs) -> Option<u64> {
    let path = data.path().ok()?;
    let there = path.ancestors().find(|path| path.is_dir())?;
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize) / MIB)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_through_a_floor_is_told_with_the_numbers() {
        let machine = Machine {
            memory: available_mib("MemTotal: 1 kB\nMemAvailable:  716800 kB\n"),
            disk: Some(DISK_FLOOR_MIB + 16),
        };
        assert_eq!(
            machine.why_not(FaultName::MemoryLeak.fault()).as_deref(),
            Some(
                "of memory 700 MiB are left here, it may take 256 MiB (ceiling), and 512 MiB have to stay"
            )
        );
        assert_eq!(
            machine.why_not(FaultName::DiskFull.fault()),
            None,
            "just enough"
        );
        assert_eq!(machine.why_not(FaultName::Hang.fault()), None);
    }
}
