//! `network-bandwidth`.

use super::network::{DIRECTION, TO};
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
        DIRECTION,
        TO,
    ],
    symptoms: &["latency_high"],
    cures: &[],
};
