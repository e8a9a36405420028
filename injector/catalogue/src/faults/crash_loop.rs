//! `crash-loop`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::CrashLoop,
    family: Family::Process,
    scope: Scope::Service,
    carrier: Carrier::Starts,
    needs: &[],
    summary: "The process dies, and so does each of the next ones right after its start.",
    description: "SIGKILL to the process group, and to that of each of the next `times` starts as soon as it is \
                   there. The start after those holds. Over then, or at its time to live.",
    params: &[Param {
        name: "times",
        what: "starts that fail",
        kind: Kind::Count {
            min: 1,
            max: 20,
            default: 3,
            unit: "",
        },
        at_most: None,
    }],
    symptoms: &["process_exited"],
    cures: &[ActionKind::Start],
};
