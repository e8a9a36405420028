//! `storage-latency`.

use arena_proto::ActionKind;

use super::{Fault, Kind, Param};

pub(super) const FAULT: Fault = Fault {
    name: "storage-latency",
    summary: "The service's disk is slow.",
    description: "The service waits before each fsync, on the path of the request, so that it and its callers feel it. Only \
                  services that take it on their control socket: in the shop, the ledger. Goes away with the process.",
    params: &[Param {
        name: "latency",
        what: "the wait before each fsync",
        kind: Kind::Duration {
            min_ms: 1,
            max_ms: 10_000,
            default_ms: 300,
        },
        at_most: None,
    }],
    symptoms: &["storage_latency_high", "latency_high"],
    cures: &[ActionKind::Restart],
};
