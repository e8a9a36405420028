//! `network-loss`.

use super::network::{DIRECTION, TO};
use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::NetworkLoss,
    family: Family::Network,
    scope: Scope::Service,
    carrier: Carrier::Link,
    needs: &[Need::Proxied],
    summary: "A share of the requests is stalled or cut off.",
    description: "In the sidecar, which sees requests and not packets; so this is what lost packets do to \
                   requests, and is called what it is. `stall`: that share waits for `stall` first, as for a \
                   retransmission. `reset`: its connection is closed without an answer. A restart of the service \
                   changes nothing.",
    params: &[
        Param {
            name: "share",
            what: "of the requests, by chance",
            kind: Kind::Count {
                min: 1,
                max: 100,
                default: 20,
                unit: "%",
            },
            at_most: None,
        },
        Param {
            name: "kind",
            what: "what happens to them",
            kind: Kind::Word(&["stall", "reset"]),
            at_most: None,
        },
        Param {
            name: "stall",
            what: "of `stall`: how long they wait",
            kind: Kind::Duration {
                min_ms: 100,
                max_ms: 10000,
                default_ms: 1000,
            },
            at_most: None,
        },
        DIRECTION,
        TO,
    ],
    symptoms: &["latency_high", "error_rate_high"],
    cures: &[],
};
