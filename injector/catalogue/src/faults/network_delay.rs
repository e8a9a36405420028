//! `network-delay`.

use arena_proto::ActionKind;

use super::network::{DIRECTION, TO};
use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::NetworkDelay,
    family: Family::Network,
    scope: Scope::Service,
    carrier: Carrier::Leg,
    needs: &[Need::Proxied],
    summary: "Requests arrive late.",
    description: "A leg of the node's sidecar holds each request for `latency`, give or take `jitter`: the \
                   inbound one (`in`), or the outbound ones of the service (`out`). Goes away when the leg is set \
                   up anew.",
    params: &[
        Param {
            name: "latency",
            what: "how long a request is held",
            kind: Kind::Duration {
                min_ms: 1,
                max_ms: 30000,
                default_ms: 400,
            },
            at_most: None,
        },
        Param {
            name: "jitter",
            what: "by how much that differs from request to request, at most",
            kind: Kind::Duration {
                min_ms: 0,
                max_ms: 10000,
                default_ms: 0,
            },
            at_most: Some("latency"),
        },
        DIRECTION,
        TO,
    ],
    symptoms: &["latency_high"],
    cures: &[ActionKind::Recover, ActionKind::Restart],
};
