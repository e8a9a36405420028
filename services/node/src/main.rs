//! `arena-node`: the agent of one node. It starts, probes, samples and stops the node's services, does what commands
//! ask, makes faults when it may, and carries the services' requests through its sidecar.
//!
//! What is decided is `arena-node-core`'s; here bytes are moved and processes handled.

mod actions;
mod agent;
mod control_socket;
mod edges;
mod effects;
mod engine;
mod faults;
mod helper;
mod http;
mod link;
mod logs;
mod makes_watch;
mod port_watch;
mod probe;
mod processes;
mod publish;
mod sampling;
mod sidecar;
mod spec;
mod store;
mod view;

use std::process::ExitCode;
use std::time::Duration;

use arena_chassis::Program;
use arena_config::arena::STOP_GRACE_MAX;

/// Beside the services' own grace: to revert faults, and to tell the bus.
const OWN_GRACE: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    if let Some(code) = helper::main() {
        return code;
    }
    Program::new("node")
        .grace(STOP_GRACE_MAX + OWN_GRACE)
        .run(agent::run)
}
