//! `retry-storm`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::RetryStorm,
    family: Family::Load,
    scope: Scope::Service,
    carrier: Carrier::Leg,
    needs: &[Need::Proxied],
    summary: "Retries keep the service overloaded after their cause has gone.",
    description: "Metastable: the inbound leg passes requests on one at a time, each taking at least `work`, and \
                   repeats each that was not answered within `timeout`, up to `retries` times, whether its caller \
                   still waits or not. A stall of `trigger` at the start fills the queue; from then on the \
                   retries alone keep it full, as long as requests come at more than 1/(`work` × (1 + `retries`)) a second. \
                   Goes away when the queue is dropped: the leg is set up anew.",
    params: &[
        Param {
            name: "retries",
            what: "repetitions of each request",
            kind: Kind::Count {
                min: 1,
                max: 10,
                default: 3,
                unit: "",
            },
            at_most: None,
        },
        Param {
            name: "timeout",
            what: "after which a request is repeated",
            kind: Kind::Duration {
                min_ms: 50,
                max_ms: 5000,
                default_ms: 300,
            },
            at_most: None,
        },
        Param {
            name: "work",
            what: "what a request takes at least",
            kind: Kind::Duration {
                min_ms: 1,
                max_ms: 1000,
                default_ms: 35,
            },
            at_most: None,
        },
        Param {
            name: "trigger",
            what: "how long nothing passes at the start",
            kind: Kind::Duration {
                min_ms: 0,
                max_ms: 10000,
                default_ms: 2000,
            },
            at_most: None,
        },
    ],
    symptoms: &["latency_high", "error_rate_high"],
    cures: &[ActionKind::Recover, ActionKind::Restart],
};
