//! `telemetry-bias`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetryBias,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "A metric is off by a factor.",
    description: "Its values are multiplied, of the node and of every service that has it, or of one service; \
                   where there is no reading, there is still none. \
                   The node is well.",
    params: &[
        Param {
            name: "metric",
            what: "which",
            kind: Kind::Text {
                default: "cpu_percent",
                max: 64,
            },
            at_most: None,
        },
        Param {
            name: "factor",
            what: "times so much",
            kind: Kind::Count {
                min: 0,
                max: 1000,
                default: 300,
                unit: "%",
            },
            at_most: None,
        },
        Param {
            name: "service",
            what: "whose",
            kind: Kind::Service { nothing: "of all" },
            at_most: None,
        },
    ],
    symptoms: &[],
    cures: &[],
};
