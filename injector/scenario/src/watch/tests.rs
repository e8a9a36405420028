//! A run on messages alone: what the view makes of them, and what the reference does about it.

use std::time::Duration;

use crate::Scenario;
use crate::judge::{BlameFact, Part, Policy, StateFact};
use arena_proto::{
    ActionKind, CommandId, CommandState, Entity, FaultId, FaultReason, FaultState, FaultStatus,
    IncidentContext, IncidentEvent, IncidentEventKind, IncidentId, NodeName, NodeStatus, Outcome,
    ProbeVerdict, ProcessState, ServiceDetail, ServiceName, ServiceStatus, Severity, Timestamp,
};
use expect_test::expect;

use super::reference::Reference;
use super::view::View;
use crate::record::Line;

const ORDERS: &str = "node-1/orders";

fn scenario() -> Scenario {
    let text = r#"
        name = "one"
        summary = "Orders burns CPU."
        difficulty = "easy"
        telemetry = { loss = 10 }
        [[fault]]
        fault = "cpu-spike"
        target = "node-1/orders"
        [truth]
        expect = "heal"
    "#;
    Scenario::parse("one.toml", text).unwrap()
}

fn at(ms: u64) -> Timestamp {
    Timestamp::EPOCH + Duration::from_millis(ms)
}

fn fault(name: &str, target: &str, state: FaultState) -> FaultStatus {
    let target: Entity = target.parse().unwrap();
    FaultStatus {
        id: FaultId::new(format!("f-{name}")).unwrap(),
        fault: name.to_owned(),
        node: target.node,
        service: target.service,
        state,
        reason: None,
        message: String::new(),
        at: at(0),
        active_at: Some(at(0)),
        expires_at: Some(at(60_000)),
        reverted_at: None,
        params: std::collections::BTreeMap::new(),
    }
}

fn incident(kind: IncidentEventKind, opened_ms: u64) -> IncidentEvent {
    let entity: Entity = ORDERS.parse().unwrap();
    IncidentEvent {
        kind,
        id: IncidentId::derive(&entity, "cpu_high", at(opened_ms)),
        revision: 1,
        entity: entity.clone(),
        symptom: "cpu_high".to_owned(),
        severity: Severity::Warning,
        signals: Vec::new(),
        root_cause: entity,
        reason: "cpu_percent is 99".to_owned(),
        first_abnormal_at: at(opened_ms),
        opened_at: at(opened_ms),
        at: at(opened_ms),
        pid: None,
        generation: 1,
        context: IncidentContext::default(),
    }
}

fn outcome(command: &str, state: CommandState) -> Outcome {
    let entity: Entity = ORDERS.parse().unwrap();
    Outcome {
        command_id: CommandId::new(command).unwrap(),
        node: entity.node,
        service: entity.service,
        action: ActionKind::Restart,
        state,
        reason: None,
        message: String::new(),
        incident_id: None,
        at: at(0),
        pid_before: None,
        pid_after: None,
    }
}

#[test]
fn what_was_before_the_play_does_not_count() {
    let mut view = View::new(&scenario(), Policy::Felix);
    view.on_incident(100, &incident(IncidentEventKind::Opened, 100));
    view.on_outcome(100, &outcome("c-1", CommandState::Succeeded));
    view.on_fault(100, &fault("cpu-spike", ORDERS, FaultState::Active));
    assert_eq!(view.sample(100).incidents_open, Some(1.0), "it is seen");
    view.begin(200, at(200));
    view.on_incident(300, &incident(IncidentEventKind::Cleared, 100));
    assert!(view.facts.incidents.is_empty() && view.facts.actions.is_empty());
    assert!(view.facts.faults.is_empty());
    assert_eq!(view.sample(300).incidents_open, Some(0.0));
}

#[test]
fn a_story_is_told_and_kept() {
    let mut view = View::new(&scenario(), Policy::Felix);
    view.begin(0, at(0));
    view.on_fault(10, &fault("cpu-spike", ORDERS, FaultState::Armed));
    view.on_fault(20, &fault("cpu-spike", ORDERS, FaultState::Active));
    view.on_fault(25, &fault("telemetry-loss", "node-2", FaultState::Active));
    view.on_incident(30, &incident(IncidentEventKind::Opened, 30));
    view.on_outcome(40, &outcome("c-1", CommandState::Accepted));
    view.on_outcome(50, &outcome("c-1", CommandState::Succeeded));
    view.on_fault(
        60,
        &FaultStatus {
            reason: Some(FaultReason::TargetReplaced),
            ..fault("cpu-spike", ORDERS, FaultState::Reverted)
        },
    );
    view.on_incident(70, &incident(IncidentEventKind::Cleared, 30));
    let line = |event: &Line| {
        let Line {
            at_ms,
            kind,
            entity,
            what,
        } = event;
        format!("{at_ms} {kind} {entity}: {what}")
    };
    let lines: Vec<String> = view.events.iter().map(line).collect();
    expect![[r#"
        20 inject node-1/orders: cpu-spike
        25 inject node-2: telemetry-loss
        30 detect node-1/orders: cpu_high (cause: node-1/orders): cpu_percent is 99 (inc-a98b3f12e90d)
        50 outcome node-1/orders: restart: SUCCEEDED
        60 over node-1/orders: cpu-spike: TARGET_REPLACED
        70 clear node-1/orders: cpu_high"#]].assert_eq(&lines.join("\n"));
    let [orders, quality] = view.facts.faults.as_slice() else {
        panic!("two faults: {:?}", view.facts.faults);
    };
    assert_eq!(
        (orders.part, quality.part),
        (Part::Injection, Part::Background)
    );
    assert_eq!((orders.active_ms, orders.end_ms), (Some(20), Some(60)));
    let action = &view.facts.actions[0];
    assert_eq!((action.issued_ms, action.end_ms), (40, Some(50)));
    assert!(action.is_done());
}

#[test]
fn a_fault_that_is_over_at_once_was_made() {
    let mut view = View::new(&scenario(), Policy::Felix);
    view.begin(0, at(0));
    view.on_fault(10, &fault("cpu-spike", ORDERS, FaultState::Reverted));
    assert!(view.facts.faults[0].is_made());
    let mut view = View::new(&scenario(), Policy::Felix);
    view.begin(0, at(0));
    view.on_fault(10, &fault("cpu-spike", ORDERS, FaultState::Rejected));
    assert!(!view.facts.faults[0].is_made());
}

#[test]
fn the_reference_cures_each_root_and_waits_for_the_outcome() {
    let scenario = scenario();
    let mut view = View::new(&scenario, Policy::Reference);
    view.begin(0, at(0));
    let mut reference = Reference::default();
    let wanted = Some((ActionKind::Restart, ORDERS.parse().unwrap()));
    assert_eq!(
        reference.next(9_000, &scenario, &view),
        None,
        "nothing was made"
    );
    view.on_fault(10_000, &fault("cpu-spike", ORDERS, FaultState::Active));
    assert_eq!(reference.next(12_000, &scenario, &view), None, "too early");
    assert_eq!(reference.next(15_000, &scenario, &view), wanted);
    view.on_outcome(15_100, &outcome("c-1", CommandState::Accepted));
    assert_eq!(
        reference.next(30_000, &scenario, &view),
        None,
        "it is under way"
    );
    view.on_outcome(30_100, &outcome("c-1", CommandState::Failed));
    assert_eq!(
        reference.next(31_000, &scenario, &view),
        wanted,
        "once more"
    );
    view.on_outcome(31_100, &outcome("c-2", CommandState::Succeeded));
    assert_eq!(reference.next(60_000, &scenario, &view), None, "it is done");
}

fn status(at_ms: u64, services: &[(&str, ProcessState, bool)]) -> NodeStatus {
    let service = |(name, state, drained): &(&str, ProcessState, bool)| ServiceStatus {
        name: ServiceName::new(*name).unwrap(),
        state: *state,
        probe: ProbeVerdict::Passing,
        pid: None,
        generation: 1,
        restarts: 0,
        port: None,
        proxy_port: None,
        depends_on: Vec::new(),
        since: at(at_ms),
        exit_code: None,
        message: String::new(),
        detail: ServiceDetail {
            drained: *drained,
            ..ServiceDetail::default()
        },
    };
    NodeStatus {
        node: NodeName::new("node-1").unwrap(),
        boot_id: 1,
        pid: 1,
        state: ProcessState::Running,
        chaos: true,
        services: services.iter().map(service).collect(),
        at: at(at_ms),
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

#[test]
fn only_changes_of_services_are_kept_and_those_that_were_amiss_before() {
    let (up, dead) = (ProcessState::Running, ProcessState::Exited);
    let mut view = View::new(&scenario(), Policy::Felix);
    view.on_status(50, status(50, &[("edge", up, false), ("orders", up, true)]));
    view.begin(100, at(100));
    assert_eq!(view.facts.nodes, 1);
    assert_eq!(view.facts.services(), 2);
    view.on_status(
        200,
        status(200, &[("edge", up, false), ("orders", up, true)]),
    );
    view.on_status(
        300,
        status(300, &[("edge", dead, false), ("orders", up, false)]),
    );
    assert_eq!(view.sample(300).services_unhealthy, Some(1.0));
    // What is defined no more is well.
    view.on_status(400, status(400, &[("orders", up, false)]));
    assert_eq!(view.sample(400).services_unhealthy, Some(0.0));
    let told = |one: &StateFact| {
        format!(
            "{} {} {} {}",
            one.at_ms, one.entity, one.healthy, one.drained
        )
    };
    let told: Vec<String> = view.facts.states.iter().map(told).collect();
    expect![[r#"
        100 node-1/orders true true
        300 node-1/edge false false
        300 node-1/orders true false
        400 node-1/edge true false"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn each_change_of_the_blame_is_kept() {
    let mut view = View::new(&scenario(), Policy::Felix);
    view.begin(0, at(0));
    let mut event = incident(IncidentEventKind::Opened, 30);
    view.on_incident(30, &event);
    event.kind = IncidentEventKind::Updated;
    view.on_incident(40, &event);
    let ledger: Entity = "node-3/ledger".parse().unwrap();
    event.context.candidates = vec![event.entity.clone(), ledger.clone()];
    event.root_cause = ledger;
    view.on_incident(50, &event);
    let told = |one: &BlameFact| format!("{} {:?}", one.at_ms, one.candidates);
    let blames = &view.facts.incidents[0].blames;
    assert_eq!(blames.len(), 2, "{:?}", blames.iter().map(told));
    assert_eq!(blames[1].candidates[0].to_string(), "node-3/ledger");
    assert_eq!(blames[1].candidates[1].to_string(), ORDERS);
}

#[test]
fn an_encore_is_told_apart() {
    let mut view = View::new(&scenario(), Policy::Felix);
    view.begin(0, at(0));
    view.on_fault(10, &fault("cpu-spike", ORDERS, FaultState::Active));
    view.on_outcome(20, &outcome("c-1", CommandState::Succeeded));
    view.begin_encore(100, at(100));
    // The last words on what was before it are no news of it.
    view.on_fault(110, &fault("cpu-spike", ORDERS, FaultState::Reverted));
    view.on_outcome(110, &outcome("c-1", CommandState::Succeeded));
    assert!(view.facts.faults.is_empty() && view.facts.actions.is_empty());
    let mut again = fault("cpu-spike", ORDERS, FaultState::Active);
    again.id = FaultId::new("f-again").unwrap();
    view.on_fault(120, &again);
    let facts = view.end();
    assert_eq!(
        (facts.play_ms, facts.faults.len(), facts.actions.len()),
        (0, 1, 1)
    );
    let encore = facts.encore.unwrap();
    assert_eq!((encore.play_ms, encore.faults.len()), (100, 1));
}
