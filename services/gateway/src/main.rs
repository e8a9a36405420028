//! `arena-gateway`: REST, live events and the dashboard.

use std::process::ExitCode;

use arena_chassis::Chassis;
use arena_gateway::args::Args;

fn main() -> ExitCode {
    arena_chassis::run("gateway", run)
}

async fn run(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    arena_gateway::serve(args, chassis).await
}
