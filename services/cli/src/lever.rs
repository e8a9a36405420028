//! `arena lever`: the full stop for everything, and its release.
//!
//! The lever lies in KV `control`, so it outlives every restart; each node and the injector watch it for themselves.

use arena_bus::{Bus, NatsArgs};
use arena_proto::{Control, LeverPosition};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::client;
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
    lever: LeverPosition,
    by: Option<String>,
    at: Option<String>,
}

/// Runs it.
pub(crate) async fn run(args: LeverArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let before = bus.control().await?;
    let control = match args.what {
        Move::Status => before,
        Move::Stop => {
            let control = set(&bus, LeverPosition::Stopped).await?;
            if before.lever == LeverPosition::Stopped {
                eprintln!("it was stopped already");
            } else {
                eprintln!("{}", halted(&bus).await);
            }
            control
        }
        Move::Resume if before.lever == LeverPosition::Released => {
            eprintln!("it is released already");
            before
        }
        Move::Resume => {
            let stopped = describe(&before);
            people::confirm(&format!("release the {stopped}"), args.yes)?;
            set(&bus, LeverPosition::Released).await?
        }
    };
    if args.json {
        let (by, at) = control
            .lever_set
            .map(|(by, at)| (by, at.to_string()))
            .unzip();
        screen::print_json(&Report {
            lever: control.lever,
            by,
            at,
        })?;
        return Ok(());
    }
    let means = match control.lever {
        LeverPosition::Stopped => STOPPED_MEANS,
        LeverPosition::Released => RELEASED_MEANS,
    };
    screen::print(&format!("{}\n{means}", describe(&control)))?;
    Ok(())
}

/// Sets it, unless it is there already: who pulled it first is who is asked about it.
async fn set(bus: &Bus, position: LeverPosition) -> Result<Control, Failure> {
    let (by, at) = (people::who(), people::now());
    bus.change_control(move |control| {
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
