//! `telemetry-skew`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetrySkew,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "The node's clock is wrong.",
    description: "Every time in its telemetry is off by `offset`. The node is well.",
    params: &[
        Param {
            name: "offset",
            what: "by how much",
            kind: Kind::Duration {
                min_ms: 10,
                max_ms: 600_000,
                default_ms: 30000,
            },
            at_most: None,
        },
        Param {
            name: "direction",
            what: "which way",
            kind: Kind::Word(&["ahead", "behind"]),
            at_most: None,
        },
    ],
    symptoms: &[],
    cures: &[],
};
