//! `cpu-spike`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::CpuSpike,
    family: Family::Resource,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[],
    summary: "The service burns CPU.",
    description: "Busy threads in the service itself (asked for over its control socket), or a burner process in \
                   its process group when it has no control socket. Goes away with the process.",
    params: &[Param {
        name: "cores",
        what: "busy threads, one core each as long as there are so many",
        kind: Kind::Count {
            min: 1,
            max: crate::limits::CORES_MAX,
            default: 1,
            unit: "",
        },
        at_most: None,
    }],
    symptoms: &["cpu_high"],
    cures: &[ActionKind::Restart],
};
