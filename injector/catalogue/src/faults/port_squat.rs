//! `port-squat`.

use arena_proto::ActionKind;

use crate::fault::{Carrier, Family, Fault, Need, Scope};
use crate::name::FaultName;

pub(crate) const FAULT: Fault = Fault {
    name: FaultName::PortSquat,
    family: Family::Application,
    scope: Scope::Service,
    carrier: Carrier::Helper,
    needs: &[Need::Port],
    summary: "The service dies, and an orphan holds its port.",
    description: "SIGKILL to the process group, and a process of its own listens on the service's port from then \
                   on, with no agent as its parent and with the service's command line, as a child that \
                   outlived it. It ends by itself at its time to live, whoever is dead by \
                   then. FREE_PORT ends it.",
    params: &[],
    symptoms: &["process_exited"],
    cures: &[ActionKind::FreePort],
};
