//! `arena-node`: the agent of one node. It starts, probes, samples and stops the node's services, does what commands
//! ask, makes faults when it may, and carries the services' requests through its sidecar.
//!
//! What is decided is `arena-node-core`'s; here bytes are moved and processes handled.

mod agent;
mod burn;
mod control_socket;
mod effects;
mod engine;
mod faults;
mod http;
mod link;
mod logs;
mod probe;
mod processes;
mod publish;
mod sampling;
mod sidecar;
mod spec;
mod store;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(burn::SUBCOMMAND) {
        return burn::main();
    }
    arena_chassis::run("node", agent::run)
}
