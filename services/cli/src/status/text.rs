//! A status as a person reads it: the table, one line of totals, and below it whatever is not as usual.

use std::fmt::Write as _;

use arena_proto::{LeverPosition, Mode, ObserverState, RestartOwner};
use arena_view::status::{ActiveFault, Found, NodeReport, SILENT, ServiceReport, StatusReport};

use crate::people::until;
use crate::screen::{self, Cell, Tone};
use crate::{control, lever, mode, pause};

/// The rest is listed by `arena incidents`.
const LISTED_MAX: usize = 20;

pub(super) fn text(report: &StatusReport, found: &Found) -> String {
    let mut rows = Vec::new();
    for node in &report.nodes {
        rows.push(node_row(node));
        rows.extend(
            node.services
                .iter()
                .map(|service| service_row(node, service, found)),
        );
    }
    let head = ["entity", "state", "probe", "pid", "port", "restarts", ""];
    let count =
        |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
    let mut text = screen::table(&head, &rows);
    let mode = report.arena.mode.map_or("unknown", Mode::as_str);
    let lever = report.arena.lever.map_or("UNKNOWN", LeverPosition::as_str);
    let exceptions = match mode::exceptions(&found.control) {
        none if none.is_empty() || report.arena.mode.is_none() => String::new(),
        some => format!(" ({some})"),
    };
    let _ = writeln!(
        text,
        "\nincidents open {}, faults active {}, mode {mode}{exceptions}, lever {}",
        count(report.arena.incidents_open),
        count(report.arena.faults_active),
        screen::paint(lever, screen::tone_of(lever))
    );
    text.push_str(&open(report));
    text.push_str(&decided(report, found));
    for component in report
        .arena
        .components
        .iter()
        .filter(|one| one.state == SILENT)
    {
        let line = format!(
            "the {} does not answer: `arena up` starts what is missing",
            component.name
        );
        let _ = writeln!(text, "{}", screen::paint(&line, Tone::Bad));
    }
    text
}

/// Which incidents and faults there are.
fn open(report: &StatusReport) -> String {
    let incidents = report.arena.incidents.iter().flatten().map(|incident| {
        vec![
            incident.id.as_str().into(),
            screen::state(&incident.state),
            format!("{} on {}", incident.symptom, incident.entity).into(),
        ]
    });
    let faults = report.arena.faults.iter().flatten().map(|fault| {
        vec![
            fault.id.as_str().into(),
            screen::state(&fault.state),
            format!("{} on {}, {}", fault.fault, fault.target, lives(fault)).into(),
        ]
    });
    let rows: Vec<Vec<Cell>> = incidents.chain(faults).take(LISTED_MAX).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "\n{}",
        screen::table(&["incident, fault", "state", ""], &rows)
    )
}

fn lives(fault: &ActiveFault) -> String {
    let end = fault.expires_at.as_deref().unwrap_or("unknown");
    if fault.overdue {
        return format!(
            "due to end at {end}: its node does not answer, so nobody knows whether it did"
        );
    }
    format!("until {end}")
}

/// What people and the detector decided, where it keeps the arena from healing itself.
fn decided(report: &StatusReport, found: &Found) -> String {
    let mut text = String::new();
    if let Some(lost) = found.control_lost {
        let line = control::told(lost);
        let _ = writeln!(text, "{}", screen::paint(&line, Tone::Bad));
    }
    if report.arena.lever == Some(LeverPosition::Stopped) {
        let _ = writeln!(
            text,
            "{}: arena lever resume",
            lever::describe(&found.control)
        );
    }
    for paused in &found.control.pauses {
        if paused.until.is_none_or(|end| found.now < end) {
            let _ = writeln!(text, "{}", pause::describe(paused, found.now));
        }
    }
    if report.arena.observer.state == Some(ObserverState::Storm) {
        let line = format!(
            "observer STORM: {}; nothing is done until the detector can believe what it hears",
            report.arena.observer.reason
        );
        let _ = writeln!(text, "{}", screen::paint(&line, Tone::Bad));
    }
    text
}

fn node_row(node: &NodeReport) -> Vec<Cell> {
    let mut notes = Vec::new();
    if node.quarantined {
        notes.push("quarantined");
    }
    if node.restart_owner == Some(RestartOwner::Node) {
        notes.push("restarts what dies by itself, as it hears of no remediator");
    }
    let blank = || Cell::from("");
    vec![
        node.name.as_str().into(),
        screen::state(&node.state),
        blank(),
        blank(),
        blank(),
        blank(),
        Cell(notes.join("; "), Tone::Warn),
    ]
}

fn service_row(node: &NodeReport, service: &ServiceReport, found: &Found) -> Vec<Cell> {
    let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    vec![
        format!("  {}/{}", node.name, service.name).into(),
        screen::state(&service.state),
        screen::state(&service.probe),
        number(service.pid).into(),
        number(service.port.map(u32::from)).into(),
        service.restarts.to_string().into(),
        Cell(notes(service, found), Tone::Warn),
    ]
}

fn notes(service: &ServiceReport, found: &Found) -> String {
    let flags = [
        (service.standby, "standby"),
        (service.drained, "drained"),
        (service.paused, "paused"),
    ];
    let mut notes: Vec<String> = flags
        .into_iter()
        .filter(|(holds, _)| *holds)
        .map(|(_, word)| word.to_owned())
        .collect();
    if let Some(throttle) = &service.throttled {
        let end = until(throttle.until, found.now);
        // The node narrows it to one CPU, of which it may take all; the percent is only what was asked for.
        notes.push(format!("throttled: held on one CPU until {end}"));
    }
    if !service.message.is_empty() {
        notes.push(service.message.clone());
    }
    notes.join("; ")
}
