//! `arena-injector` (Villain): faults asked for in, requests to nodes out. What is allowed and when it is renewed is decided in
//! `arena-injector-core`.

mod args;
mod desk;
mod public;
mod shell;

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;

use arena_bus::{Bus, Role};
use arena_chassis::Chassis;
use arena_injector_core::Injector;

use crate::args::Args;
use crate::desk::Desk;
use crate::shell::Shell;

fn main() -> ExitCode {
    arena_chassis::run("injector", inject)
}

async fn inject(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    let schedule = args.read_schedule()?;
    if args.check {
        return Ok(());
    }
    let scheduled = schedule.entries.len();
    // Seeded by the system: no two runs give the same ids.
    let injector = Injector::new(schedule, RandomState::new().hash_one("nonce"));
    let bus = Bus::connect(&args.nats, Role::Injector, "injector").await?;
    let mut shell = Shell::open(&bus, &chassis, injector).await?;
    // Nobody is answered before it is known what is there.
    shell.catch_up().await?;
    let desk = Desk::open(&bus).await?;
    tracing::info!("ready; {scheduled} faults are scheduled");
    shell.run(desk, &chassis.shutdown).await
}
