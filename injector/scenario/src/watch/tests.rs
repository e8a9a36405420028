//! A run on messages alone: what the view makes of them, and what the reference does about it.

use std::time::Duration;

use crate::Scenario;
use crate::judge::{Part, Policy};
use arena_proto::{
    ActionKind, CommandId, CommandState, Entity, FaultId, FaultReason, FaultState, FaultStatus,
    IncidentContext, IncidentEvent, IncidentEventKind, IncidentId, Outcome, Severity, Timestamp,
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
