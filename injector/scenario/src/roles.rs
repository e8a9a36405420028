//! Which service of the shop can have which fault. The live node judges by what a service says of itself; this is the same for services that
//! are known beforehand, so that a scenario that cannot work is refused when it is read.

use arena_faults::{Fault, FaultName, Need, Scope};
use arena_proto::ServiceName;

use crate::layout::{BATCH, TRAFFIC, dependencies};

const LEDGER: &str = "ledger";

/// The fault can be made in that service; else what it lacks.
pub fn check_takes(fault: &Fault, service: &ServiceName) -> Result<(), String> {
    if fault.scope == Scope::Node {
        return Err(format!(
            "{} is made in a node, not in a service",
            fault.name
        ));
    }
    for need in fault.needs {
        let met = match need {
            // A batch job serves nobody.
            Need::Proxied | Need::Port => service.as_str() != BATCH,
            Need::Dependency => !dependencies(service).is_empty(),
            Need::Itself => makes(fault.name, service),
        };
        if !met {
            return Err(format!(
                "{} needs {}, and {service} has none",
                fault.name,
                need.words()
            ));
        }
    }
    Ok(())
}

/// As the workload tells by `GET /faults` of its control socket.
fn makes(fault: FaultName, service: &ServiceName) -> bool {
    match fault {
        FaultName::LoadSurge => service.as_str() == TRAFFIC,
        FaultName::StorageLatency | FaultName::StorageError | FaultName::DiskFull => {
            service.as_str() == LEDGER
        }
        _ => ![TRAFFIC, BATCH].contains(&service.as_str()),
    }
}
