//! `arena lever`: the full stop for everything, and its release.
//!
//! The lever lies in KV `control`, so it outlives every restart; each node and the injector watch it for themselves.

use arena_bus::NatsArgs;
use arena_operator::Operator;
use arena_proto::{Control, LeverPosition};
use arena_view::status::is_in_effect;
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
    let operator = client::operator(&args.nats).await?;
    let now = people::now();
    let (before, lost) = operator.control().await?;
    let control = match args.what {
        Move::Status => match lost {
            Some(lost) => return unknown(lost, args.json),
            None => before,
        },
        Move::Stop => {
            let changed = operator.set_lever(LeverPosition::Stopped, now).await?;
            if lost.is_none() && before.lever == LeverPosition::Stopped {
                eprintln!("it was stopped already");
            } else {
                eprintln!("{}", halted(&operator).await);
            }
            for outcome in operator.in_flight(now).await? {
                eprintln!(
                    "still finishing: {} {} ({})",
                    outcome.action.verb(),
                    outcome.target(),
                    outcome.command_id
                );
            }
            control::tell(changed)
        }
        Move::Resume if before.lever == LeverPosition::Released => {
            // A node may have missed it, or keep what it heard before a value that was lost.
            let changed = operator.set_lever(LeverPosition::Released, now).await?;
            eprintln!("it is released already; written anew");
            control::tell(changed)
        }
        Move::Resume => {
            let stopped = lost.map_or_else(|| describe(&before), |lost| format!("lever ({lost})"));
            people::confirm(&format!("release the {stopped}"), args.yes)?;
            let released = operator.set_lever(LeverPosition::Released, people::now());
            control::tell(released.await?)
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
        eprintln!("{}", control::told(lost));
    } else {
        let word = screen::paint("UNKNOWN", screen::tone_of("UNKNOWN"));
        screen::print(&format!("lever {word}: {}\n", control::told(lost)))?;
    }
    Ok(())
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

/// What the stop reverts, as far as anybody can say: it is in force whether the recorder answers or not.
async fn halted(operator: &Operator) -> String {
    let now = people::now();
    let faults = operator.faults().await.map(|faults| {
        let active = faults.into_iter().filter(|fault| is_in_effect(fault, now));
        active.collect::<Vec<_>>()
    });
    match faults {
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
        Err(why) => format!(
            "halted; every fault is being reverted, which ones is unknown: {}",
            why.sentence()
        ),
    }
}
