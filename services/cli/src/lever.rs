//! `arena lever`: the full stop for everything, and its release.
//!
//! The lever lies in KV `control`, so it outlives every restart; each node and the injector watch it for themselves.

use std::collections::BTreeMap;

use arena_bus::{Bus, Consume, From, NatsArgs};
use arena_proto::{Command, Control, LeverPosition, Outcome};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::client;
use crate::control;
use crate::exit::Failure;
use crate::people::{self, ago};
use crate::screen;

const STOPPED_MEANS: &str = "  every node refuses every command (LEVER_STOPPED), also a person's, and reverts every fault; \
     new faults are refused; services run on
  it stays so across restarts, until: arena lever resume
";
const RELEASED_MEANS: &str =
    "  commands and faults are taken; what the remediator may do by itself is told by: arena mode
";

/// `arena lever`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena lever stop        halt every action and revert every fault, at once
  arena lever             where it is, who set it, and when
  arena lever resume      release it again")]
pub(crate) struct LeverArgs {
    /// What to do with it
    #[arg(value_enum, default_value_t = Move::Status)]
    what: Move,
    /// Do not ask before it is released
    #[arg(long, short)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    nats: NatsArgs,
}

/// What to do with the lever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Move {
    /// Halt every action and revert every fault, without asking
    Stop,
    /// Release it: actions and faults are taken again
    Resume,
    /// Show it
    Status,
}

#[derive(Serialize)]
struct Report {
    /// Null when nobody can say.
    lever: Option<LeverPosition>,
    by: Option<String>,
    at: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: LeverArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let decided = bus.decided().await?;
    let lost = control::lost(&decided);
    let before = decided.control();
    let control = match args.what {
        Move::Status if lost.is_some() => return unknown(lost.unwrap_or_default(), args.json),
        Move::Status => before,
        Move::Stop => {
            let control = set(&bus, LeverPosition::Stopped).await?;
            if lost.is_none() && before.lever == LeverPosition::Stopped {
                eprintln!("it was stopped already");
            } else {
                eprintln!("{}", halted(&bus).await);
            }
            for outcome in in_flight(&bus).await? {
                eprintln!(
                    "still finishing: {} {} ({})",
                    outcome.action.verb(),
                    outcome.target(),
                    outcome.command_id
                );
            }
            control
        }
        Move::Resume if before.lever == LeverPosition::Released => {
            // A node may have missed it, or keep what it heard before a value that was lost.
            let control = set(&bus, LeverPosition::Released).await?;
            eprintln!("it is released already; written anew");
            control
        }
        Move::Resume => {
            let stopped = lost.map_or_else(|| describe(&before), |lost| format!("lever ({lost})"));
            people::confirm(&format!("release the {stopped}"), args.yes)?;
            set(&bus, LeverPosition::Released).await?
        }
    };
    if args.json {
        let lever = Some(control.lever);
        let (by, at) = control
            .lever_set
            .map(|(by, at)| (by, at.to_string()))
            .unzip();
        screen::print_json(&Report { lever, by, at })?;
        return Ok(());
    }
    let means = match control.lever {
        LeverPosition::Stopped => STOPPED_MEANS,
        LeverPosition::Released => RELEASED_MEANS,
    };
    screen::print(&format!("{}\n{means}", describe(&control)))?;
    Ok(())
}

/// Tells that nobody can say where it is.
fn unknown(lost: &str, json: bool) -> Result<(), Failure> {
    if json {
        screen::print_json(&Report {
            lever: None,
            by: None,
            at: None,
        })?;
        eprintln!("{lost}{}", control::MEND);
    } else {
        let word = screen::paint("UNKNOWN", screen::tone_of("UNKNOWN"));
        screen::print(&format!("lever {word}: {lost}{}\n", control::MEND))?;
    }
    Ok(())
}

/// Writes it, also when it is there already, as a node may not have heard that. Then the name stays: who pulled it first is
/// who is asked about it.
async fn set(bus: &Bus, position: LeverPosition) -> Result<Control, Failure> {
    let (by, at) = (people::who(), people::now());
    control::change(bus, move |control| {
        if control.lever != position || control.lever_set.is_none() {
            control.lever = position;
            control.lever_set = Some((by.clone(), at));
            control.by.clone_from(&by);
            control.at = at;
        }
        Ok(())
    })
    .await
}

/// The lever in one line.
pub(crate) fn describe(control: &Control) -> String {
    let word = screen::paint(
        control.lever.as_str(),
        screen::tone_of(control.lever.as_str()),
    );
    match &control.lever_set {
        Some((by, at)) => format!("lever {word} by {by} at {}", ago(*at, people::now())),
        None => format!("lever {word}; nobody has moved it yet"),
    }
}

/// What nodes have begun: that is finished, as half an action is worse than a whole one. None lasts for longer than the
/// longest deadline.
async fn in_flight(bus: &Bus) -> Result<Vec<Outcome>, Failure> {
    let since = people::now() - Command::DEADLINE_MAX;
    let consume = Consume::ephemeral().from(From::Since(since));
    let mut outcomes = bus.consume::<Outcome>(consume).await?;
    let mut last = BTreeMap::new();
    while let Some(delivery) = outcomes.next_stored().await {
        let outcome = delivery.message;
        last.insert(outcome.command_id.clone(), outcome);
    }
    last.retain(|_, outcome| !outcome.state.is_final());
    Ok(last.into_values().collect())
}

/// What the stop reverts, as far as anybody can say: it is in force whether the recorder answers or not.
async fn halted(bus: &Bus) -> String {
    match client::active_faults(bus).await {
        Ok(faults) if faults.is_empty() => "halted; no fault was active".to_owned(),
        Ok(faults) => {
            let named: Vec<String> = faults
                .iter()
                .map(|fault| format!("{} on {} ({})", fault.fault, fault.target, fault.id))
                .collect();
            format!(
                "halted; these faults are being reverted: {}",
                named.join(", ")
            )
        }
        Err(why) => format!("halted; every fault is being reverted, which ones is unknown: {why}"),
    }
}
