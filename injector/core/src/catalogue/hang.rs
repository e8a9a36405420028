//! `hang`.

use arena_proto::ActionKind;

use super::Fault;

pub(super) const FAULT: Fault = Fault {
    name: "hang",
    summary: "The service's process stops, and still accepts connections.",
    description: "SIGSTOP to the process group; SIGCONT reverts it. The kernel goes on accepting TCP for it, so only a probe that \
                  waits for an answer notices.",
    params: &[],
    symptoms: &["probe_failed", "latency_high"],
    cures: &[ActionKind::Restart],
};
