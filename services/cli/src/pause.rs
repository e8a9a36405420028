//! `arena pause` and `arena resume`: a service or a node that only a person acts on.

use std::time::Duration;

use arena_bus::{Bus, NatsArgs};
use arena_proto::{Control, Entity, Pause, Timestamp};
use clap::Args;

use crate::client;
use crate::control;
use crate::exit::{Exit, Failure};
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
    if args.limit.is_some_and(|limit| limit.is_zero()) {
        return Err(Exit::Usage.because("--for is out of range: use more than 0s"));
    }
    let bus = client::connect(&args.nats).await?;
    client::known(&bus, &args.entity).await?;
    let at = people::now();
    let pause = Pause {
        entity: args.entity,
        by: people::who(),
        reason: args.reason,
        at,
        until: args.limit.map(|limit| at + limit),
    };
    change(&bus, pause.by.clone(), at, |control| {
        control
            .pauses
            .retain(|earlier| earlier.entity != pause.entity);
        control.pauses.push(pause.clone());
        Ok(())
    })
    .await?;
    screen::print(&format!("{}\n", describe(&pause, at)))?;
    eprintln!(
        "nobody but a person acts on it: incidents are still raised, and told why nothing is done"
    );
    Ok(())
}

/// Resumes.
pub(crate) async fn resume(args: ResumeArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let at = people::now();
    let entity = &args.entity;
    change(&bus, people::who(), at, |control| {
        let before = control.pauses.len();
        let covered_by = control.pause(entity, at).map(|pause| pause.entity.clone());
        control.pauses.retain(|pause| pause.entity != *entity);
        if control.pauses.len() < before {
            return Ok(());
        }
        Err(Exit::NotRunning.because(match covered_by {
            Some(node) => {
                format!("{entity} is paused with its whole node\n  mend: arena resume {node}")
            }
            None => format!("{entity} is not paused\n  mend: `arena status` shows what is"),
        }))
    })
    .await?;
    eprintln!("{entity} is no longer paused");
    Ok(())
}

/// Changes the pauses; those that are over go with the opportunity, so that they do not pile up.
async fn change(
    bus: &Bus,
    by: String,
    at: Timestamp,
    change: impl Fn(&mut Control) -> Result<(), Failure>,
) -> Result<Control, Failure> {
    control::change(bus, |control| {
        control
            .pauses
            .retain(|pause| pause.until.is_none_or(|until| at < until));
        change(control)?;
        control.by.clone_from(&by);
        control.at = at;
        Ok(())
    })
    .await
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
