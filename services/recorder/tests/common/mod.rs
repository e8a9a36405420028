//! What the recorder's tests share: both databases, and events.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use arena_proto::{
    ActionKind, Command, CommandId, CommandState, Decision, Entity, Evidence, FaultOperation,
    FaultRequest, FaultState, FaultStatus, IncidentEvent, IncidentEventKind, IncidentId,
    IncidentState, Number, Outcome, Plan, PlanId, Preconditions, Reading, Resolution, Severity,
    Timestamp, TraceContext,
};
use arena_recorder::database::{Address, Database, NewEvent};
use arena_recorder_core::Event;
use arena_testkit::postgres::PostgresServer;
use arena_testkit::{TempDir, temp_dir};

/// A database of a test's own; goes away with the value.
pub(crate) enum Backend {
    Sqlite(TempDir),
    Postgres(PostgresServer),
}

impl Backend {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("arena.db").display()),
            Self::Postgres(server) => server.url.clone(),
        }
    }

    pub(crate) async fn open(&self) -> Database {
        let address: Address = self.url().parse().unwrap();
        Database::open(&address).await.unwrap()
    }

    /// A connection of the test's own, to look at rows.
    pub(crate) async fn look(&self) -> sea_orm::DatabaseConnection {
        sea_orm::Database::connect(self.url()).await.unwrap()
    }
}

/// Both databases; SQLite alone, loudly, where there is no PostgreSQL.
pub(crate) fn backends() -> Vec<Backend> {
    let mut backends = vec![Backend::Sqlite(temp_dir())];
    backends.extend(PostgresServer::try_start().map(Backend::Postgres));
    backends
}

pub(crate) fn entity() -> Entity {
    "node-1/orders".parse().unwrap()
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + millis)
}

pub(crate) fn id(name: &str) -> IncidentId {
    name.parse().unwrap()
}

pub(crate) fn said(
    id: &IncidentId,
    revision: u32,
    kind: IncidentEventKind,
    millis: i64,
) -> IncidentEvent {
    IncidentEvent {
        context: arena_proto::IncidentContext::default(),
        kind,
        id: id.clone(),
        revision,
        entity: entity(),
        symptom: "cpu_high".into(),
        severity: Severity::Error,
        signals: Vec::new(),
        root_cause: entity(),
        reason: format!("word {revision}"),
        first_abnormal_at: at(millis - 2000),
        opened_at: at(millis),
        at: at(millis),
        pid: Some(7),
        generation: 1,
    }
}

pub(crate) fn decided(id: &IncidentId, revision: u32, decision: Decision, millis: i64) -> Plan {
    let acts = decision == Decision::Act;
    Plan {
        basis: arena_proto::PlanBasis::default(),
        id: PlanId::derive(id, revision),
        incident_id: id.clone(),
        revision,
        entity: entity(),
        symptom: "cpu_high".into(),
        decision,
        incident_state: if acts {
            IncidentState::Acting
        } else {
            IncidentState::Resolved
        },
        resolution: (!acts).then_some(Resolution::Remediated),
        reason: format!("decision {revision}"),
        playbook: "cpu".into(),
        rung: 1,
        rungs: 2,
        action: acts.then_some(ActionKind::Restart),
        target: acts.then(entity),
        command_id: acts.then(|| CommandId::derive(id, revision)),
        at: at(millis),
    }
}

pub(crate) fn command(id: &IncidentId, millis: i64) -> Command {
    let Entity { node, service } = entity();
    Command {
        fence: None,
        params: std::collections::BTreeMap::new(),
        id: CommandId::derive(id, 1),
        action: ActionKind::Restart,
        node,
        service: Some(service.unwrap()),
        expires_at: at(millis + 30_000),
        deadline: Duration::from_secs(10),
        preconditions: Preconditions::default(),
        incident_id: Some(id.clone()),
        issuer: "remediator".into(),
        reason: "rung 1".into(),
        at: at(millis),
    }
}

pub(crate) fn outcome(id: &IncidentId, state: CommandState, millis: i64) -> Outcome {
    let Entity { node, service } = entity();
    Outcome {
        command_id: CommandId::derive(id, 1),
        node,
        service: Some(service.unwrap()),
        action: ActionKind::Restart,
        state,
        reason: None,
        message: "done".into(),
        incident_id: Some(id.clone()),
        at: at(millis),
        pid_before: Some(7),
        pid_after: Some(8),
    }
}

pub(crate) fn evidence(id: &IncidentId, millis: i64) -> Evidence {
    Evidence {
        incident_id: id.clone(),
        command_id: CommandId::derive(id, 1),
        entity: entity(),
        at: at(millis),
        readings: vec![Reading {
            at: at(millis),
            metric: "cpu_percent".into(),
            value: Number::from(97),
        }],
        log: vec!["spinning".into()],
        processes: Vec::new(),
        message: "the process table cannot be read".into(),
    }
}

pub(crate) fn fault_request(id: &str, millis: i64) -> FaultRequest {
    let Entity { node, service } = entity();
    FaultRequest {
        id: id.parse().unwrap(),
        node,
        at: at(millis),
        operation: FaultOperation::Apply {
            fault: "cpu-spike".into(),
            service,
            ttl: Duration::from_secs(30),
            lease: None,
            params: [("cores".to_owned(), "1".to_owned())].into(),
        },
    }
}

pub(crate) fn fault_status(id: &str, state: FaultState, millis: i64) -> FaultStatus {
    let Entity { node, service } = entity();
    FaultStatus {
        id: id.parse().unwrap(),
        fault: "cpu-spike".into(),
        node,
        service,
        state,
        reason: None,
        message: String::new(),
        at: at(millis),
        active_at: Some(at(millis)),
        expires_at: Some(at(millis + 30_000)),
        reverted_at: None,
        params: [("cores".to_owned(), "1".to_owned())].into(),
    }
}

pub(crate) fn new_event(event: Event) -> NewEvent {
    let event_id = match &event {
        Event::Incident(event) => event.event_id(),
        Event::Plan(plan) => plan.id.to_string(),
        Event::Command(command) => command.id.to_string(),
        Event::Outcome(outcome) => outcome.event_id(),
        Event::Fault(request) => format!("{}.APPLY", request.id),
        Event::FaultStatus(status) => status.event_id(),
        Event::Evidence(evidence) => evidence.event_id(),
    };
    NewEvent {
        subject: format!("arena.{}.test", event.kind().as_str()),
        trace: event.incident_id().map(TraceContext::root),
        event_id,
        event,
    }
}

/// A healed incident and a fault, from begin to end.
pub(crate) fn story(id: &IncidentId, millis: i64) -> Vec<NewEvent> {
    let fault = format!("flt-{id}");
    [
        Event::Fault(fault_request(&fault, millis - 3000)),
        Event::FaultStatus(fault_status(&fault, FaultState::Active, millis - 2900)),
        Event::Incident(said(id, 1, IncidentEventKind::Opened, millis)),
        Event::Plan(decided(id, 1, Decision::Act, millis + 10)),
        Event::Command(command(id, millis + 10)),
        Event::Outcome(outcome(id, CommandState::Accepted, millis + 20)),
        Event::Outcome(outcome(id, CommandState::Succeeded, millis + 510)),
        Event::Incident(IncidentEvent {
            opened_at: at(millis),
            first_abnormal_at: at(millis - 2000),
            ..said(id, 2, IncidentEventKind::Cleared, millis + 3000)
        }),
        Event::Plan(decided(id, 2, Decision::Resolve, millis + 3010)),
    ]
    .into_iter()
    .map(new_event)
    .collect()
}
