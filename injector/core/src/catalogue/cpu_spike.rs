//! `cpu-spike`.

use arena_proto::ActionKind;

use super::{Fault, Kind, Param};

pub(super) const FAULT: Fault = Fault {
    name: "cpu-spike",
    summary: "The service burns CPU.",
    description: "Busy threads in the service itself (asked for over its control socket), or a burner process in its process \
                  group when it has no control socket. Goes away with the process.",
    params: &[Param {
        name: "cores",
        what: "busy threads, one core each as long as there are so many",
        kind: Kind::Count {
            min: 1,
            max: 16,
            default: 1,
        },
        at_most: None,
    }],
    symptoms: &["cpu_high"],
    cures: &[ActionKind::Restart],
};
