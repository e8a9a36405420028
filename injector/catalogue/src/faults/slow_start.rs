//! `slow-start`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::SlowStart,
    family: Family::Process,
    scope: Scope::Service,
    carrier: Carrier::Starts,
    needs: &[],
    summary: "The process dies, and whoever starts it again has to wait.",
    description: "SIGKILL to the process group; each process that is started while the fault lasts is stopped \
                   (SIGSTOP) as soon as it is there, and goes on after `delay`. The right answer is to start it \
                   once and to be patient: a restart waits anew.",
    params: &[Param {
        name: "delay",
        what: "how long a start is held",
        kind: Kind::Duration {
            min_ms: 1000,
            max_ms: 25000,
            default_ms: 5000,
        },
        at_most: None,
    }],
    symptoms: &["process_exited"],
    cures: &[ActionKind::Start],
};
