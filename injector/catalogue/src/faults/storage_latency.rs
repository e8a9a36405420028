//! `storage-latency`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::StorageLatency,
    family: Family::Storage,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[Need::Itself],
    summary: "The service's writes wait for the disk.",
    description: "The service waits for `latency` before each fsync. Only the service itself can do that: one \
                   without a control socket refuses it. Goes away with the process.",
    params: &[Param {
        name: "latency",
        what: "how long each sync waits",
        kind: Kind::Duration {
            min_ms: 1,
            max_ms: 10000,
            default_ms: 300,
        },
        at_most: None,
    }],
    symptoms: &["storage_latency_high", "latency_high"],
    cures: &[ActionKind::Restart],
};
