//! Makes the report of what was found out.

use arena_proto::{
    Entity, FaultRecord, FaultState, IncidentRecord, IncidentState, LeverPosition, NodeStatus,
    Observer, ObserverState, ProbeVerdict, ProcessState, Schema, ServiceName, ServiceStatus,
    Timestamp,
};

use super::{
    ActiveFault, ArenaReport, COMPONENTS, ComponentReport, Found, NodeReport, ObserverReport,
    OpenIncident, SILENT, ServiceReport, StatusReport, ThrottleReport, UP_DIED,
};
use crate::Liveness;
use crate::action::{self, ActionView, Standing};
use crate::control::ControlReport;

/// The report.
#[must_use]
pub fn report(found: &Found) -> StatusReport {
    let nodes = found.nodes.iter();
    let nodes: Vec<NodeReport> = nodes
        .map(|(node, liveness)| node_report(node, *liveness, found))
        .collect();
    let arena = arena_report(found, &nodes);
    StatusReport { nodes, arena }
}

/// What is beside the nodes; `nodes`: their reports, all of them.
#[must_use]
pub fn arena_report<'a>(
    found: &Found,
    nodes: impl IntoIterator<Item = &'a NodeReport>,
) -> ArenaReport {
    let control = ControlReport::of(&found.control, found.control_lost, found.now);
    let incidents = found.incidents.as_ref().ok();
    let faults: Option<Vec<ActiveFault>> = found.faults.as_ref().ok().map(|all| {
        let active = all.iter().filter_map(|record| active_fault(record, found));
        active.collect()
    });
    // The recorder counts by the clock alone.
    let overdue = faults.iter().flatten().filter(|fault| fault.overdue);
    let overdue = u64::try_from(overdue.count()).unwrap_or(0);
    let mut report = ArenaReport {
        incidents_open: found.summary.as_ref().ok().map(|all| all.incidents_open),
        faults_active: found
            .summary
            .as_ref()
            .ok()
            .map(|all| all.faults_active + overdue),
        mode: control.mode,
        lever: control.lever,
        modes: control.modes,
        pauses: control.pauses,
        observer: observer_report(&found.observers),
        incidents: incidents.map(|all| {
            let open = all.iter().filter(|record| is_open(record));
            open.map(open_incident).collect()
        }),
        faults,
        components: components(found),
        degraded: Vec::new(),
    };
    report.degraded = degraded(&report, nodes, found);
    report
}

/// Whom the services of a node were seen to call without declaring it; those of which there are none are left out.
pub fn observed(schema: &Schema) -> impl Iterator<Item = (Entity, Vec<ServiceName>)> {
    let services = schema.services.iter();
    services
        .filter(|service| !service.observed.is_empty())
        .map(|service| {
            let entity = Entity::service(schema.node.clone(), service.name.clone());
            (entity, service.observed.clone())
        })
}

/// Is anything still done, or left to do, about this incident?
#[must_use]
pub fn is_open(record: &IncidentRecord) -> bool {
    let over = [IncidentState::Resolved, IncidentState::Closed].map(IncidentState::as_str);
    !over.contains(&record.state.as_str())
}

/// Is this fault in effect, as far as anybody can say of a node that answers? Such a node ends it in time.
#[must_use]
pub fn is_in_effect(record: &FaultRecord, now: Timestamp) -> bool {
    !is_over(record) && !is_late(record, now)
}

fn is_over(record: &FaultRecord) -> bool {
    record.state.parse().is_ok_and(FaultState::is_final)
}

/// Its node has said that it makes it.
fn is_made(record: &FaultRecord) -> bool {
    let made = [FaultState::Armed, FaultState::Active, FaultState::Reverting];
    made.map(FaultState::as_str)
        .contains(&record.state.as_str())
}

/// Both times are RFC 3339 in UTC to the millisecond, which are ordered as text.
fn is_late(record: &FaultRecord, now: Timestamp) -> bool {
    let end = record.expires_at.as_deref();
    end.is_some_and(|end| end <= now.to_string().as_str())
}

/// Those that every arena has, and those that this one has beside them.
fn components(found: &Found) -> Vec<ComponentReport> {
    let others = found.components.keys().map(String::as_str);
    COMPONENTS
        .into_iter()
        .chain(others.filter(|name| !COMPONENTS.contains(name)))
        .map(|name| component_report(name, found))
        .collect()
}

fn component_report(name: &str, found: &Found) -> ComponentReport {
    let liveness = found.components.get(name).copied();
    let liveness = liveness.unwrap_or(Liveness::Silent { since: None });
    let state = if liveness.answers() {
        ProcessState::Running.as_str()
    } else {
        SILENT
    };
    ComponentReport {
        name: name.to_owned(),
        state: state.to_owned(),
        unknown_since: liveness.unknown_since(),
    }
}

fn offered(
    target: &Entity,
    standing: Standing<'_>,
    liveness: Liveness,
    found: &Found,
) -> Vec<ActionView> {
    action::actions(
        target,
        standing,
        liveness,
        &found.control,
        found.control_lost,
    )
}

/// A node; `found`: who decided what about it, and when this is asked.
#[must_use]
pub fn node_report(node: &NodeStatus, liveness: Liveness, found: &Found) -> NodeReport {
    // An agent that does not answer cannot vouch for its services: what it last wrote is not what is.
    let state = if liveness.answers() {
        node.state.as_str()
    } else {
        SILENT
    };
    let entity = Entity::node(node.node.clone());
    NodeReport {
        name: node.node.to_string(),
        state: state.to_owned(),
        unknown_since: liveness.unknown_since(),
        agent: node.has_agent(),
        chaos: node.chaos,
        quarantined: node.quarantined,
        restart_owner: node.restart_owner,
        services: node
            .services
            .iter()
            .map(|service| service_report(node, service, liveness, found))
            .collect(),
        actions: offered(&entity, Standing::Node(node), liveness, found),
    }
}

fn service_report(
    node: &NodeStatus,
    service: &ServiceStatus,
    liveness: Liveness,
    found: &Found,
) -> ServiceReport {
    let entity = Entity::service(node.node.clone(), service.name.clone());
    let (state, probe) = if liveness.answers() {
        (service.state.as_str(), service.probe)
    } else {
        (SILENT, ProbeVerdict::Unknown)
    };
    ServiceReport {
        name: service.name.to_string(),
        state: state.to_owned(),
        unknown_since: liveness.unknown_since(),
        probe: probe.as_str().to_owned(),
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
        paused: found.control.pause(&entity, found.now).is_some(),
        depends_on: service.depends_on.iter().map(ToString::to_string).collect(),
        observed: found
            .observed
            .get(&entity)
            .into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect(),
        since: service.since,
        actions: offered(&entity, Standing::Service(service), liveness, found),
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

/// `None` for one that is over. At the end of its time to live it is, where the node answers; a node that does not may be
/// frozen, and the fault with it.
fn active_fault(record: &FaultRecord, found: &Found) -> Option<ActiveFault> {
    let overdue = is_late(record, found.now);
    let may_last = || is_made(record) && is_of_silent_node(record, found);
    if is_over(record) || (overdue && !may_last()) {
        return None;
    }
    Some(ActiveFault {
        id: record.id.clone(),
        fault: record.fault.clone(),
        target: record.target.clone(),
        state: record.state.clone(),
        expires_at: record.expires_at.clone(),
        overdue,
    })
}

fn is_of_silent_node(record: &FaultRecord, found: &Found) -> bool {
    let name = record.target.split('/').next().unwrap_or_default();
    let node = found
        .nodes
        .iter()
        .find(|(node, _)| node.node.as_str() == name);
    node.is_some_and(|(_, liveness)| !liveness.answers())
}

fn degraded<'a>(
    report: &ArenaReport,
    nodes: impl IntoIterator<Item = &'a NodeReport>,
    found: &Found,
) -> Vec<String> {
    let running = ProcessState::Running.as_str();
    let mut reasons = Vec::new();
    if found.up_died {
        reasons.push(UP_DIED.to_owned());
    }
    reasons.extend(found.control_lost.map(str::to_owned));
    if report.lever == Some(LeverPosition::Stopped) {
        reasons.push("the lever is STOPPED".to_owned());
    }
    if report.observer.state == Some(ObserverState::Storm) {
        let why = &report.observer.reason;
        reasons.push(format!("the observer is in STORM: {why}"));
    }
    let mut nodes = nodes.into_iter().peekable();
    if nodes.peek().is_none() {
        reasons.push("no node is known".to_owned());
    }
    let silent = report.components.iter().filter(|one| one.state != running);
    reasons.extend(silent.map(|one| format!("the {} does not answer", one.name)));
    for node in nodes {
        if node.state == running {
            let unwell = node.services.iter();
            reasons.extend(unwell.filter_map(|service| self::unwell(node, service)));
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
    let is_failing = service.probe == ProbeVerdict::Failing.as_str();
    is_failing.then(|| format!("{name} fails its probe"))
}
