//! `telemetry-duplicate`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetryDuplicate,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "A share of the telemetry arrives twice.",
    description: "The same message, number and all, is published again. The node is well.",
    params: &[Param {
        name: "share",
        what: "of the messages, by chance",
        kind: Kind::Count {
            min: 1,
            max: 100,
            default: 50,
            unit: "%",
        },
        at_most: None,
    }],
    symptoms: &[],
    cures: &[],
};
