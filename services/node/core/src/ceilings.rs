//! What the faults of one node may take together. What the machine has left is the shell's to look at.

use arena_faults::limits::{CORES_MAX, MEMORY_MIB_MAX};
use arena_faults::{FaultName, Params};
use arena_proto::FaultReason;

use crate::faults::FaultBook;

/// Something that there is only so much of.
struct Ceiling {
    /// Who takes it.
    faults: &'static [FaultName],
    /// Which of their parameters says how much.
    param: &'static str,
    max: u64,
    unit: &'static str,
}

const CEILINGS: [Ceiling; 2] = [
    Ceiling {
        faults: &[FaultName::CpuSpike, FaultName::NoisyNeighbour],
        param: "cores",
        max: CORES_MAX,
        unit: "busy threads",
    },
    Ceiling {
        faults: &[FaultName::MemoryLeak],
        param: "ceiling",
        max: MEMORY_MIB_MAX,
        unit: "MiB of leaked memory",
    },
];

impl FaultBook {
    /// A fault more of this kind fits in beside the others.
    pub(crate) fn check_ceilings(
        &self,
        kind: &arena_faults::Fault,
        params: &Params,
    ) -> Result<(), (FaultReason, String)> {
        let meant = |ceiling: &&Ceiling| ceiling.faults.contains(&kind.name);
        let Some(ceiling) = CEILINGS.iter().find(meant) else {
            return Ok(());
        };
        let Ceiling {
            faults,
            param,
            max,
            unit,
        } = *ceiling;
        let others = self.faults.values();
        let others = others.filter(|other| faults.contains(&other.name));
        let taken: u64 = others.map(|other| other.params.count(param)).sum();
        let wanted = params.count(param);
        if taken.saturating_add(wanted) <= max {
            return Ok(());
        }
        let message = format!(
            "{} has faults with {taken} {unit} already, and {wanted} more are beyond {max}",
            self.node
        );
        Err((FaultReason::Limit, message))
    }
}
