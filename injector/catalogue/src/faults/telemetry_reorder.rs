//! `telemetry-reorder`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetryReorder,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "Telemetry arrives in another order.",
    description: "Messages are gathered, and leave in a random order, one as another comes and none later than \
                   after two windows of others; what is left at the end goes out at once. The node is well.",
    params: &[Param {
        name: "window",
        what: "messages that are gathered",
        kind: Kind::Count {
            min: 2,
            max: 20,
            default: 4,
            unit: "",
        },
        at_most: None,
    }],
    symptoms: &[],
    cures: &[],
};
