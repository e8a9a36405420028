//! `gray`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::Gray,
    family: Family::Application,
    scope: Scope::Service,
    carrier: Carrier::Leg,
    needs: &[Need::Proxied],
    summary: "A share of the requests is answered late or wrongly, and every probe stays green.",
    description: "In the inbound leg of the sidecar. `slow`: that share waits for `latency` first. `wrong`: that \
                   share is answered with 200 and a body that is not what the service said, so no rate of errors \
                   of the service tells of it; only who reads the answer notices. Goes away when the leg is set \
                   up anew.",
    params: &[
        Param {
            name: "share",
            what: "of the requests, by chance",
            kind: Kind::Count {
                min: 1,
                max: 100,
                default: 30,
                unit: "%",
            },
            at_most: None,
        },
        Param {
            name: "kind",
            what: "what is wrong with them",
            kind: Kind::Word(&["slow", "wrong"]),
            at_most: None,
        },
        Param {
            name: "latency",
            what: "of `slow`: how long they wait",
            kind: Kind::Duration {
                min_ms: 1,
                max_ms: 30000,
                default_ms: 1000,
            },
            at_most: None,
        },
    ],
    symptoms: &["latency_high"],
    cures: &[ActionKind::Recover, ActionKind::Restart],
};
