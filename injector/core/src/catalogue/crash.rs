//! `crash`.

use arena_proto::ActionKind;

use super::Fault;

pub(super) const FAULT: Fault = Fault {
    name: "crash",
    summary: "The service's process dies.",
    description: "SIGKILL to the process group. It is over the moment it is made: there is nothing to revert, and its time to live \
                  means nothing.",
    params: &[],
    symptoms: &["process_exited"],
    cures: &[ActionKind::Start],
};
