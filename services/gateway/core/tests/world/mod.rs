//! Messages in few words, and a page that applies events to its snapshot.

#![allow(unreachable_pub, reason = "not a library")]
#![allow(dead_code, reason = "each test program uses some of these")]

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_gateway_core::view::State;
use arena_gateway_core::{Event, Input, Limits, Line, keep};
use arena_proto::{
    ActionKind, Approval, Column, CommandId, CommandState, Decision, Entity, FaultId, FaultReason,
    FaultState, FaultStatus, IncidentContext, IncidentEvent, IncidentEventKind, IncidentId,
    IncidentState, NodeName, NodeStatus, Observer, ObserverState, Outcome, Plan, PlanBasis, PlanId,
    ProbeVerdict, ProcessState, Resolution, Schema, ServiceClass, ServiceDetail, ServiceInfo,
    ServiceName, ServiceStatus, Severity, Telemetry, Timestamp, Verdict,
};

pub fn ms(ms: i64) -> Timestamp {
    Timestamp::from_unix_millis(ms)
}

pub fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

pub fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

pub fn entity(text: &str) -> Entity {
    text.parse().unwrap()
}

/// A node with one service, `orders`, which calls `ledger`.
pub fn status(name: &str, state: ProcessState) -> NodeStatus {
    NodeStatus {
        node: node(name),
        boot_id: 1,
        pid: 7,
        state: ProcessState::Running,
        chaos: true,
        services: vec![ServiceStatus {
            name: service("orders"),
            state,
            probe: ProbeVerdict::Passing,
            pid: Some(9),
            generation: 1,
            restarts: 0,
            port: Some(8080),
            proxy_port: None,
            depends_on: vec![service("ledger")],
            since: ms(0),
            exit_code: None,
            message: String::new(),
            detail: ServiceDetail::default(),
        }],
        at: ms(0),
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

/// Telemetry of a node: `cpu_percent` of itself and of `orders`; `observed`: whom that was seen to call.
pub fn telemetry(name: &str, cpu: f32, observed: &[&str]) -> Input {
    let column = |of: Option<&str>| Column {
        service: of.map(service),
        metric: "cpu_percent".to_owned(),
    };
    let schema = Schema {
        node: node(name),
        columns: vec![column(None), column(Some("orders"))],
        services: vec![ServiceInfo {
            name: service("orders"),
            depends_on: vec![service("ledger")],
            observed: observed.iter().map(|name| service(name)).collect(),
            class: ServiceClass::Service,
        }],
    };
    let telemetry = Telemetry {
        node: node(name),
        boot_id: 1,
        seq: 1,
        schema_id: schema.id(),
        time: ms(0),
        values: vec![cpu, cpu / 2.0],
        services: [].into(),
    };
    Input::Telemetry(telemetry, Arc::new(schema))
}

/// What a detector says about itself.
pub fn observer(state: ObserverState, at: Timestamp) -> Observer {
    Observer {
        detector: "detector-1".to_owned(),
        state,
        reason: "8 of 10 nodes are silent".to_owned(),
        since: at,
        silent: 8,
        known: 10,
        at,
    }
}

fn incident_id(number: u32) -> IncidentId {
    IncidentId::new(format!("inc-{number:04}")).unwrap()
}

/// What the detector says of an incident. It opened `number` seconds after the epoch.
pub fn incident(number: u32, revision: u32) -> IncidentEvent {
    let kind = match revision {
        1 => IncidentEventKind::Opened,
        2 => IncidentEventKind::Updated,
        _ => IncidentEventKind::Cleared,
    };
    let opened_at = ms(i64::from(number) * 1000);
    IncidentEvent {
        kind,
        id: incident_id(number),
        revision,
        entity: entity("n1/orders"),
        symptom: "cpu_high".to_owned(),
        severity: Severity::ALL[revision as usize % 4],
        signals: Vec::new(),
        root_cause: entity("n1/orders"),
        reason: format!("reason {revision}"),
        first_abnormal_at: opened_at,
        opened_at,
        at: opened_at,
        pid: None,
        generation: 1,
        context: IncidentContext::default(),
    }
}

/// The life of an incident as the remediator decides it: question, act, verify, end.
pub fn plan(number: u32, revision: u32) -> Plan {
    let id = incident_id(number);
    let (decision, incident_state) = match revision {
        1 => (Decision::Wait, IncidentState::AwaitingApproval),
        2 => (Decision::Act, IncidentState::Acting),
        3 => (Decision::Verify, IncidentState::Verifying),
        4 if number.is_multiple_of(2) => (Decision::Escalate, IncidentState::Escalated),
        _ => (Decision::Resolve, IncidentState::Resolved),
    };
    let at = ms(i64::from(number) * 1000 + i64::from(revision));
    Plan {
        id: PlanId::derive(&id, revision),
        revision,
        entity: entity("n1/orders"),
        symptom: "cpu_high".to_owned(),
        decision,
        incident_state,
        resolution: (decision == Decision::Resolve).then_some(Resolution::Remediated),
        reason: format!("decision {revision}"),
        playbook: "cpu".to_owned(),
        rung: 1,
        rungs: 2,
        action: Some(ActionKind::Restart),
        target: Some(entity("n1/orders")),
        command_id: (decision == Decision::Act).then(|| CommandId::derive(&id, revision)),
        at,
        basis: PlanBasis {
            expires_at: (decision == Decision::Wait).then(|| ms(4000)),
            ..PlanBasis::default()
        },
        incident_id: id,
    }
}

/// What became of the incident's command: ACCEPTED, RUNNING, SUCCEEDED.
pub fn outcome(number: u32, step: u32) -> Outcome {
    let id = incident_id(number);
    let states = [
        CommandState::Accepted,
        CommandState::Running,
        CommandState::Succeeded,
    ];
    Outcome {
        command_id: CommandId::derive(&id, 2),
        node: node("n1"),
        service: Some(service("orders")),
        action: ActionKind::Restart,
        state: states[step as usize % 3],
        reason: None,
        message: String::new(),
        incident_id: Some(id),
        at: ms(i64::from(number) * 1000 + 10 + i64::from(step)),
        pid_before: None,
        pid_after: None,
    }
}

/// ARMED, ACTIVE, REVERTING, REVERTED.
pub fn fault(number: u32, step: u32) -> FaultStatus {
    let states = [
        FaultState::Armed,
        FaultState::Active,
        FaultState::Reverting,
        FaultState::Reverted,
    ];
    let state = states[step as usize % 4];
    let began = i64::from(number) * 1000;
    FaultStatus {
        id: FaultId::new(format!("flt-{number:04}")).unwrap(),
        fault: "cpu-spike".to_owned(),
        node: node("n1"),
        service: Some(service("orders")),
        state,
        reason: state.is_final().then_some(FaultReason::TtlExpired),
        message: String::new(),
        at: ms(began + i64::from(step)),
        active_at: (step > 0).then(|| ms(began + 1)),
        expires_at: (step > 0).then(|| ms(began + 30_000)),
        reverted_at: state.is_final().then(|| ms(began + 3)),
        params: BTreeMap::new(),
    }
}

pub fn approval(number: u32) -> Approval {
    let incident_id = incident_id(number);
    Approval {
        plan_id: PlanId::derive(&incident_id, 1),
        incident_id,
        verdict: Verdict::Denied,
        by: "ada".to_owned(),
        reason: String::new(),
        at: ms(0),
    }
}

fn put<L: Line>(list: &mut Vec<L>, line: L, limits: Limits) {
    list.retain(|other| other.id() != line.id());
    list.push(line);
    keep(list, limits);
}

/// As a page does it.
pub fn apply(page: &mut State, event: Event) {
    match event {
        Event::Bus(bus) => page.bus = bus,
        Event::Node(report) => {
            let nodes = &mut page.status.nodes;
            nodes.retain(|node| node.name != report.name);
            nodes.push(*report);
            nodes.sort_by(|left, right| left.name.cmp(&right.name));
        }
        Event::NodeGone(gone) => page.status.nodes.retain(|node| node.name != gone.name),
        Event::Arena(arena) => page.status.arena = *arena,
        Event::Incident(line) => put(&mut page.incidents, *line, Limits::INCIDENTS),
        Event::Fault(line) => put(&mut page.faults, *line, Limits::FAULTS),
        Event::Command(line) => put(&mut page.commands, *line, Limits::COMMANDS),
        Event::Questions(questions) => page.questions = questions,
        Event::Samples(_) => {}
    }
}
