//! `hang`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::Hang,
    family: Family::Process,
    scope: Scope::Service,
    carrier: Carrier::Process,
    needs: &[],
    summary: "The service's process stops, and still accepts connections.",
    description: "SIGSTOP to the process group; SIGCONT reverts it. The kernel goes on accepting TCP for it, so \
                   only a probe that waits for an answer notices.",
    params: &[],
    symptoms: &["probe_failed", "latency_high"],
    cures: &[ActionKind::Restart],
};
