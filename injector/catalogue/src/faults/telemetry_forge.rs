//! `telemetry-forge`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetryForge,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "A metric lies.",
    description: "Its value is replaced, of the node and of every service that has it, or of one service, also \
                   where there is no reading (a service that does not run or is not asked). \
                   Somebody who believes it acts on what is not so. The node is well.",
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
            name: "value",
            what: "what is told",
            kind: Kind::Count {
                min: 0,
                max: 1_000_000_000,
                default: 99,
                unit: "",
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
