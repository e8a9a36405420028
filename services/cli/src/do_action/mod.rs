//! `arena do`: one action to one service or node, through the guard that also judges the remediator's commands.

mod outcome;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use arena_bus::{Bus, Consume, Durable as _, From, NatsArgs};
use arena_proto::{
    ActionKind, Command, CommandId, Entity, LeverPosition, Message as _, NodeStatus, Outcome,
    Preconditions, ServiceStatus, check_action,
};
use clap::Args;

use crate::args::{parameter, parameters, word};
use crate::client;
use crate::exit::{Exit, Failure};
use crate::{control, lever, people, screen};

/// A person's command that is not taken within this time is not wanted any more.
const EXPIRY: Duration = Duration::from_secs(5);

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
    #[arg(value_parser = action)]
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

fn action(text: &str) -> Result<ActionKind, String> {
    word(text, ActionKind::ALL, ActionKind::verb)
}

/// Does the action, and waits for its outcome.
pub(crate) async fn run(args: DoArgs) -> Result<(), Failure> {
    let params = checked(args.action, &args.target, parameters(args.parameters)?)?;
    let bus = client::connect(&args.nats).await?;
    let status = find(&bus, &args.target).await?;
    guard(&bus, args.action, &args.target, &status).await?;
    let why = format!("asked for by {} with `arena do`", people::who());
    let command = command(args.action, &args.target, &status, params, why)?;
    let what = describe(&command, &status);
    if args.dry_run {
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
    let mut outcomes = bus
        .consume::<Outcome>(Consume::ephemeral().from(From::New))
        .await?;
    bus.publish(&command, None).await?;
    let end = outcome::last(&mut outcomes, &command, EXPIRY).await?;
    outcome::tell(&args.target, &end, args.json)
}

/// Asks for an action without asking a person, through the same guard, and does not wait for its outcome.
pub(crate) async fn issue(
    bus: &Bus,
    action: ActionKind,
    target: &Entity,
    params: BTreeMap<String, String>,
    why: String,
) -> Result<(), Failure> {
    let params = checked(action, target, params)?;
    let status = find(bus, target).await?;
    guard(bus, action, target, &status).await?;
    let command = command(action, target, &status, params, why)?;
    Ok(bus.publish(&command, None).await?)
}

/// The parameters that this action knows, for this kind of target.
fn checked(
    action: ActionKind,
    target: &Entity,
    params: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Failure> {
    let verb = action.verb();
    let usage = |what: String| Err(Exit::Usage.because(what));
    if action.is_for_nodes() && target.service.is_some() {
        return usage(format!(
            "{verb} is for a whole node, and {target} is a service\n  mend: arena do {verb} {}",
            target.node
        ));
    }
    let known: &[&str] = match action {
        ActionKind::Throttle => &["percent", "for"],
        _ => &[],
    };
    let unknown = params.keys().find(|name| !known.contains(&name.as_str()));
    if let Some(name) = unknown {
        let mend = match known {
            [] => "it takes none".to_owned(),
            known => format!("it takes {}", known.join(" and ")),
        };
        return usage(format!("{verb} has no parameter {name}\n  mend: {mend}"));
    }
    Ok(params)
}

/// Who it is for, as it stands.
enum Status {
    Service(ServiceStatus),
    Node(NodeStatus),
}

async fn find(bus: &Bus, target: &Entity) -> Result<Status, Failure> {
    client::known(bus, target).await?;
    let nodes = bus.statuses().await?;
    let node = nodes.into_iter().find(|node| node.node == target.node);
    let found = match (&target.service, node) {
        (None, Some(node)) => Some(Status::Node(node)),
        (Some(name), Some(node)) => node
            .services
            .into_iter()
            .find(|service| service.name == *name)
            .map(Status::Service),
        _ => None,
    };
    found.ok_or_else(|| Exit::NotRunning.because(format!("{target} left the arena just now")))
}

/// What the node would refuse is refused here, in the same words.
async fn guard(
    bus: &Bus,
    action: ActionKind,
    target: &Entity,
    status: &Status,
) -> Result<(), Failure> {
    let decided = bus.decided().await?;
    if let Some(lost) = control::lost(&decided) {
        return Err(Exit::Failed.because(format!("{lost}{}", control::MEND)));
    }
    let control = decided.control();
    if control.lever == LeverPosition::Stopped {
        return Err(Exit::Failed.because(format!(
            "{}: nodes refuse every command, also a person's\n  mend: arena lever resume",
            lever::describe(&control)
        )));
    }
    let refusal = match status {
        Status::Service(service) => check_action(
            action,
            service.name.as_str(),
            service.state,
            &service.detail,
        )
        .err()
        .map(|refusal| refusal.sentence),
        Status::Node(_) if !action.is_for_nodes() => {
            return Err(Exit::Usage.because(format!(
                "{target} is a node; {} is for services\n  mend: write NODE/SERVICE",
                action.verb()
            )));
        }
        Status::Node(node) => match (action, node.quarantined) {
            (ActionKind::Quarantine, true) => Some(format!("{target} is quarantined already")),
            (ActionKind::Unquarantine, false) => Some(format!("{target} is not quarantined")),
            _ => None,
        },
    };
    refusal.map_or(Ok(()), |sentence| Err(Exit::Failed.because(sentence)))
}

fn command(
    action: ActionKind,
    target: &Entity,
    status: &Status,
    params: BTreeMap<String, String>,
    reason: String,
) -> Result<Command, Failure> {
    let now = people::now();
    let id = CommandId::new(format!(
        "cmd-cli-{}-{}",
        now.unix_nanos(),
        std::process::id()
    ))?;
    // The person decided about the process that the status showed, not about its successor.
    let preconditions = match status {
        Status::Service(service) => Preconditions {
            pid: service.pid,
            generation: Some(service.generation),
            start_time: service.detail.start_time.filter(|_| service.pid.is_some()),
        },
        Status::Node(_) => Preconditions::default(),
    };
    Ok(Command {
        id,
        action,
        node: target.node.clone(),
        service: target.service.clone(),
        expires_at: now + EXPIRY,
        deadline: Command::DEADLINE_DEFAULT,
        preconditions,
        incident_id: None,
        issuer: "cli".to_owned(),
        reason,
        at: now,
        fence: None,
        params,
    })
}

/// The action, the target and what is known of it, in one line.
fn describe(command: &Command, status: &Status) -> String {
    let mut what = format!("{} {}", command.action.verb(), command.target());
    for (name, value) in &command.params {
        let _ = write!(what, " {name}={value}");
    }
    let state = match status {
        Status::Service(service) => {
            let pid = service
                .pid
                .map_or_else(|| "no process".to_owned(), |pid| format!("pid {pid}"));
            format!("{}, {pid}", service.state)
        }
        Status::Node(node) => format!("{} services", node.services.len()),
    };
    format!("{what} ({state})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(action: ActionKind, target: &str, name: &str) -> Result<(), Exit> {
        let given = (!name.is_empty()).then(|| (name.to_owned(), "1".to_owned()));
        checked(
            action,
            &target.parse().unwrap(),
            given.into_iter().collect(),
        )
        .map(drop)
        .map_err(|failure| failure.exit)
    }

    #[test]
    fn parameters_and_targets_that_do_not_fit_are_bad_usage() {
        assert_eq!(check(ActionKind::Throttle, "n/s", "percent"), Ok(()));
        assert_eq!(
            check(ActionKind::Throttle, "n/s", "share"),
            Err(Exit::Usage)
        );
        assert_eq!(check(ActionKind::Restart, "n/s", "for"), Err(Exit::Usage));
        assert_eq!(check(ActionKind::Quarantine, "n/s", ""), Err(Exit::Usage));
        assert_eq!(check(ActionKind::Quarantine, "n", ""), Ok(()));
    }
}
