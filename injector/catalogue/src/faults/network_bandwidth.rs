//! `network-bandwidth`.

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::NetworkBandwidth,
    family: Family::Network,
    scope: Scope::Service,
    carrier: Carrier::Link,
    needs: &[Need::Proxied],
    summary: "Requests and answers pass through a narrow pipe.",
    description: "Both directions of a leg of the sidecar share `rate`, heads counted with bodies; what does not \
                   pass at once waits in order. A restart of the service changes nothing.",
    params: &[
        Param {
            name: "rate",
            what: "what passes",
            kind: Kind::Count {
                min: 1,
                max: 102_400,
                // A request and its answer have half a KiB: it takes half a second, and more when they queue.
                default: 1,
                unit: "KiB/s",
            },
            at_most: None,
        },
        Param {
            name: "direction",
            what: "`in`: requests to the service, whoever sends them; `out`: its own requests to its dependencies",
            kind: Kind::Word(&["in", "out"]),
            at_most: None,
        },
        Param {
            name: "to",
            what: "of `out`: which dependency",
            kind: Kind::Service {
                nothing: "every dependency",
            },
            at_most: None,
        },
    ],
    symptoms: &["latency_high"],
    cures: &[],
};
