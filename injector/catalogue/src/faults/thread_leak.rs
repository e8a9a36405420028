//! `thread-leak`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::ThreadLeak,
    family: Family::Resource,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[],
    summary: "The service starts more and more threads, and never ends them.",
    description: "Idle threads, in the service itself (asked for over its control socket), or in a helper \
                   process in its process group. Goes away with the process.",
    params: &[
        Param {
            name: "rate",
            what: "how fast they grow, in threads a second",
            kind: Kind::Count {
                min: 1,
                max: 100,
                default: 20,
                unit: "",
            },
            at_most: None,
        },
        Param {
            name: "ceiling",
            what: "where it stops",
            kind: Kind::Count {
                min: 8,
                max: crate::limits::THREADS_MAX,
                default: 128,
                unit: "",
            },
            at_most: None,
        },
    ],
    symptoms: &["threads_high"],
    cures: &[ActionKind::Restart],
};
