//! `noisy-neighbour`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::NoisyNeighbour,
    family: Family::Resource,
    scope: Scope::Node,
    carrier: Carrier::Helper,
    needs: &[],
    summary: "A process that belongs to no service takes the CPU.",
    description: "A burner process of its own beside the services of the node. Nothing that is done to a service \
                   ends it: the right answer is to see that the service is not to blame, and to wait or to tell a \
                   person. The detector has no name for it (`cpu_starved` asks for a neighbour that is a service); \
                   it may see what the services suffer.",
    params: &[Param {
        name: "cores",
        what: "busy threads",
        kind: Kind::Count {
            min: 1,
            max: crate::limits::CORES_MAX,
            default: 8,
            unit: "",
        },
        at_most: None,
    }],
    symptoms: &[],
    cures: &[],
};
