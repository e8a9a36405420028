//! `arena faults`: the catalogue, and what each node and service of the running arena can take. Without an arena: the catalogue alone.
//!
//! What can be taken is judged by what the nodes tell (KV `status`) and by this machine's memory and disk. The node has the last word: it
//! also knows its ceilings and the faults that are live.

mod machine;
mod tell;

use arena_bus::NatsArgs;
use arena_faults::{CATALOGUE, Fault, Scope, TargetError};
use arena_proto::{Entity, NodeStatus};
use clap::Args;
use serde::Serialize;

use crate::args::FaultParser;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen;
use crate::up::data_dir::DataDirArgs;
use machine::Machine;

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

#[derive(Debug, Serialize)]
struct FaultReport {
    name: &'static str,
    family: &'static str,
    /// `service`, `node` or `either`.
    scope: &'static str,
    summary: &'static str,
    description: &'static str,
    /// What a target must have.
    needs: Vec<&'static str>,
    params: Vec<ParamReport>,
    /// The main one first.
    symptoms: &'static [&'static str],
    /// Actions, any of which ends it.
    cures: Vec<String>,
    /// Why this machine does not allow it now with its defaults; null when nothing is known against it.
    machine: Option<String>,
    targets: Vec<TargetReport>,
}

#[derive(Debug, Serialize)]
struct ParamReport {
    name: &'static str,
    what: &'static str,
    range: String,
    default: String,
    /// It must not exceed this other one.
    at_most: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct TargetReport {
    target: String,
    possible: bool,
    /// Null when it is possible.
    why_not: Option<String>,
}

/// Prints it.
pub(crate) async fn run(args: FaultsArgs) -> Result<(), Failure> {
    let named = args.name.as_deref().map(Fault::named).transpose();
    let named = named.map_err(|error| Exit::NotRunning.because(error))?;
    let nodes = nodes(&args.nats).await?;
    let machine = Machine::look(&args.data);
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

fn report(fault: &'static Fault, nodes: &[NodeStatus], machine: &Machine) -> FaultReport {
    FaultReport {
        name: fault.name.as_str(),
        family: fault.family.as_str(),
        scope: match fault.scope {
            Scope::Service => "service",
            Scope::Node => "node",
            Scope::Either => "either",
        },
        summary: fault.summary,
        description: fault.description,
        needs: fault.needs.iter().map(|need| need.words()).collect(),
        params: fault
            .params
            .iter()
            .map(|param| ParamReport {
                name: param.name,
                what: param.what,
                range: param.range(),
                default: param.default_text(),
                at_most: param.at_most,
            })
            .collect(),
        symptoms: fault.symptoms,
        cures: fault.cures.iter().map(|action| action.verb()).collect(),
        machine: machine.why_not(fault),
        targets: nodes.iter().flat_map(|node| targets(fault, node)).collect(),
    }
}

/// The node and its services, those of them that the fault is made for at all.
fn targets(fault: &'static Fault, node: &NodeStatus) -> Vec<TargetReport> {
    let services = node.services.iter().map(|service| Some(&service.name));
    std::iter::once(None)
        .chain(services)
        .filter_map(|service| {
            let why_not = match fault.check_target(node, service) {
                Ok(()) => None,
                Err(TargetError::WantsService { .. } | TargetError::WantsNode { .. }) => {
                    return None;
                }
                Err(error) => Some(error.to_string()),
            };
            let target = Entity {
                node: node.node.clone(),
                service: service.cloned(),
            };
            Some(TargetReport {
                target: target.to_string(),
                possible: why_not.is_none(),
                why_not,
            })
        })
        .collect()
}
