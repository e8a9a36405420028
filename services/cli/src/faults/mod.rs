//! `arena faults`: the catalogue, and what each node and service of the running arena can take. Without an arena: the catalogue alone.
//!
//! What can be taken is judged by `arena-view`; the node has the last word.

mod machine;
mod tell;

use arena_bus::NatsArgs;
use arena_faults::{CATALOGUE, Fault};
use arena_proto::NodeStatus;
use arena_view::faults::{FaultReport, report};
use clap::Args;
use serde::Serialize;

use crate::args::FaultParser;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;
use crate::up::data_dir::DataDirArgs;

/// `arena faults`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena faults                    all of them, and how many targets can take each
  arena faults network-delay      its parameters, its symptoms, its cures, and each target
  arena faults --json             everything, for scripts")]
pub(crate) struct FaultsArgs {
    /// Only this one, with everything that is known of it
    #[arg(value_parser = FaultParser, hide_possible_values = true)]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataDirArgs,
    #[command(flatten)]
    nats: NatsArgs,
}

/// What `--json` prints; scripts rest on it: fields are added, never renamed.
#[derive(Debug, Serialize)]
struct Report {
    /// An arena is running; without one there are no targets.
    arena: bool,
    faults: Vec<FaultReport>,
}

/// Prints it.
pub(crate) async fn run(args: FaultsArgs) -> Result<(), Failure> {
    let named = args.name.as_deref().map(Fault::named).transpose();
    let named = named.map_err(|error| Exit::NotRunning.because(error))?;
    let nodes = nodes(&args.nats).await?;
    let machine = machine::look(&args.data);
    let all = CATALOGUE.iter().map(|name| name.fault());
    let wanted = all.filter(|fault| named.is_none_or(|named| named == *fault));
    let report = Report {
        arena: nodes.is_some(),
        faults: wanted
            .map(|fault| report(fault, nodes.as_deref().unwrap_or_default(), &machine))
            .collect(),
    };
    if args.json {
        return Ok(screen::print_json(&report)?);
    }
    match (named, report.faults.as_slice()) {
        (Some(_), [fault]) => screen::print(&tell::one(fault))?,
        (_, faults) => screen::print(&tell::all(faults, report.arena))?,
    }
    if !report.arena {
        eprintln!(
            "no arena is running: this is the catalogue alone; `arena up --chaos` starts one that takes faults"
        );
    }
    Ok(())
}

/// How the nodes stand; `None` without an arena.
async fn nodes(nats: &NatsArgs) -> Result<Option<Vec<NodeStatus>>, Failure> {
    let bus = match client::connect(nats).await {
        Ok(bus) => bus,
        Err(failure) if failure.exit == Exit::NotRunning => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let mut nodes = bus.statuses().await?;
    nodes.sort_by(|left, right| left.node.cmp(&right.node));
    Ok(Some(nodes))
}
