//! `arena do`: one action to one service, through the guard that also judges the remediator's commands.

use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use arena_bus::{Bus, Consume, Deliveries, From};
use arena_chassis::Clock;
use arena_proto::{
    ActionKind, Command, CommandId, CommandState, Entity, Outcome, Preconditions, ServiceStatus,
    check_action,
};

use crate::args::DoArgs;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;

/// A person's command that is not taken within this time is not wanted any more.
const EXPIRY: Duration = Duration::from_secs(5);
/// How long after the deadline the outcome may still be under way.
const OUTCOME_SLACK: Duration = Duration::from_secs(2);

/// Does the action, and waits for its outcome.
pub(crate) async fn run(args: DoArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let status = find(&bus, &args.target).await?;
    check_action(
        args.action,
        status.name.as_str(),
        status.state,
        &status.detail,
    )
    .map_err(|refusal| Exit::Failed.because(refusal))?;
    let verb = args.action.as_str().to_lowercase();
    let pid = status
        .pid
        .map_or_else(|| "no process".to_owned(), |pid| format!("pid {pid}"));
    let plan = format!("{verb} {} ({}, {pid})", args.target, status.state);
    if args.dry_run {
        screen::print(&format!("would {plan}\n"))?;
        return Ok(());
    }
    if !args.yes && args.action != ActionKind::Start && !confirmed(&plan)? {
        return Err(Exit::Failed.because("not done"));
    }
    let mut outcomes = bus
        .consume::<Outcome>(Consume::ephemeral().from(From::New))
        .await?;
    let command = command(&args.target, args.action, &status)?;
    bus.publish(&command, None).await?;
    let outcome = final_outcome(&mut outcomes, &command).await?;
    eprintln!(
        "{verb} {}: {} {}",
        args.target, outcome.state, outcome.message
    );
    match outcome.state {
        CommandState::Succeeded => Ok(()),
        CommandState::TimedOut => Err(Exit::Timeout.because("the action did not end in time")),
        _ => Err(Exit::Failed.because(outcome.message)),
    }
}

async fn find(bus: &Bus, target: &Entity) -> Result<ServiceStatus, Failure> {
    let Some(service) = &target.service else {
        return Err(Exit::Usage.because(format!(
            "{target} is a node; actions are for services\n  mend: write NODE/SERVICE"
        )));
    };
    let nodes = bus.statuses().await?;
    let all = nodes
        .iter()
        .flat_map(|node| node.services.iter().map(move |s| (&node.node, s)));
    let found = all
        .clone()
        .find(|(node, s)| **node == target.node && s.name == *service);
    found.map(|(_, status)| status.clone()).ok_or_else(|| {
        let known: Vec<String> = all.map(|(node, s)| format!("{node}/{}", s.name)).collect();
        Exit::NotRunning.because(format!(
            "no service {target}\n  mend: use one of {}",
            known.join(", ")
        ))
    })
}

fn confirmed(plan: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    eprint!("{plan}? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn command(
    target: &Entity,
    action: ActionKind,
    status: &ServiceStatus,
) -> Result<Command, Failure> {
    let now = Clock::new().now();
    let id = CommandId::new(format!(
        "cmd-cli-{}-{}",
        now.unix_nanos(),
        std::process::id()
    ))?;
    Ok(Command {
        fence: None,
        params: std::collections::BTreeMap::new(),
        id,
        action,
        node: target.node.clone(),
        service: Some(status.name.clone()),
        expires_at: now + EXPIRY,
        deadline: Command::DEADLINE_DEFAULT,
        // The person decided about the process that the status showed, not about its successor.
        preconditions: Preconditions {
            start_time: None,
            pid: status.pid,
            generation: Some(status.generation),
        },
        incident_id: None,
        issuer: "cli".to_owned(),
        reason: "asked for by `arena do`".to_owned(),
        at: now,
    })
}

async fn final_outcome(
    outcomes: &mut Deliveries<Outcome>,
    command: &Command,
) -> Result<Outcome, Failure> {
    let search = async {
        while let Some(delivery) = outcomes.next().await {
            let outcome = delivery.message;
            if outcome.command_id == command.id && outcome.state.is_final() {
                return Some(outcome);
            }
        }
        None
    };
    let limit = EXPIRY + command.deadline + OUTCOME_SLACK;
    match tokio::time::timeout(limit, search).await {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) => {
            Err(Exit::NotRunning.because("the bus went away; what became of it is UNKNOWN"))
        }
        Err(_) => Err(Exit::Timeout.because("no outcome: what became of it is UNKNOWN")),
    }
}
