//! What the bus's own tests share: messages of each kind, and a server with streams.

#![allow(unreachable_pub, reason = "not a library")]
#![allow(dead_code, reason = "each test program uses some of these")]

use std::collections::BTreeMap;
use std::time::Duration;

use arena_bus::{Bus, NatsArgs, Role};
use arena_proto::{
    ActionKind, Alert, AlertState, Approval, Column, Command, CommandId, CommandState, Control,
    Decision, Effect, Entity, Evidence, FaultId, FaultOperation, FaultRequest, FaultState,
    FaultStatus, IncidentEvent, IncidentEventKind, IncidentId, IncidentState, Lease, LeverPosition,
    Mode, NodeName, NodeStatus, Number, Observer, ObserverState, Outcome, Pause, Plan, PlanBasis,
    PlanId, Preconditions, ProbeVerdict, ProcessRow, ProcessState, RiskClass, Schema, ServiceInfo,
    ServiceName, ServiceSample, Severity, Telemetry, Timestamp, Verdict,
};
use arena_testkit::NatsServer;

/// A server with streams, and a person on it.
pub async fn arena() -> (NatsServer, Bus) {
    let server = NatsServer::start().await;
    let operator = connect(&server, Role::Operator).await;
    operator.ensure_streams().await.unwrap();
    (server, operator)
}

pub async fn connect(server: &NatsServer, role: Role) -> Bus {
    Bus::connect(&args(server), role, "test").await.unwrap()
}

pub fn args(server: &NatsServer) -> NatsArgs {
    NatsArgs {
        nats_url: server.url(),
    }
}

pub fn node(name: &str) -> NodeName {
    NodeName::new(name).unwrap()
}

fn orders() -> ServiceName {
    ServiceName::new("orders").unwrap()
}

pub fn entity() -> Entity {
    Entity::service(node("node-1"), orders())
}

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + seconds * 1000)
}

pub fn incident(revision: u32) -> IncidentEvent {
    IncidentEvent {
        context: arena_proto::IncidentContext::default(),
        kind: IncidentEventKind::Opened,
        id: IncidentId::new("inc-1").unwrap(),
        revision,
        entity: entity(),
        symptom: "cpu_high".to_owned(),
        severity: Severity::Error,
        signals: Vec::new(),
        root_cause: entity(),
        reason: "cpu_percent 97 > 80 for 2 s".to_owned(),
        first_abnormal_at: at(0),
        opened_at: at(2),
        at: at(2),
        pid: Some(42),
        generation: 1,
    }
}

pub fn plan() -> Plan {
    Plan {
        basis: arena_proto::PlanBasis::default(),
        id: PlanId::new("inc-1.1").unwrap(),
        incident_id: IncidentId::new("inc-1").unwrap(),
        revision: 1,
        entity: entity(),
        symptom: "cpu_high".to_owned(),
        decision: Decision::Act,
        incident_state: IncidentState::Acting,
        resolution: None,
        reason: "rung 1 of 2".to_owned(),
        playbook: "cpu".to_owned(),
        rung: 1,
        rungs: 2,
        action: Some(ActionKind::Restart),
        target: Some(entity()),
        command_id: Some(CommandId::new("cmd-1").unwrap()),
        at: at(3),
    }
}

pub fn command(id: &str, on: &str) -> Command {
    Command {
        fence: None,
        params: std::collections::BTreeMap::new(),
        id: CommandId::new(id).unwrap(),
        action: ActionKind::Restart,
        node: node(on),
        service: Some(orders()),
        expires_at: at(60),
        deadline: Duration::from_secs(10),
        preconditions: Preconditions {
            start_time: None,
            pid: Some(42),
            generation: Some(1),
        },
        incident_id: Some(IncidentId::new("inc-1").unwrap()),
        issuer: "remediator".to_owned(),
        reason: "rung 1 of 2".to_owned(),
        at: at(3),
    }
}

pub fn outcome() -> Outcome {
    Outcome {
        command_id: CommandId::new("cmd-1").unwrap(),
        node: node("node-1"),
        service: Some(orders()),
        action: ActionKind::Restart,
        state: CommandState::Succeeded,
        reason: None,
        message: "restarted".to_owned(),
        incident_id: None,
        at: at(4),
        pid_before: Some(42),
        pid_after: Some(43),
    }
}

pub fn fault() -> FaultRequest {
    FaultRequest {
        id: FaultId::new("flt-1").unwrap(),
        node: node("node-1"),
        at: at(0),
        operation: FaultOperation::Apply {
            fault: "cpu-spike".to_owned(),
            service: Some(orders()),
            ttl: Duration::from_secs(30),
            lease: None,
            params: BTreeMap::from([("workers".to_owned(), "2".to_owned())]),
        },
    }
}

pub fn fault_status() -> FaultStatus {
    FaultStatus {
        id: FaultId::new("flt-1").unwrap(),
        fault: "cpu-spike".to_owned(),
        node: node("node-1"),
        service: Some(orders()),
        state: FaultState::Active,
        reason: None,
        message: String::new(),
        at: at(1),
        active_at: Some(at(1)),
        expires_at: Some(at(31)),
        reverted_at: None,
        params: BTreeMap::new(),
    }
}

pub fn status(on: &str) -> NodeStatus {
    NodeStatus {
        quarantined: false,
        restart_owner: None,
        fence: 0,
        node: node(on),
        boot_id: 7,
        pid: 1,
        state: ProcessState::Running,
        chaos: true,
        services: Vec::new(),
        at: at(0),
    }
}

pub fn schema(on: &str) -> Schema {
    Schema {
        node: node(on),
        columns: vec![Column {
            service: None,
            metric: "cpu_percent".to_owned(),
        }],
        services: vec![ServiceInfo {
            observed: Vec::new(),
            class: arena_proto::ServiceClass::Service,
            name: orders(),
            depends_on: Vec::new(),
        }],
    }
}

pub fn telemetry(on: &str, seq: u64) -> Telemetry {
    Telemetry {
        node: node(on),
        boot_id: 7,
        seq,
        schema_id: schema(on).id(),
        time: at(i64::try_from(seq).unwrap()),
        values: vec![12.5],
        services: [ServiceSample {
            state: ProcessState::Running,
            probe: ProbeVerdict::Passing,
            pid: Some(42),
            generation: 1,
            restarts: 0,
            since: at(0),
            exit_code: None,
        }]
        .into(),
    }
}

pub fn control() -> Control {
    Control {
        mode: Mode::Observe,
        lever: LeverPosition::Stopped,
        lever_set: Some(("bob".to_owned(), at(0))),
        at: at(0),
        by: "ann".to_owned(),
        ..Control::default()
    }
}

pub fn asking_plan() -> Plan {
    Plan {
        decision: Decision::Wait,
        incident_state: IncidentState::AwaitingApproval,
        basis: PlanBasis {
            rail: "approval".to_owned(),
            cause: "noisy neighbour".to_owned(),
            risk: Some(RiskClass::High),
            expires_at: Some(at(120)),
            judged: Some((CommandId::new("cmd-0").unwrap(), Effect::Useless)),
            ..PlanBasis::default()
        },
        command_id: None,
        ..plan()
    }
}

pub fn evidence() -> Evidence {
    Evidence {
        incident_id: IncidentId::new("inc-1").unwrap(),
        command_id: CommandId::new("cmd-1").unwrap(),
        entity: entity(),
        at: at(3),
        readings: Vec::new(),
        log: vec!["listening".to_owned()],
        processes: vec![ProcessRow {
            pid: 42,
            parent: 1,
            state: "R".to_owned(),
            cpu_percent: Number::new(97.0).unwrap(),
            memory_bytes: 1_000_000,
            threads: 4,
            command: "arena-workload orders".to_owned(),
        }],
        message: String::new(),
    }
}

pub fn approval(incident: &str) -> Approval {
    Approval {
        incident_id: IncidentId::new(incident).unwrap(),
        plan_id: PlanId::new(format!("{incident}.1")).unwrap(),
        verdict: Verdict::Approved,
        by: "ann".to_owned(),
        reason: "seen it".to_owned(),
        at: at(5),
    }
}

pub fn observer(detector: &str, state: ObserverState) -> Observer {
    Observer {
        detector: detector.to_owned(),
        state,
        reason: "2 of 3 nodes are silent".to_owned(),
        since: at(1),
        silent: 2,
        known: 3,
        at: at(1),
    }
}

pub fn alert(fingerprint: &str) -> Alert {
    Alert {
        fingerprint: fingerprint.to_owned(),
        name: "HighLatency".to_owned(),
        state: AlertState::Firing,
        starts_at: at(0),
        ends_at: None,
        entity: Some(entity()),
        labels: BTreeMap::from([("alertname".to_owned(), "HighLatency".to_owned())]),
        annotations: BTreeMap::new(),
        generator_url: String::new(),
        received_at: at(1),
        message: "by arena_node and arena_service".to_owned(),
    }
}

pub fn lease() -> Lease {
    Lease {
        name: "remediator".to_owned(),
        holder: "host-1".to_owned(),
        fence: 7,
        acquired_at: at(0),
    }
}

pub fn pausing_control() -> Control {
    Control {
        lever: LeverPosition::Released,
        modes: BTreeMap::from([(RiskClass::High, Mode::Auto)]),
        pauses: vec![Pause {
            entity: entity(),
            by: "ann".to_owned(),
            reason: "migration".to_owned(),
            at: at(0),
            until: Some(at(60)),
        }],
        ..control()
    }
}
