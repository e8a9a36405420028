//! `telemetry-freeze`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::TelemetryFreeze,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "The values stand still.",
    description: "Every message has the values of the last one before the fault, with its own time and number; \
                   the states of the services are told as they are. \
                   The node is well, and if it is not, nobody can tell by its values.",
    params: &[],
    symptoms: &["telemetry_frozen"],
    cures: &[],
};
