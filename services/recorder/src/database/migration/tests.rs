//! A database as the first version left it, migrated by this one.

use arena_proto::{
    Decision, Effect, EfficacyQuery, IncidentQuery, IncidentState, Plan, PlanBasis, StoryQuery,
    Timestamp,
};
use arena_recorder_core::Event;
use arena_testkit::postgres::PostgresServer;
use arena_testkit::temp_dir;
use sea_orm::ConnectionTrait;
use sea_orm_migration::MigratorTrait;

use super::Migrator;
use crate::database::{Address, Database, NewEvent};

/// Facts as that version wrote them.
const INCIDENT_FACTS: &str = r#"{
    "opening": {"revision": 1, "entity": "node-1/orders", "symptom": "cpu_high", "severity": "ERROR",
        "root_cause": "node-1/orders", "reason": "word 1",
        "first_abnormal_at": 1699999998000000000, "opened_at": 1700000000000000000},
    "latest": {"revision": 1, "entity": "node-1/orders", "symptom": "cpu_high", "severity": "ERROR",
        "root_cause": "node-1/orders", "reason": "word 1",
        "first_abnormal_at": 1699999998000000000, "opened_at": 1700000000000000000},
    "plans": {"1": {"at": 1700000000010000000, "decision": "ACT", "incident_state": "ACTING",
        "resolution": null, "reason": "decision 1"}},
    "actions": {"cmd-inc-1.1": {"incident_id": "inc-1",
        "asked": {"action": "RESTART", "target": "node-1/orders"},
        "request": {"issuer": "remediator", "reason": "rung 1"}, "issued_at": 1700000000010000000,
        "outcomes": {"SUCCEEDED": {"at": 1700000000510000000, "reason": null, "message": "done",
            "pid_before": 7, "pid_after": 8}}}}
}"#;
const ACTION_FACTS: &str = r#"{"incident_id": "inc-1",
    "asked": {"action": "RESTART", "target": "node-1/orders"},
    "request": {"issuer": "remediator", "reason": "rung 1"}, "issued_at": 1700000000010000000,
    "outcomes": {"SUCCEEDED": {"at": 1700000000510000000, "reason": null, "message": "done",
        "pid_before": 7, "pid_after": 8}}}"#;
const FAULT_FACTS: &str = r#"{"asked": null, "at": 1700000000000000000, "node": "node-1",
    "statuses": {"ARMED": {"at": 1700000000000000000, "fault": "cpu-spike", "service": "orders", "reason": null,
        "message": "", "active_at": null, "expires_at": null, "reverted_at": null, "params": {}}}}"#;

fn rows() -> [String; 5] {
    [
        "INSERT INTO events (kind, event_id, subject, incident_id, node, service, at_ns, stored_at_ns, traceparent, \
         body) VALUES ('incident', 'inc-1.e1', 'arena.incident.node-1.orders', 'inc-1', 'node-1', 'orders', \
         1700000000000000000, 1700000000000000000, NULL, '{\"kind\":\"OPENED\",\"reason\":\"word 1\"}')"
            .to_owned(),
        format!(
            "INSERT INTO incidents (id, node, service, symptom, severity, state, opened_at_ns, trace_id, facts, \
             updated_at_ns) VALUES ('inc-1', 'node-1', 'orders', 'cpu_high', 'ERROR', 'ACTING', 1700000000000000000, \
             '5b1d704895b438c53e64754a617b3e18', '{INCIDENT_FACTS}', 1700000000000000000)"
        ),
        format!(
            "INSERT INTO actions (command_id, incident_id, node, service, action, state, issuer, message, \
             issued_at_ns, ended_at_ns, facts, updated_at_ns) VALUES ('cmd-inc-1.1', 'inc-1', 'node-1', 'orders', \
             'RESTART', 'SUCCEEDED', 'remediator', 'done', 1700000000010000000, 1700000000510000000, \
             '{ACTION_FACTS}', 1700000000000000000)"
        ),
        format!(
            "INSERT INTO faults (id, fault, node, service, state, at_ns, facts, updated_at_ns) VALUES ('flt-1', \
             'cpu-spike', 'node-1', 'orders', 'ARMED', 1700000000000000000, '{FAULT_FACTS}', 1700000000000000000)"
        ),
        "INSERT INTO totals (name, value) VALUES ('events', 5), ('incidents', 1)".to_owned(),
    ]
}

/// Makes a database of the first version with something in it, and opens it with this one.
async fn migrated(url: &str) -> Database {
    let before = sea_orm::Database::connect(url).await.unwrap();
    Migrator::up(&before, Some(1)).await.unwrap();
    for row in rows() {
        before.execute_unprepared(&row).await.unwrap();
    }
    assert!(
        before
            .execute_unprepared("SELECT effect FROM actions")
            .await
            .is_err()
    );
    before.close().await.unwrap();
    let address: Address = url.parse().unwrap();
    Database::open(&address).await.unwrap()
}

/// The remediator's second word on the incident of before.
fn verdict(at: Timestamp) -> NewEvent {
    let plan = Plan {
        id: "inc-1.2".parse().unwrap(),
        incident_id: "inc-1".parse().unwrap(),
        revision: 2,
        entity: "node-1/orders".parse().unwrap(),
        symptom: "cpu_high".into(),
        decision: Decision::Resolve,
        incident_state: IncidentState::Resolved,
        resolution: None,
        reason: "cleared".into(),
        playbook: "cpu".into(),
        rung: 1,
        rungs: 1,
        action: None,
        target: None,
        command_id: None,
        at,
        basis: PlanBasis {
            judged: Some(("cmd-inc-1.1".parse().unwrap(), Effect::Cured)),
            ..PlanBasis::default()
        },
    };
    NewEvent {
        event_id: plan.id.to_string(),
        event: Event::Plan(plan),
        subject: "arena.plan.node-1.orders".into(),
        trace: None,
    }
}

async fn check(database: Database) {
    let now = Timestamp::from_unix_millis(1_700_000_004_010);
    let summary = database.summary(now).await.unwrap();
    assert_eq!((summary.events_total, summary.incidents_total), (5, 1));
    let records = database.incidents(now, &IncidentQuery::default()).await;
    let record = records.unwrap().remove(0);
    assert_eq!((record.id.as_str(), record.actions.len()), ("inc-1", 1));
    assert_eq!(record.act_ms, Some(500.0));
    assert_eq!(database.faults().await.unwrap()[0].state, "ARMED");
    let all = EfficacyQuery::default();
    let tried = database.efficacy(now, &all).await.unwrap().remove(0);
    assert_eq!((tried.symptom.as_str(), tried.tried), ("cpu_high", 1));

    // What comes after the migration goes on where it was.
    database.store(now, &[verdict(now)]).await.unwrap();
    let story = database.story(&StoryQuery { id: "inc".into() }).await;
    let story = story.unwrap();
    assert_eq!(story.incident.state, "RESOLVED");
    assert_eq!(story.incident.support.as_deref(), Some("cleared"));
    assert_eq!(story.incident.actions[0].effect.as_deref(), Some("CURED"));
    assert_eq!(story.events.len(), 2);
    let row = database.efficacy(now, &all).await.unwrap().remove(0);
    assert_eq!((row.cured, row.heal_ms_median), (1, Some(4000.0)));
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_sqlite_database_of_the_first_version_loses_nothing() {
    let folder = temp_dir();
    let file = folder.path().join("arena.db");
    std::fs::File::create(&file).unwrap();
    check(migrated(&format!("sqlite:{}", file.display())).await).await;
}

#[tokio::test]
async fn a_postgres_database_of_the_first_version_loses_nothing() {
    if let Some(server) = PostgresServer::try_start() {
        check(migrated(&server.url).await).await;
    }
}
