//! Villains on a real nats-server: what they see comes over the bus, and what they choose goes over it.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod common;

use std::time::Duration;

use arena_proto::{
    Column, Decision, FaultOperation, FaultState, IncidentId, IncidentState, LeverPosition, Plan,
    PlanBasis, PlanId, Schema, Telemetry, VillainOperation, VillainPolicy, VillainRequest,
    VillainStatus, VillainStopWhen,
};
use arena_testkit::wait_for;
use common::{Arena, Process};

fn random() -> VillainRequest {
    VillainRequest {
        op: VillainOperation::Start,
        policy: Some(VillainPolicy::Random),
        seed: Some(7),
        faults: vec!["cpu-spike".to_owned()],
        every_ms: Some(1000),
        ..VillainRequest::default()
    }
}

/// Waits until it is in this state.
async fn in_state(arena: &Arena, state: &str) -> VillainStatus {
    wait_for(state, async || {
        let status = arena.villain(&VillainRequest::default()).await;
        (status.state == state).then_some(status)
    })
    .await
}

#[tokio::test]
async fn one_is_started_shown_and_stopped() {
    let mut arena = Arena::start(true).await;
    let _injector = Process::start(&arena, &[]).await;
    let none = arena.villain(&VillainRequest::default()).await;
    assert_eq!((none.state.as_str(), none.policy), ("STOPPED", None));

    let started = arena.villain(&random()).await;
    assert_eq!(
        (started.error.as_deref(), started.state.as_str()),
        (None, "RUNNING")
    );
    let made = arena.applied().await;
    arena.say(&made.id, FaultState::Active).await;
    let status = wait_for("the fault to be known as active", async || {
        let status = arena.villain(&VillainRequest::default()).await;
        (status.faults[0].state == "ACTIVE").then_some(status)
    })
    .await;
    assert_eq!(status.faults[0].id, made.id.to_string());
    assert_eq!((status.budget, status.budget_left), (20, 19));

    let second = arena.villain(&random()).await;
    assert!(
        second
            .error
            .unwrap()
            .contains("a villain is there already: random (seed 7)")
    );

    let stop = VillainRequest {
        op: VillainOperation::Stop,
        ..VillainRequest::default()
    };
    assert_eq!(arena.villain(&stop).await.state, "STOPPING");
    let reverted = wait_for("the revert", async || {
        let request = arena.request().await;
        (request.operation == FaultOperation::Revert).then_some(request)
    })
    .await;
    assert_eq!(reverted.id, made.id);
    arena.say(&made.id, FaultState::Reverted).await;
    let stopped = in_state(&arena, "STOPPED").await;
    assert_eq!(stopped.stopped_because.as_deref(), Some("it was asked to"));
}

const SCENARIO: &str = r#"
name = "felt"
summary = "A replica of orders burns, and hangs once users feel something."
difficulty = "easy"

[[fault]]
at = "0s"
fault = "cpu-spike"
target = "node-1/orders"
for = "60s"

[[fault]]
if = "user_error_percent > 20.0"
fault = "hang"
target = "node-1/orders"
for = "60s"

[truth]
expect = "heal"
"#;

/// Users tell what they feel.
async fn users(arena: &Arena, seq: u64, error_percent: f32) {
    let schema = Schema {
        node: "node-1".parse().unwrap(),
        columns: vec![Column {
            service: Some("traffic".parse().unwrap()),
            metric: "user_error_percent".to_owned(),
        }],
        services: vec![],
    };
    arena.node.put_schema(&schema).await.unwrap();
    let telemetry = Telemetry {
        node: schema.node.clone(),
        boot_id: 1,
        seq,
        schema_id: schema.id(),
        time: arena_chassis::Clock::new().now(),
        values: vec![error_percent],
        services: [].into(),
    };
    arena.node.publish_telemetry(&telemetry).await.unwrap();
}

#[tokio::test]
async fn a_scenario_waits_for_what_users_feel() {
    let mut arena = Arena::start(true).await;
    let _injector = Process::start(&arena, &[]).await;
    let request = VillainRequest {
        op: VillainOperation::Start,
        policy: Some(VillainPolicy::Scripted),
        scenario_name: "felt.toml".to_owned(),
        scenario: Some(SCENARIO.to_owned()),
        ..VillainRequest::default()
    };
    assert_eq!(arena.villain(&request).await.error, None);
    arena.applied().await;
    users(&arena, 1, 10.0).await;
    let status = arena.villain(&VillainRequest::default()).await;
    assert_eq!(status.faults.len(), 1, "users feel too little: {status:?}");
    let mut seq = 1;
    let status = wait_for("the fault", async || {
        seq += 1;
        users(&arena, seq, 50.0).await;
        let status = arena.villain(&VillainRequest::default()).await;
        (status.faults.len() > 1).then_some(status)
    })
    .await;
    assert_eq!(status.scenario.as_deref(), Some("felt"));
    let made = arena.applied().await;
    assert!(
        matches!(&made.operation, FaultOperation::Apply { fault, ttl, .. } if fault == "hang" && *ttl == Duration::from_mins(1)),
        "{made:?}"
    );
}

/// The remediator calls a person.
async fn escalate(arena: &Arena) {
    let incident: IncidentId = "inc-1".parse().unwrap();
    let plan = Plan {
        id: PlanId::derive(&incident, 1),
        incident_id: incident,
        revision: 1,
        entity: "node-1/orders".parse().unwrap(),
        symptom: "probe_failed".to_owned(),
        decision: Decision::Escalate,
        incident_state: IncidentState::Escalated,
        resolution: None,
        reason: String::new(),
        playbook: String::new(),
        rung: 0,
        rungs: 0,
        action: None,
        target: None,
        command_id: None,
        at: arena_chassis::Clock::new().now(),
        basis: PlanBasis::default(),
    };
    arena.operator.publish(&plan, None).await.unwrap();
}

#[tokio::test]
async fn it_stops_when_a_person_was_called_and_says_so() {
    let mut arena = Arena::start(true).await;
    let _injector = Process::start(&arena, &[]).await;
    arena.villain(&random()).await;
    let made = arena.applied().await;
    arena.say(&made.id, FaultState::Active).await;
    escalate(&arena).await;
    let status = in_state(&arena, "STOPPING").await;
    assert_eq!(
        status.stopped_because.as_deref(),
        Some("incident inc-1 of node-1/orders is ESCALATED: a person was called")
    );
    arena.say(&made.id, FaultState::Reverted).await;
    in_state(&arena, "STOPPED").await;

    // Told not to mind, the next one goes on.
    let careless = VillainRequest {
        stop_when: Some(VillainStopWhen::default()),
        ..random()
    };
    assert_eq!(arena.villain(&careless).await.error, None);
    arena.applied().await;
    escalate(&arena).await;
    users(&arena, 1, 99.0).await;
    assert_eq!(
        arena.villain(&VillainRequest::default()).await.state,
        "RUNNING"
    );
}

#[tokio::test]
async fn a_restarted_injector_has_no_villain_and_says_so() {
    let mut arena = Arena::start(true).await;
    let first = Process::start(&arena, &[]).await;
    arena.villain(&random()).await;
    let made = arena.applied().await;
    assert!(
        matches!(
            &made.operation,
            FaultOperation::Apply { lease: Some(_), .. }
        ),
        "a lease is all that it leaves: {made:?}"
    );
    first.signal(rustix::process::Signal::KILL);
    first.exit_code().await;
    let _second = Process::start(&arena, &[]).await;
    let status = arena.villain(&VillainRequest::default()).await;
    assert_eq!((status.state.as_str(), status.policy), ("STOPPED", None));
    let because = status.stopped_because.unwrap();
    assert!(
        because.starts_with("there was none since the injector started at 20"),
        "{because}"
    );
}

#[tokio::test]
async fn the_lever_stops_it() {
    let mut arena = Arena::start(true).await;
    let _injector = Process::start(&arena, &[]).await;
    arena.villain(&random()).await;
    let made = arena.applied().await;
    arena.lever(LeverPosition::Stopped).await;
    let status = in_state(&arena, "STOPPING").await;
    assert_eq!(
        status.stopped_because.as_deref(),
        Some("the safety lever is stopped by ann")
    );
    arena.say(&made.id, FaultState::Reverted).await;
    in_state(&arena, "STOPPED").await;
}
