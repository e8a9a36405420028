//! `network-delay`.

use arena_proto::ActionKind;

use super::{Fault, Kind, Param};

pub(super) const FAULT: Fault = Fault {
    name: "network-delay",
    summary: "Requests to the service arrive late.",
    description: "The inbound leg of the node's sidecar holds each request for `latency`, give or take `jitter`. Only services \
                  with a port and an `http` probe have a leg. Goes away when the leg is set up anew.",
    params: &[
        Param {
            name: "latency",
            what: "how long a request is held",
            kind: Kind::Duration {
                min_ms: 1,
                max_ms: 30_000,
                default_ms: 400,
            },
            at_most: None,
        },
        Param {
            name: "jitter",
            what: "by how much that differs from request to request, at most",
            kind: Kind::Duration {
                min_ms: 0,
                max_ms: 10_000,
                default_ms: 0,
            },
            at_most: Some("latency"),
        },
    ],
    symptoms: &["latency_high"],
    cures: &[ActionKind::Recover, ActionKind::Restart],
};
