//! What `arena status --json` prints; scripts rest on it: fields are added, never renamed. Pure.

use std::collections::BTreeMap;

use arena_proto::{
    Control, FaultRecord, IncidentRecord, LeverPosition, Mode, NodeStatus, Observer, ObserverState,
    Pause, ProcessState, RestartOwner, RiskClass, ServiceClass, ServiceStatus, Summary, Timestamp,
};
use serde::Serialize;

use crate::client::{COMPONENTS, Roll};
use crate::up;

/// A component or an agent that does not answer.
pub(super) const SILENT: &str = "NO_DATA";

/// What was found out; of what the recorder was asked, why it gave nothing.
pub(super) struct Found {
    pub roll: Roll,
    pub control: Control,
    /// Why nobody can say what people decided.
    pub control_lost: Option<&'static str>,
    pub observers: Vec<Observer>,
    pub summary: Result<Summary, String>,
    pub incidents: Result<Vec<IncidentRecord>, String>,
    pub faults: Result<Vec<FaultRecord>, String>,
    /// The `arena up` that started this arena was killed.
    pub up_died: bool,
    pub now: Timestamp,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub nodes: Vec<NodeReport>,
    /// Null when the recorder does not answer: unknown is not zero.
    pub incidents_open: Option<u64>,
    pub faults_active: Option<u64>,
    /// Null when the control value cannot be read.
    pub mode: Option<Mode>,
    /// Null when the control value cannot be read: nodes keep what they last heard.
    pub lever: Option<LeverPosition>,
    /// The mode of each risk class; empty when the control value cannot be read.
    pub modes: BTreeMap<String, Mode>,
    pub pauses: Vec<PauseReport>,
    pub observer: ObserverReport,
    /// The newest of them; null when the recorder does not answer.
    pub incidents: Option<Vec<OpenIncident>>,
    pub faults: Option<Vec<ActiveFault>>,
    pub components: Vec<ComponentReport>,
    /// What is not well, in words; empty when all is.
    pub degraded: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct NodeReport {
    pub name: String,
    pub state: String,
    pub chaos: bool,
    pub quarantined: bool,
    pub restart_owner: Option<RestartOwner>,
    pub services: Vec<ServiceReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServiceReport {
    pub name: String,
    pub state: String,
    pub probe: String,
    pub pid: Option<u32>,
    pub port: Option<u16>,
    pub restarts: u32,
    pub message: String,
    pub class: Option<ServiceClass>,
    pub drained: bool,
    pub throttled: Option<ThrottleReport>,
    pub standby: bool,
    pub paused: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct ThrottleReport {
    pub percent: u32,
    pub until: Timestamp,
}

#[derive(Debug, Serialize)]
pub(super) struct PauseReport {
    pub entity: String,
    pub by: String,
    pub reason: String,
    pub at: Timestamp,
    pub until: Option<Timestamp>,
}

/// STORM when any detector is in it.
#[derive(Debug, Serialize)]
pub(super) struct ObserverReport {
    /// Null while no detector has said anything.
    pub state: Option<ObserverState>,
    pub reason: String,
}

#[derive(Debug, Serialize)]
pub(super) struct OpenIncident {
    pub id: String,
    pub entity: String,
    pub symptom: String,
    pub state: String,
}

#[derive(Debug, Serialize)]
pub(super) struct ActiveFault {
    pub id: String,
    pub fault: String,
    pub target: String,
    pub state: String,
    pub expires_at: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ComponentReport {
    pub name: String,
    pub state: String,
}

pub(super) fn report(found: &Found) -> Report {
    let control = &found.control;
    let state_of = |answers: bool| if answers { "RUNNING" } else { SILENT };
    let component = |name: &&str| ComponentReport {
        name: (*name).to_owned(),
        state: state_of(found.roll.has_component(name)).to_owned(),
    };
    let is_known = found.control_lost.is_none();
    let modes = RiskClass::ALL
        .iter()
        .filter(|_| is_known)
        .map(|risk| (risk.as_str().to_lowercase(), control.mode_for(*risk)));
    let running = |pause: &&Pause| pause.until.is_none_or(|until| found.now < until);
    let mut report = Report {
        nodes: found
            .roll
            .nodes
            .iter()
            .map(|node| node_report(node, found.roll.has_node(node), found))
            .collect(),
        incidents_open: found.summary.as_ref().ok().map(|all| all.incidents_open),
        faults_active: found.summary.as_ref().ok().map(|all| all.faults_active),
        mode: is_known.then_some(control.mode),
        lever: is_known.then_some(control.lever),
        modes: modes.collect(),
        pauses: control
            .pauses
            .iter()
            .filter(running)
            .map(pause_report)
            .collect(),
        observer: observer_report(&found.observers),
        incidents: known(&found.incidents, open_incident),
        faults: known(&found.faults, active_fault),
        components: COMPONENTS.iter().map(component).collect(),
        degraded: Vec::new(),
    };
    report.degraded = degraded(&report, found);
    report
}

fn known<T, R>(found: &Result<Vec<T>, String>, report: impl Fn(&T) -> R) -> Option<Vec<R>> {
    Some(found.as_ref().ok()?.iter().map(report).collect())
}

fn node_report(node: &NodeStatus, answers: bool, found: &Found) -> NodeReport {
    // An agent that does not answer cannot vouch for its services: what it last wrote is not what is.
    let state = if answers { node.state.as_str() } else { SILENT };
    let service = |service: &ServiceStatus| {
        let entity = arena_proto::Entity::service(node.node.clone(), service.name.clone());
        let paused = found.control.pause(&entity, found.now).is_some();
        service_report(service, answers, paused)
    };
    NodeReport {
        name: node.node.to_string(),
        state: state.to_owned(),
        chaos: node.chaos,
        quarantined: node.quarantined,
        restart_owner: node.restart_owner,
        services: node.services.iter().map(service).collect(),
    }
}

fn service_report(service: &ServiceStatus, known: bool, paused: bool) -> ServiceReport {
    let or = |word: &'static str, unknown| if known { word } else { unknown };
    ServiceReport {
        name: service.name.to_string(),
        state: or(service.state.as_str(), SILENT).to_owned(),
        probe: or(service.probe.as_str(), "UNKNOWN").to_owned(),
        pid: service.pid,
        port: service.port,
        restarts: service.restarts,
        message: service.message.clone(),
        class: service.detail.class,
        drained: service.detail.drained,
        throttled: service
            .detail
            .throttled
            .map(|(until, percent)| ThrottleReport { percent, until }),
        standby: service.detail.standby,
        paused,
    }
}

fn pause_report(pause: &Pause) -> PauseReport {
    PauseReport {
        entity: pause.entity.to_string(),
        by: pause.by.clone(),
        reason: pause.reason.clone(),
        at: pause.at,
        until: pause.until,
    }
}

fn observer_report(observers: &[Observer]) -> ObserverReport {
    let storm = observers
        .iter()
        .find(|observer| observer.state == ObserverState::Storm);
    ObserverReport {
        state: storm.or(observers.first()).map(|observer| observer.state),
        reason: storm.map_or_else(String::new, |observer| {
            format!(
                "{} (detector {}, since {})",
                observer.reason, observer.detector, observer.since
            )
        }),
    }
}

fn open_incident(record: &IncidentRecord) -> OpenIncident {
    OpenIncident {
        id: record.id.clone(),
        entity: record.entity.clone(),
        symptom: record.symptom.clone(),
        state: record.state.clone(),
    }
}

fn active_fault(record: &FaultRecord) -> ActiveFault {
    ActiveFault {
        id: record.id.clone(),
        fault: record.fault.clone(),
        target: record.target.clone(),
        state: record.state.clone(),
        expires_at: record.expires_at.clone(),
    }
}

fn degraded(report: &Report, found: &Found) -> Vec<String> {
    let running = ProcessState::Running.as_str();
    let mut reasons = Vec::new();
    if found.up_died {
        reasons.push(up::DIED.to_owned());
    }
    reasons.extend(found.control_lost.map(str::to_owned));
    if report.lever == Some(LeverPosition::Stopped) {
        reasons.push("the lever is STOPPED".to_owned());
    }
    if report.observer.state == Some(ObserverState::Storm) {
        reasons.push(format!(
            "the observer is in STORM: {}",
            report.observer.reason
        ));
    }
    if report.nodes.is_empty() {
        reasons.push("no node is known".to_owned());
    }
    let silent = report.components.iter().filter(|one| one.state != running);
    reasons.extend(silent.map(|one| format!("the {} does not answer", one.name)));
    for node in &report.nodes {
        if node.state == running {
            reasons.extend(
                node.services
                    .iter()
                    .filter_map(|service| unwell(node, service)),
            );
        } else {
            reasons.push(format!("{} is {}", node.name, node.state));
        }
    }
    match (&found.summary, report.incidents_open) {
        (_, Some(0)) => {}
        (_, Some(1)) => reasons.push("1 incident is open".to_owned()),
        (_, Some(open)) => reasons.push(format!("{open} incidents are open")),
        (summary, None) => {
            let why = summary.as_ref().err().map_or("", String::as_str);
            reasons.push(format!("open incidents are unknown: {why}"));
        }
    }
    reasons
}

/// A standby that nobody asked to start is as it should be.
fn unwell(node: &NodeReport, service: &ServiceReport) -> Option<String> {
    let name = format!("{}/{}", node.name, service.name);
    let waits = service.standby && service.state == ProcessState::Stopped.as_str();
    if service.state != ProcessState::Running.as_str() && !waits {
        return Some(format!("{name} is {}", service.state));
    }
    (service.probe == "FAILING").then(|| format!("{name} fails its probe"))
}
