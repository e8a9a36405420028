//! `node-silent`.

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::NodeSilent,
    family: Family::Telemetry,
    scope: Scope::Node,
    carrier: Carrier::Agent,
    needs: &[],
    summary: "Nothing is heard of the node.",
    description: "Neither telemetry nor its status is told, as when its link to the bus is cut; its services go \
                   on and serve, and it still does what it is told. It hears of the end of the fault, and what \
                   became of its status meanwhile is told at once.",
    params: &[],
    symptoms: &["node_silent"],
    cures: &[],
};
