//! `arena villain`: who hurts the arena by itself. The injector plays it; this asks for it, shows it, and ends it.

mod start;
mod tell;

use std::time::Duration;

use arena_bus::NatsArgs;
use arena_operator::Operator;
use arena_proto::{VillainOperation, VillainRequest};
use clap::{Args, Subcommand};

use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;

/// A revert may have to wait for a process to be gone and to be read back; what does not answer ends by its lease, sooner than this.
const STOP_WAIT: Duration = Duration::from_secs(15);
/// How often it is asked whether it has stopped: a person does not see the difference.
const STOP_POLL: Duration = Duration::from_millis(100);

/// `arena villain`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    before_help = "\
Examples:
  arena villain start random                             20 faults, one every 20 s or so, for 10 minutes
  arena villain start random --seed 7 --budget 50 --at-once 3 --every 5s --families network,process
  arena villain start adaptive --faults hang,gray,network-delay --for 30m
  arena villain start adaptive --stop-when 'user_error_percent > 20 for 30s' --stop-when escalated
  arena villain start scripted hang-edge                 a curated scenario, or a file
  arena villain status                                   its budget, its faults, what it has learnt
  arena villain stop                                     its faults are reverted"
)]
pub(crate) struct VillainArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start one: there is one at a time (needs `arena up --chaos`)
    Start(start::StartArgs),
    /// End it, and revert its faults
    Stop {
        #[command(flatten)]
        nats: NatsArgs,
    },
    /// Show it, or the last one
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        nats: NatsArgs,
    },
}

/// Runs it.
pub(crate) async fn run(args: VillainArgs) -> Result<(), Failure> {
    match args.command {
        Command::Start(args) => {
            let (request, nats) = args.request()?;
            let operator = client::operator(&nats).await?;
            let status = operator.villain(&request).await?;
            screen::print(&tell::started(&status))?;
        }
        Command::Stop { nats } => stop(&client::operator(&nats).await?).await?,
        Command::Status { json, nats } => {
            let operator = client::operator(&nats).await?;
            let status = operator.villain(&VillainRequest::default()).await?;
            if json {
                screen::print_json(&status)?;
            } else {
                screen::print(&tell::status(&status))?;
            }
        }
    }
    Ok(())
}

/// Ends it, and waits until its faults are gone.
async fn stop(operator: &Operator) -> Result<(), Failure> {
    let before = operator.villain(&VillainRequest::default()).await?;
    if before.state == "STOPPED" {
        return Err(Exit::NotRunning.because("no villain is running"));
    }
    let request = VillainRequest {
        op: VillainOperation::Stop,
        ..VillainRequest::default()
    };
    let mut status = operator.villain(&request).await?;
    let stopped = async {
        while status.state != "STOPPED" {
            tokio::time::sleep(STOP_POLL).await;
            status = operator.villain(&VillainRequest::default()).await?;
        }
        Ok::<_, Failure>(status)
    };
    match tokio::time::timeout(STOP_WAIT, stopped).await {
        Ok(status) => Ok(screen::print(&tell::status(&status?))?),
        Err(_) => Err(Exit::Timeout.because(
            "it makes nothing any more, but not every node has said that its fault is gone; `arena status` shows what is left",
        )),
    }
}
