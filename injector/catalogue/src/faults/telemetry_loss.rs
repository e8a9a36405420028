//! `telemetry-loss`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetryLoss,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "A share of the node's telemetry does not arrive.",
    description: "Messages are dropped by chance between the agent and the bus; their numbers are used up, so \
                   that readers see the gaps. The more are lost, the likelier the node is called silent for a moment (in 4 of 100 minutes \
                   at 20 %, in 37 at 50 %). The node is well.",
    params: &[Param {
        name: "share",
        what: "of the messages, by chance",
        kind: Kind::Count {
            min: 1,
            max: 100,
            default: 20,
            unit: "%",
        },
        at_most: None,
    }],
    symptoms: &[],
    cures: &[],
};
