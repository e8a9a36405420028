//! `error-burst`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::ErrorBurst,
    family: Family::Application,
    scope: Scope::Service,
    carrier: Carrier::Leg,
    needs: &[Need::Proxied],
    summary: "A share of the requests to the service fails.",
    description: "The inbound leg of the sidecar answers that share with an error in place of the service. The \
                   health check does not pass through the leg and stays green. Goes away when the leg is set up \
                   anew.",
    params: &[
        Param {
            name: "share",
            what: "of the requests, by chance",
            kind: Kind::Count {
                min: 1,
                max: 100,
                default: 50,
                unit: "%",
            },
            at_most: None,
        },
        Param {
            name: "status",
            what: "the answer",
            kind: Kind::Count {
                min: 500,
                max: 599,
                default: 503,
                unit: "",
            },
            at_most: None,
        },
    ],
    symptoms: &["error_rate_high"],
    cures: &[ActionKind::Recover, ActionKind::Restart],
};
