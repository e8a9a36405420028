//! `crash`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Scope};
use crate::name::FaultName;

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::Crash,
    family: Family::Process,
    scope: Scope::Service,
    carrier: Carrier::Nothing,
    needs: &[],
    summary: "The service's process dies.",
    description: "SIGKILL to the process group. There is nothing to revert: it is over when a process of the \
                   service runs again, and is told to be at its time to live at the latest, whether one runs or not.",
    params: &[],
    symptoms: &["process_exited"],
    cures: &[ActionKind::Start],
};
