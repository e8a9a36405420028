//! `arena do`: one action to one service or node, through the guard that also judges the remediator's commands.

mod outcome;

use arena_bus::{Durable as _, NatsArgs};
use arena_operator::{OperatorError, Order};
use arena_proto::{ActionKind, Entity, Message as _};
use arena_view::action;
use clap::Args;

use crate::args::{parameter, parameters, word};
use crate::exit::Failure;
use crate::{client, people, screen};

/// `arena do`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena do restart node-1/orders
  arena do recover node-2/ledger --dry-run
  arena do throttle node-1/batch percent=50 for=60s
  arena do quarantine node-2 --yes

Without --yes everything but start asks first.")]
pub(crate) struct DoArgs {
    /// start, stop, kill, restart, recover, drain, undrain, throttle, unthrottle, rollback, clean-disk, free-port;
    /// of a whole node: quarantine, unquarantine
    #[arg(value_parser = verb)]
    action: ActionKind,
    /// NODE/SERVICE, or NODE
    target: Entity,
    /// The action's parameters: of throttle percent (of one CPU) and for
    #[arg(value_name = "PARAM=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Say exactly what would be published, or why not, without doing it
    #[arg(long)]
    dry_run: bool,
    /// Print JSON: with --dry-run the command, else the outcome
    #[arg(long)]
    json: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    nats: NatsArgs,
}

fn verb(text: &str) -> Result<ActionKind, String> {
    word(text, ActionKind::ALL, ActionKind::verb)
}

/// Does the action, and waits for its outcome.
pub(crate) async fn run(args: DoArgs) -> Result<(), Failure> {
    let params = parameters(args.parameters)?;
    // What can be told before anybody is asked.
    action::check_shape(args.action, &args.target, &params).map_err(OperatorError::from)?;
    let operator = client::operator(&args.nats).await?;
    let order = Order {
        action: args.action,
        target: args.target,
        params,
        reason: format!("asked for by {} with `arena do`", operator.who()),
    };
    let prepared = operator.prepare(order, people::now()).await?;
    let what = prepared.describe();
    if args.dry_run {
        let command = &prepared.command;
        let body = String::from_utf8_lossy(&command.encode()).into_owned();
        if args.json {
            screen::print(&format!("{body}\n"))?;
        } else {
            let subject = command.subject();
            screen::print(&format!("would {what}\n  {subject}  {body}\n"))?;
        }
        return Ok(());
    }
    if args.action != ActionKind::Start {
        people::confirm(&what, args.yes)?;
    }
    let command = prepared.decided_at(people::now()).command;
    let mut outcomes = operator.outcomes().await?;
    operator.publish(&command).await?;
    let end = operator.outcome(&mut outcomes, &command).await?;
    outcome::tell(&end, args.json)
}
