//! `memory-leak`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::MemoryLeak,
    family: Family::Resource,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[],
    summary: "The service takes more and more memory, and keeps it.",
    description: "Memory that is written to, so that it is really there: in the service itself (asked for over \
                   its control socket), or in a helper process in its process group. Refused when less than 512 \
                   MiB would stay available on the machine. Goes away with the process.",
    params: &[
        Param {
            name: "rate",
            what: "how fast it grows",
            kind: Kind::Count {
                min: 1,
                max: 512,
                default: 32,
                unit: "MiB/s",
            },
            at_most: None,
        },
        Param {
            name: "ceiling",
            what: "where it stops growing",
            kind: Kind::Count {
                min: 8,
                max: crate::limits::MEMORY_MIB_MAX,
                default: 256,
                unit: "MiB",
            },
            at_most: None,
        },
    ],
    symptoms: &["memory_high"],
    cures: &[ActionKind::Restart],
};
