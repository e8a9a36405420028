//! `memory-leak`: memory that is written to, so that it is really there.

use std::io;

use arena_faults::limits::{self, MEMORY_FLOOR_MIB};

use super::leak::Hoard;

/// A mebibyte.
const MIB: usize = 1024 * 1024;
/// What the allocator keeps to itself when it is freed is below this (glibc's largest threshold for a mapping of its own):
/// address space for more than that is reserved, so that the end of the fault gives every page back to the system.
const RESERVED_MIB_MIN: usize = 33;
/// The memory, in MiB.
pub(super) struct Memory(Vec<u8>);

impl Memory {
    /// None yet. Address space for `ceiling` MiB is reserved; pages come when they are taken.
    pub(super) fn reserve(ceiling: u64) -> Result<Self, String> {
        let mebibytes = usize::try_from(ceiling).map_err(|error| error.to_string())?;
        let mut memory = Vec::new();
        memory
            .try_reserve_exact(mebibytes.max(RESERVED_MIB_MIN) * MIB)
            .map_err(|error| error.to_string())?;
        Ok(Self(memory))
    }
}

impl Hoard for Memory {
    fn take(&mut self, count: u64) -> io::Result<()> {
        for _ in 0..count {
            if available_mib().is_some_and(|available| available <= MEMORY_FLOOR_MIB) {
                return Err(io::Error::other(format!(
                    "less than {MEMORY_FLOOR_MIB} MiB of the machine's memory are available"
                )));
            }
            // Not zero: pages of zeros may be shared.
            self.0.resize(self.0.len() + MIB, 1);
        }
        Ok(())
    }
}

/// What the machine has left; `None` where nobody can tell.
pub(super) fn available_mib() -> Option<u64> {
    limits::available_mib(&std::fs::read_to_string("/proc/meminfo").ok()?)
}
