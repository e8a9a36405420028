//! The remediator (Felix): incidents in, plans and commands out.
//!
//! All judgement is in `arena-remediator-core`; this program moves bytes. docs/remediator.md says what it does for people.

mod shell;
mod term;
mod traces;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use arena_bus::{Bus, NatsArgs, Role};
use arena_chassis::{Chassis, Exit};
use arena_remediator_core::Playbooks;

/// The remediator: plans what to do about an incident, has a node do it, and sees whether it helped
#[derive(Debug, clap::Parser)]
#[command(
    name = "arena-remediator",
    version,
    after_help = "Examples:\n  arena-remediator --playbooks my.toml --check\n  arena-remediator --nats-url nats://127.0.0.1:4222"
)]
struct Args {
    /// Which actions answer which symptom; the built-in playbooks when left out
    #[arg(long, env = "ARENA_PLAYBOOKS", value_name = "FILE")]
    playbooks: Option<PathBuf>,
    /// Only check the playbooks: exits 0 when they are good, else 2
    #[arg(long)]
    check: bool,
    /// Plan and never act, whatever mode people set: the plans are the same
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    nats: NatsArgs,
}

fn main() -> ExitCode {
    arena_chassis::run("remediator", start)
}

async fn start(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    let playbooks = load(&args)?;
    if args.check {
        return Ok(());
    }
    let shutdown = chassis.shutdown.clone();
    let bus = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        bus = Bus::connect(&args.nats, Role::Remediator, "remediator") => bus?,
    };
    Box::pin(term::serve(bus, chassis, playbooks, args.dry_run)).await
}

fn load(args: &Args) -> anyhow::Result<Playbooks> {
    let parsed = match &args.playbooks {
        None => Playbooks::built_in(),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("reading {name}"))?;
            Playbooks::parse(&name, &text)
        }
    };
    Ok(parsed.map_err(|diagnostic| Exit::new(2, diagnostic.to_string()))?)
}
