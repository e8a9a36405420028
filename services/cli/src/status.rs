//! `arena status`: nodes, services, open incidents, active faults, mode and lever.

use std::fmt::Write as _;

use arena_proto::{Control, NodeStatus, ProcessState, ServiceStatus, Summary};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::client::{self, COMPONENTS, Roll};
use crate::exit::{Exit, Failure};
use crate::screen::{self, Cell, Tone};

/// What `--json` prints; scripts rest on it.
#[derive(Debug, Serialize)]
struct Report {
    nodes: Vec<NodeReport>,
    /// Null when the recorder does not answer: unknown is not zero.
    incidents_open: Option<u64>,
    faults_active: Option<u64>,
    mode: String,
    lever: String,
    components: Vec<ComponentReport>,
    /// What is not well, in words; empty when all is.
    degraded: Vec<String>,
}

#[derive(Debug, Serialize)]
struct NodeReport {
    name: String,
    state: String,
    chaos: bool,
    services: Vec<ServiceReport>,
}

#[derive(Debug, Serialize)]
struct ServiceReport {
    name: String,
    state: String,
    probe: String,
    pid: Option<u32>,
    port: Option<u16>,
    restarts: u32,
    message: String,
}

#[derive(Debug, Serialize)]
struct ComponentReport {
    name: String,
    state: String,
}

/// A component or an agent that does not answer.
const SILENT: &str = "NO_DATA";

/// Prints the status.
pub(crate) async fn run(args: StatusArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let roll = Roll::call(&bus).await?;
    let summary = client::summary(&bus).await?;
    let control = bus.control().await?;
    let report = report(&roll, summary.as_ref(), &control);
    if args.json {
        screen::print_json(&report)?;
    } else {
        screen::print(&text(&report))?;
    }
    if args.exit_code && !report.degraded.is_empty() {
        return Err(Exit::Degraded.because(format!("degraded: {}", report.degraded.join("; "))));
    }
    Ok(())
}

fn report(roll: &Roll, summary: Option<&Summary>, control: &Control) -> Report {
    let nodes: Vec<NodeReport> = roll
        .nodes
        .iter()
        .map(|node| node_report(node, roll.has_node(node)))
        .collect();
    let components: Vec<ComponentReport> = COMPONENTS
        .iter()
        .map(|name| ComponentReport {
            name: (*name).to_owned(),
            state: if roll.has_component(name) {
                "RUNNING"
            } else {
                SILENT
            }
            .to_owned(),
        })
        .collect();
    let mut report = Report {
        nodes,
        incidents_open: summary.map(|summary| summary.incidents_open),
        faults_active: summary.map(|summary| summary.faults_active),
        mode: control.mode.to_string(),
        lever: control.lever.to_string(),
        components,
        degraded: Vec::new(),
    };
    report.degraded = degraded(&report);
    report
}

fn node_report(node: &NodeStatus, answers: bool) -> NodeReport {
    // An agent that does not answer cannot vouch for its services: what it last wrote is not what is.
    let state = if answers { node.state.as_str() } else { SILENT };
    NodeReport {
        name: node.node.to_string(),
        state: state.to_owned(),
        chaos: node.chaos,
        services: node
            .services
            .iter()
            .map(|service| service_report(service, answers))
            .collect(),
    }
}

fn service_report(service: &ServiceStatus, known: bool) -> ServiceReport {
    ServiceReport {
        name: service.name.to_string(),
        state: if known {
            service.state.as_str()
        } else {
            SILENT
        }
        .to_owned(),
        probe: if known {
            service.probe.as_str()
        } else {
            "UNKNOWN"
        }
        .to_owned(),
        pid: service.pid,
        port: service.port,
        restarts: service.restarts,
        message: service.message.clone(),
    }
}

fn degraded(report: &Report) -> Vec<String> {
    let running = ProcessState::Running.as_str();
    let mut reasons = Vec::new();
    if report.nodes.is_empty() {
        reasons.push("no node is known".to_owned());
    }
    for component in report
        .components
        .iter()
        .filter(|component| component.state != running)
    {
        reasons.push(format!("the {} does not answer", component.name));
    }
    for node in &report.nodes {
        if node.state != running {
            reasons.push(format!("{} is {}", node.name, node.state));
            continue;
        }
        for service in &node.services {
            let name = format!("{}/{}", node.name, service.name);
            if service.state != running {
                reasons.push(format!("{name} is {}", service.state));
            } else if service.probe == "FAILING" {
                reasons.push(format!("{name} fails its probe"));
            }
        }
    }
    match report.incidents_open {
        Some(0) => {}
        Some(open) => reasons.push(format!("{open} incidents are open")),
        None => reasons.push("open incidents are unknown".to_owned()),
    }
    reasons
}

fn text(report: &Report) -> String {
    let mut rows = Vec::new();
    for node in &report.nodes {
        rows.push(vec![node.name.clone().into(), screen::state(&node.state)]);
        rows.extend(
            node.services
                .iter()
                .map(|service| service_row(node, service)),
        );
    }
    let head = ["entity", "state", "probe", "pid", "port", "restarts", ""];
    let unknown = || "unknown".to_owned();
    let count = |count: Option<u64>| count.map_or_else(unknown, |count| count.to_string());
    let mut text = screen::table(&head, &rows);
    let _ = writeln!(
        text,
        "\nincidents open {}, faults active {}, mode {}, lever {}",
        count(report.incidents_open),
        count(report.faults_active),
        report.mode,
        report.lever
    );
    for component in report
        .components
        .iter()
        .filter(|component| component.state == SILENT)
    {
        let line = format!(
            "the {} does not answer: `arena up` starts what is missing\n",
            component.name
        );
        text.push_str(&screen::paint(&line, Tone::Bad));
    }
    text
}

fn service_row(node: &NodeReport, service: &ServiceReport) -> Vec<Cell> {
    let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    vec![
        format!("  {}/{}", node.name, service.name).into(),
        screen::state(&service.state),
        screen::state(&service.probe),
        number(service.pid).into(),
        number(service.port.map(u32::from)).into(),
        service.restarts.to_string().into(),
        Cell(service.message.clone(), Tone::Warn),
    ]
}
