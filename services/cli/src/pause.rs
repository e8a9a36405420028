//! `arena pause` and `arena resume`: a service or a node that only a person acts on.

use std::time::Duration;

use arena_bus::NatsArgs;
use arena_proto::{Entity, Pause, Timestamp};
use clap::Args;

use crate::client;
use crate::control;
use crate::exit::Failure;
use crate::people::{self, ago, until};
use crate::screen;

/// `arena pause`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena pause node-1/orders --for 10m --reason 'looking into it'
  arena pause node-2               the node with all its services, until resumed
  arena resume node-2")]
pub(crate) struct PauseArgs {
    /// NODE or NODE/SERVICE
    entity: Entity,
    /// How long; left out, until it is resumed
    #[arg(long = "for", value_name = "DURATION", value_parser = arena_config::duration::parse)]
    limit: Option<Duration>,
    /// Why, for who finds it paused
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    nats: NatsArgs,
}

/// `arena resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// NODE or NODE/SERVICE, as it was paused
    entity: Entity,
    #[command(flatten)]
    nats: NatsArgs,
}

/// Pauses.
pub(crate) async fn pause(args: PauseArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let at = people::now();
    let paused = operator.pause(args.entity, args.limit, args.reason, at);
    let (pause, changed) = paused.await?;
    control::tell(changed);
    screen::print(&format!("{}\n", describe(&pause, at)))?;
    eprintln!(
        "nobody but a person acts on it: incidents are still raised, and told why nothing is done"
    );
    Ok(())
}

/// Resumes.
pub(crate) async fn resume(args: ResumeArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let entity = &args.entity;
    control::tell(operator.resume(entity, people::now()).await?);
    eprintln!("{entity} is no longer paused");
    Ok(())
}

/// A pause in one line.
pub(crate) fn describe(pause: &Pause, now: Timestamp) -> String {
    let end = pause.until.map_or_else(
        || "until it is resumed".to_owned(),
        |end| format!("until {}", until(end, now)),
    );
    let reason = if pause.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", pause.reason)
    };
    format!(
        "{} is paused {end}, by {} at {}{reason}",
        pause.entity,
        pause.by,
        ago(pause.at, now)
    )
}
