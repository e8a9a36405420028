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
    description: "SIGKILL to the process group. It is over the moment it is made: there is nothing to revert, \
                   and its time to live means nothing.",
    params: &[],
    symptoms: &["process_exited"],
    cures: &[ActionKind::Start],
};
