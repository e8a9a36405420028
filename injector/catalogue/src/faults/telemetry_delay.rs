//! `telemetry-delay`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;
use crate::param::{Kind, Param};

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetryDelay,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "The node's telemetry arrives late.",
    description: "Every message waits in the agent, at most 256 of them (beyond that the oldest goes at once); its \
                   time is when it was taken. Nothing comes for `delay` and a second at the beginning: beyond the \
                   detector's silence limit that is a silent node. What waits at the end goes out at once. The node \
                   is well.",
    params: &[Param {
        name: "delay",
        what: "how late",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 30000,
            default_ms: 2000,
        },
        at_most: None,
    }],
    symptoms: &[],
    cures: &[],
};
