//! `deadlock`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::Deadlock,
    family: Family::Process,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[Need::Itself],
    summary: "The service lives and accepts, and never answers again.",
    description: "Every request, the health check included, waits for a lock that nobody gives back. Its threads \
                   are not stopped, and it uses no CPU; RECOVER does not untie it.",
    params: &[],
    symptoms: &["probe_failed", "latency_high"],
    cures: &[ActionKind::Restart],
};
