//! The fold as plain data: one story told in order, then in every order.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    ActionKind, Command, CommandId, CommandState, Decision, Entity, FaultId, FaultOperation,
    FaultReason, FaultRequest, FaultState, FaultStatus, IncidentEvent, IncidentEventKind,
    IncidentId, IncidentState, Outcome, Plan, PlanId, Preconditions, Resolution, Severity,
    Timestamp,
};
use arena_recorder_core::{ActionFacts, Event, FaultFacts, IncidentFacts};
use expect_test::expect;
use proptest::prelude::*;

fn id() -> IncidentId {
    "inc-1".parse().unwrap()
}

fn entity() -> Entity {
    "node-1/orders".parse().unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + millis)
}

fn said(revision: u32, kind: IncidentEventKind, millis: i64) -> Event {
    Event::Incident(IncidentEvent {
        context: arena_proto::IncidentContext::default(),
        kind,
        id: id(),
        revision,
        entity: entity(),
        symptom: "cpu_high".into(),
        severity: Severity::Error,
        signals: Vec::new(),
        root_cause: entity(),
        reason: format!("word {revision}"),
        first_abnormal_at: at(-2000),
        opened_at: at(0),
        at: at(millis),
        pid: Some(7),
        generation: 1,
    })
}

fn decided(revision: u32, decision: Decision, state: IncidentState, millis: i64) -> Event {
    let acts = decision == Decision::Act;
    Event::Plan(Plan {
        basis: arena_proto::PlanBasis::default(),
        id: PlanId::derive(&id(), revision),
        incident_id: id(),
        revision,
        entity: entity(),
        symptom: "cpu_high".into(),
        decision,
        incident_state: state,
        resolution: (decision == Decision::Resolve).then_some(Resolution::Remediated),
        reason: format!("decision {revision}"),
        playbook: "cpu".into(),
        rung: 1,
        rungs: 2,
        action: acts.then_some(ActionKind::Restart),
        target: acts.then(entity),
        command_id: acts.then(|| CommandId::derive(&id(), revision)),
        at: at(millis),
    })
}

fn command(revision: u32, millis: i64) -> Event {
    let Entity { node, service } = entity();
    Event::Command(Command {
        fence: None,
        params: std::collections::BTreeMap::new(),
        id: CommandId::derive(&id(), revision),
        action: ActionKind::Restart,
        node,
        service: Some(service.unwrap()),
        expires_at: at(millis + 30_000),
        deadline: Duration::from_secs(10),
        preconditions: Preconditions::default(),
        incident_id: Some(id()),
        issuer: "remediator".into(),
        reason: "rung 1".into(),
        at: at(millis),
    })
}

fn outcome(revision: u32, state: CommandState, millis: i64) -> Event {
    let Entity { node, service } = entity();
    Event::Outcome(Outcome {
        command_id: CommandId::derive(&id(), revision),
        node,
        service: Some(service.unwrap()),
        action: ActionKind::Restart,
        state,
        reason: None,
        message: state.to_string().to_ascii_lowercase(),
        incident_id: Some(id()),
        at: at(millis),
        pid_before: Some(7),
        pid_after: Some(8),
    })
}

/// One rung fails, the next one heals.
fn story() -> Vec<Event> {
    vec![
        said(1, IncidentEventKind::Opened, 0),
        decided(1, Decision::Act, IncidentState::Acting, 10),
        command(1, 10),
        outcome(1, CommandState::Accepted, 20),
        outcome(1, CommandState::Failed, 500),
        said(2, IncidentEventKind::Updated, 600),
        decided(2, Decision::Act, IncidentState::Acting, 700),
        command(2, 700),
        outcome(2, CommandState::Accepted, 710),
        outcome(2, CommandState::Succeeded, 1010),
        decided(3, Decision::Verify, IncidentState::Verifying, 1020),
        said(3, IncidentEventKind::Cleared, 3000),
        decided(4, Decision::Resolve, IncidentState::Resolved, 3010),
    ]
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> IncidentFacts {
    let mut facts = IncidentFacts::default();
    for event in events {
        // As the database keeps them in between.
        let kept = serde_json::to_value(&facts).unwrap();
        facts = serde_json::from_value(kept).unwrap();
        facts.apply(event);
    }
    facts
}

fn times(facts: &IncidentFacts) -> [Option<f64>; 4] {
    let times = facts.times();
    [
        times.detect_ms,
        times.plan_ms,
        times.act_ms,
        times.verify_ms,
    ]
}

#[test]
fn the_whole_story_as_people_read_it() {
    let record = fold(&story()).record(&id()).unwrap();
    expect![[r#"
        {
          "id": "inc-1",
          "entity": "node-1/orders",
          "symptom": "cpu_high",
          "severity": "ERROR",
          "state": "RESOLVED",
          "resolution": "REMEDIATED",
          "root_cause": "node-1/orders",
          "opened_at": "2023-11-14T22:13:20.000Z",
          "detect_ms": 2000.0,
          "plan_ms": 10.0,
          "act_ms": 1000.0,
          "verify_ms": 2000.0,
          "actions": [
            {
              "action": "restart",
              "target": "node-1/orders",
              "outcome": "FAILED",
              "command_id": "cmd-inc-1.1",
              "message": "failed",
              "effect": null,
              "issued_at": null,
              "ended_at": null,
              "risk": null,
              "cause": null,
              "step": null,
              "issuer": null,
              "evidence": false
            },
            {
              "action": "restart",
              "target": "node-1/orders",
              "outcome": "SUCCEEDED",
              "command_id": "cmd-inc-1.2",
              "message": "succeeded",
              "effect": null,
              "issued_at": null,
              "ended_at": null,
              "risk": null,
              "cause": null,
              "step": null,
              "issuer": null,
              "evidence": false
            }
          ],
          "trace_id": "5b1d704895b438c53e64754a617b3e18",
          "ended_at": "2023-11-14T22:13:23.010Z",
          "reason": "word 1",
          "decisions": [
            {
              "decision": "ACT",
              "reason": "decision 1",
              "at": "2023-11-14T22:13:20.010Z",
              "revision": 0,
              "incident_state": "",
              "rail": null,
              "cause": null,
              "risk": null,
              "step": null,
              "action": null,
              "target": null,
              "playbook": null,
              "rung": 0,
              "rungs": 0,
              "command_id": null,
              "expires_at": null,
              "numbers": {},
              "judged": null
            },
            {
              "decision": "ACT",
              "reason": "decision 2",
              "at": "2023-11-14T22:13:20.700Z",
              "revision": 0,
              "incident_state": "",
              "rail": null,
              "cause": null,
              "risk": null,
              "step": null,
              "action": null,
              "target": null,
              "playbook": null,
              "rung": 0,
              "rungs": 0,
              "command_id": null,
              "expires_at": null,
              "numbers": {},
              "judged": null
            },
            {
              "decision": "VERIFY",
              "reason": "decision 3",
              "at": "2023-11-14T22:13:21.020Z",
              "revision": 0,
              "incident_state": "",
              "rail": null,
              "cause": null,
              "risk": null,
              "step": null,
              "action": null,
              "target": null,
              "playbook": null,
              "rung": 0,
              "rungs": 0,
              "command_id": null,
              "expires_at": null,
              "numbers": {},
              "judged": null
            },
            {
              "decision": "RESOLVE",
              "reason": "decision 4",
              "at": "2023-11-14T22:13:23.010Z",
              "revision": 0,
              "incident_state": "",
              "rail": null,
              "cause": null,
              "risk": null,
              "step": null,
              "action": null,
              "target": null,
              "playbook": null,
              "rung": 0,
              "rungs": 0,
              "command_id": null,
              "expires_at": null,
              "numbers": {},
              "judged": null
            }
          ],
          "fingerprint": "",
          "candidates": [],
          "children": [],
          "support": null,
          "evidence_count": 0
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&record).unwrap());
}

#[test]
fn each_time_is_null_until_it_is_known() {
    let story = story();
    let after = |count: usize| times(&fold(&story[..count]));
    assert_eq!(after(0), [None; 4]);
    assert_eq!(after(1), [Some(2000.0), None, None, None]);
    assert_eq!(after(4), [Some(2000.0), Some(10.0), None, None]);
    // The first command has ended, and no other is known.
    assert_eq!(after(5), [Some(2000.0), Some(10.0), Some(490.0), None]);
    // The second one runs.
    assert_eq!(after(9), [Some(2000.0), Some(10.0), None, None]);
    assert_eq!(after(12), [Some(2000.0), Some(10.0), Some(1000.0), None]);
}

#[test]
fn there_is_no_record_before_the_detectors_word() {
    let facts = fold(&story()[1..5]);
    assert_eq!(facts.record(&id()), None);
    assert_eq!(facts.state(), IncidentState::Acting);
}

#[test]
fn a_healed_incident_without_an_action_has_no_act_and_no_verify_time() {
    let facts = fold(&[
        said(1, IncidentEventKind::Opened, 0),
        said(2, IncidentEventKind::Cleared, 900),
        decided(1, Decision::Resolve, IncidentState::Resolved, 1000),
    ]);
    assert_eq!(times(&facts), [Some(2000.0), None, None, None]);
    assert_eq!(facts.ended_at(), Some(at(1000)));
}

#[test]
fn acting_again_after_an_escalation_reopens_it() {
    let mut events = vec![
        said(1, IncidentEventKind::Opened, 0),
        decided(1, Decision::Escalate, IncidentState::Escalated, 10),
    ];
    assert_eq!(fold(&events).ended_at(), Some(at(10)));
    events.push(decided(2, Decision::Act, IncidentState::Acting, 20));
    assert_eq!(fold(&events).ended_at(), None);
    // A refusal after the escalation does not move its end.
    events[2] = decided(2, Decision::Refuse, IncidentState::Escalated, 20);
    assert_eq!(fold(&events).ended_at(), Some(at(10)));
}

#[test]
fn an_action_is_whole_without_its_command_and_its_plan() {
    let mut facts = ActionFacts::default();
    facts.apply(&outcome(1, CommandState::Succeeded, 10));
    let record = facts.record(&CommandId::derive(&id(), 1));
    assert_eq!(
        (record.action.as_str(), record.target.as_str()),
        ("restart", "node-1/orders")
    );
    assert_eq!(record.outcome, "SUCCEEDED");
    assert_eq!(facts.incident_id(), Some(&id()));
}

#[test]
fn facts_are_bounded_and_fit_a_reply() {
    let mut facts = IncidentFacts::default();
    for revision in 1..=500 {
        let Event::Plan(mut plan) = decided(revision, Decision::Act, IncidentState::Acting, 1)
        else {
            unreachable!()
        };
        plan.reason = "\"é\n".repeat(100_000);
        facts.apply(&Event::Plan(plan));
        let Event::Outcome(mut outcome) = outcome(revision, CommandState::Failed, 2) else {
            unreachable!()
        };
        outcome.message = "\\\u{1b}".repeat(100_000);
        facts.apply(&Event::Outcome(outcome));
    }
    facts.apply(&said(1, IncidentEventKind::Opened, 0));
    let record = facts.record(&id()).unwrap();
    assert_eq!((record.decisions.len(), record.actions.len()), (64, 64));
    assert_eq!(record.decisions.last().unwrap().at, at(1).to_string());
    let json = serde_json::to_string(&record).unwrap();
    assert!(json.len() < 300_000, "{}", json.len());
    assert!(!json.contains("\\u001b"));
}

fn fault_events() -> Vec<Event> {
    let Entity { node, service } = entity();
    let fault: FaultId = "flt-1".parse().unwrap();
    let request = |operation, millis| {
        Event::Fault(FaultRequest {
            id: fault.clone(),
            node: node.clone(),
            at: at(millis),
            operation,
        })
    };
    let status = |state, reason, millis| {
        Event::FaultStatus(FaultStatus {
            id: fault.clone(),
            fault: "cpu-spike".into(),
            node: node.clone(),
            service: service.clone(),
            state,
            reason,
            message: String::new(),
            at: at(millis),
            active_at: (state != FaultState::Armed).then(|| at(5)),
            expires_at: Some(at(30_005)),
            reverted_at: (state == FaultState::Reverted).then(|| at(millis)),
            params: BTreeMap::from([("cores".into(), "1".into())]),
        })
    };
    vec![
        request(
            FaultOperation::Apply {
                fault: "cpu-spike".into(),
                service: service.clone().unwrap(),
                ttl: Duration::from_secs(30),
                lease: None,
                params: BTreeMap::new(),
            },
            0,
        ),
        status(FaultState::Armed, None, 1),
        status(FaultState::Active, None, 5),
        request(FaultOperation::Revert, 100),
        status(
            FaultState::Reverting,
            Some(FaultReason::RevertRequested),
            101,
        ),
        status(
            FaultState::Reverted,
            Some(FaultReason::RevertRequested),
            110,
        ),
    ]
}

#[test]
fn a_fault_goes_from_requested_to_reverted() {
    let events = fault_events();
    let id: FaultId = "flt-1".parse().unwrap();
    let mut facts = FaultFacts::default();
    facts.apply(&events[0]);
    assert_eq!(facts.record(&id).state, "REQUESTED");
    assert_eq!(facts.expires_at(), Some(at(30_000)));
    for event in &events[1..] {
        facts.apply(event);
    }
    let record = facts.record(&id);
    assert_eq!(
        (record.state.as_str(), record.target.as_str()),
        ("REVERTED", "node-1/orders")
    );
    assert_eq!(record.reason.as_deref(), Some("REVERT_REQUESTED"));
    assert_eq!(record.expires_at, Some(at(30_005).to_string()));
    assert_eq!(record.reverted_at, Some(at(110).to_string()));
    assert_eq!(record.params["cores"], "1");
}

/// The story, events that contradict it (same revision or state, other contents), and times out of all order.
fn events() -> impl Strategy<Value = Vec<Event>> {
    let skew = prop::collection::vec(-5000_i64..5000, 20);
    (skew, 0_u32..6).prop_map(|(skew, extra)| {
        let mut events = story();
        for revision in 1..=extra {
            let millis = skew[revision as usize];
            events.push(said(revision, IncidentEventKind::Updated, millis));
            events.push(decided(
                revision,
                Decision::Refuse,
                IncidentState::Escalated,
                millis,
            ));
            events.push(command(revision, millis));
            events.push(outcome(revision, CommandState::Succeeded, millis));
        }
        for (event, skew) in events.iter_mut().zip(&skew) {
            let skew = Duration::from_millis(skew.unsigned_abs());
            match event {
                Event::Incident(event) => event.opened_at = event.opened_at - skew,
                Event::Plan(plan) => plan.at = plan.at + skew,
                Event::Command(command) => command.at = command.at - skew,
                Event::Outcome(outcome) => outcome.at = outcome.at - skew,
                Event::Fault(_) | Event::FaultStatus(_) | Event::Evidence(_) => {}
            }
        }
        events
    })
}

/// Each event at least once, in any order.
fn mixed(events: &[Event], picks: &[prop::sample::Index]) -> Vec<Event> {
    let mut mixed = events.to_vec();
    for pick in picks {
        mixed.push(events[pick.index(events.len())].clone());
    }
    for (place, pick) in picks.iter().enumerate() {
        let other = pick.index(mixed.len());
        let place = place % mixed.len();
        mixed.swap(place, other);
    }
    mixed
}

proptest! {
    #[test]
    fn any_order_with_duplicates_folds_to_the_same(
        events in events(),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let mixed = mixed(&events, &picks);
        prop_assert_eq!(fold(&events), fold(&mixed));
        prop_assert_eq!(fold(&events).record(&id()), fold(&mixed).record(&id()));
        let command = CommandId::derive(&id(), 1);
        let action = |events: &[Event]| {
            let mut facts = ActionFacts::default();
            for event in events.iter().filter(|event| event.command_id() == Some(&command)) {
                facts.apply(event);
            }
            facts
        };
        prop_assert_eq!(action(&events), action(&mixed));
    }

    #[test]
    fn a_fault_too(picks in prop::collection::vec(any::<prop::sample::Index>(), 0..30)) {
        let fold = |events: &[Event]| {
            let mut facts = FaultFacts::default();
            for event in events {
                facts.apply(event);
            }
            facts
        };
        let events = fault_events();
        prop_assert_eq!(fold(&events), fold(&mixed(&events, &picks)));
    }

    #[test]
    fn no_time_is_negative(events in events()) {
        for time in times(&fold(&events)).into_iter().flatten() {
            prop_assert!(time >= 0.0, "{time}");
        }
    }
}
