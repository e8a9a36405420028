//! The fold as plain data: one story told in order, then in every order.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    ActionKind, Command, CommandId, CommandState, Decision, Effect, Entity, Evidence, FaultId,
    FaultOperation, FaultReason, FaultRequest, FaultState, FaultStatus, IncidentEvent,
    IncidentEventKind, IncidentId, IncidentState, Number, Outcome, Plan, PlanBasis, PlanId,
    Preconditions, ProcessRow, Reading, Resolution, RiskClass, Severity, SignalReport, SignalState,
    Timestamp,
};
use arena_recorder_core::{ActionFacts, Event, EvidenceFacts, FaultFacts, IncidentFacts};
use expect_test::{expect, expect_file};
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

/// A plan that rests on something.
fn based(plan: Event, basis: PlanBasis) -> Event {
    let Event::Plan(plan) = plan else {
        unreachable!()
    };
    Event::Plan(Plan { basis, ..plan })
}

fn judged(revision: u32, of: u32, effect: Effect, decision: Decision, millis: i64) -> Event {
    let basis = PlanBasis {
        judged: Some((CommandId::derive(&id(), of), effect)),
        ..PlanBasis::default()
    };
    let state = IncidentState::Verifying;
    based(decided(revision, decision, state, millis), basis)
}

fn captured(revision: u32, millis: i64) -> Event {
    Event::Evidence(Evidence {
        incident_id: id(),
        command_id: CommandId::derive(&id(), revision),
        entity: entity(),
        at: at(millis),
        readings: vec![Reading {
            at: at(millis - 1000),
            metric: "cpu_percent".into(),
            value: Number::new(97.123_456).unwrap(),
        }],
        log: vec!["\u{1b}[31mspinning".into()],
        processes: vec![ProcessRow {
            pid: 7,
            parent: 1,
            state: "R".into(),
            cpu_percent: Number::from(97),
            memory_bytes: 1 << 20,
            threads: 2,
            command: "python3 orders.py".into(),
        }],
        message: String::new(),
    })
}

/// The detector's word about a child that this incident explains.
fn explains(event: Event, child: &str, evidence: &str) -> Event {
    let Event::Incident(mut event) = event else {
        unreachable!()
    };
    event.context.fingerprint = "orders.cpu_high".into();
    event.context.candidates = vec![entity()];
    event.signals.push(SignalReport {
        entity: child.parse().unwrap(),
        symptom: "latency_high".into(),
        state: SignalState::Firing,
        since: at(-500),
        evidence: evidence.into(),
        readings: Vec::new(),
        inhibited_by: Some(entity()),
    });
    Event::Incident(event)
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

fn evidence<'a>(events: impl IntoIterator<Item = &'a Event>) -> EvidenceFacts {
    let mut facts = EvidenceFacts::default();
    for event in events {
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
    expect_file!["expected/story.json"]
        .assert_eq(&(serde_json::to_string_pretty(&record).unwrap() + "\n"));
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
    let command = CommandId::derive(&id(), 1);
    facts.apply(&command, &outcome(1, CommandState::Succeeded, 10));
    let record = facts.record(&command);
    assert_eq!(
        (record.action.as_str(), record.target.as_str()),
        ("restart", "node-1/orders")
    );
    assert_eq!(record.outcome, "SUCCEEDED");
    assert_eq!(facts.incident_id(), Some(&id()));
}

#[test]
fn what_a_decision_rests_on_is_told_with_it() {
    let basis = PlanBasis {
        rail: "replicas".into(),
        cause: "own_burn".into(),
        risk: Some(RiskClass::Medium),
        step: "restart".into(),
        expires_at: Some(at(120_000)),
        numbers: [(
            "replicas_up".to_owned(),
            Number::new(1.484_103_000_000_000_2).unwrap(),
        )]
        .into(),
        judged: Some((CommandId::derive(&id(), 1), Effect::Useless)),
    };
    let facts = fold(&[
        explains(
            said(1, IncidentEventKind::Opened, 0),
            "node-1/checkout",
            "p95 = 900 ms",
        ),
        decided(1, Decision::Act, IncidentState::Acting, 10),
        captured(1, 15),
        based(
            decided(2, Decision::Wait, IncidentState::AwaitingApproval, 20),
            basis,
        ),
    ]);
    let record = facts.record(&id()).unwrap();
    expect_file!["expected/decision.json"]
        .assert_eq(&(serde_json::to_string_pretty(&record.decisions[1]).unwrap() + "\n"));
    let action = &record.actions[0];
    assert_eq!(
        (action.effect.as_deref(), action.evidence),
        (Some("USELESS"), true)
    );
    assert_eq!(record.evidence_count, 1);
    assert_eq!(record.fingerprint, "orders.cpu_high");
    assert_eq!(record.candidates, ["node-1/orders"]);
    assert_eq!(record.support, None);
    expect![[r#"
        [
          {
            "entity": "node-1/checkout",
            "symptom": "latency_high",
            "inhibited_by": "node-1/orders",
            "evidence": "p95 = 900 ms"
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&record.children).unwrap());
}

#[test]
fn a_person_reads_who_decided_and_when_in_the_reason() {
    let mut plan = decided(2, Decision::Act, IncidentState::Acting, 20);
    let Event::Plan(inner) = &mut plan else {
        unreachable!()
    };
    inner.reason = "approved by ada at 22:13:20: go".into();
    let facts = fold(&[said(1, IncidentEventKind::Opened, 0), plan]);
    let record = facts.record(&id()).unwrap();
    assert_eq!(
        record.decisions[0].reason,
        "approved by ada at 22:13:20: go"
    );
}

#[test]
fn the_last_judgement_of_an_action_counts_and_a_resolved_incident_says_what_supports_it() {
    let mut events = story();
    events.push(judged(2, 1, Effect::Useless, Decision::Act, 700));
    events.push(judged(3, 1, Effect::Unknown, Decision::Verify, 1020));
    let record = fold(&events).record(&id()).unwrap();
    assert_eq!(record.actions[0].effect.as_deref(), Some("UNKNOWN"));
    assert_eq!(record.actions[1].effect, None);
    assert_eq!(record.support.as_deref(), Some("decision 4"));
}

#[test]
fn facts_of_the_version_before_still_read() {
    let mut kept = serde_json::to_value(fold(&story())).unwrap();
    kept.as_object_mut().unwrap().remove("children");
    for said in ["opening", "latest"] {
        let said = kept[said].as_object_mut().unwrap();
        said.remove("fingerprint");
        said.remove("candidates");
    }
    for plan in kept["plans"].as_object_mut().unwrap().values_mut() {
        plan.as_object_mut().unwrap().remove("basis");
    }
    for action in kept["actions"].as_object_mut().unwrap().values_mut() {
        for field in ["symptom", "basis", "judged", "evidence"] {
            action.as_object_mut().unwrap().remove(field);
        }
    }
    let facts: IncidentFacts = serde_json::from_value(kept).unwrap();
    let record = facts.record(&id()).unwrap();
    assert_eq!((record.actions.len(), record.decisions.len()), (2, 4));
    assert_eq!(record.decisions[3].decision, "RESOLVE");
}

#[test]
fn times_have_three_decimals_at_most() {
    let mut facts = IncidentFacts::default();
    let Event::Incident(mut event) = said(1, IncidentEventKind::Opened, 0) else {
        unreachable!()
    };
    event.first_abnormal_at = event.opened_at - Duration::from_nanos(1_484_103);
    facts.apply(&Event::Incident(event));
    let record = facts.record(&id()).unwrap();
    let json = serde_json::to_string(&record).unwrap();
    assert!(json.contains("\"detect_ms\":1.484,"), "{json}");
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
        let long = |n: u32| format!("{n}{}", "\"é\n".repeat(100_000));
        plan.basis = PlanBasis {
            rail: long(0),
            cause: long(0),
            step: long(0),
            numbers: (0..100)
                .map(|n| (long(n), Number::new(f64::MIN_POSITIVE).unwrap()))
                .collect(),
            ..PlanBasis::default()
        };
        facts.apply(&Event::Plan(plan));
        let Event::Outcome(mut outcome) = outcome(revision, CommandState::Failed, 2) else {
            unreachable!()
        };
        outcome.message = "\\\u{1b}".repeat(100_000);
        facts.apply(&Event::Outcome(outcome));
    }
    for child in 0..500 {
        let word = said(1, IncidentEventKind::Opened, 0);
        let child = format!("node-1/child-{child}");
        facts.apply(&explains(word, &child, &"\"é\n".repeat(100_000)));
    }
    let record = facts.record(&id()).unwrap();
    assert_eq!(record.children.len(), 32);
    assert_eq!((record.decisions.len(), record.actions.len()), (64, 64));
    assert_eq!(record.decisions.last().unwrap().at, at(1).to_string());
    let json = serde_json::to_string(&record).unwrap();
    assert!(json.len() < 600_000, "{}", json.len());
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
                service: service.clone(),
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

#[test]
fn a_fault_that_could_not_take_effect_is_rejected_and_one_that_is_over_stays_over() {
    let events = fault_events();
    let Event::FaultStatus(armed) = &events[1] else {
        unreachable!()
    };
    let rejected = Event::FaultStatus(FaultStatus {
        state: FaultState::Rejected,
        reason: Some(FaultReason::Unsupported),
        message: "no such device".into(),
        at: at(2),
        ..armed.clone()
    });
    let state = |events: &[&Event]| {
        let mut facts = FaultFacts::default();
        for event in events {
            facts.apply(event);
        }
        facts.state()
    };
    let [armed, reverted] = [&events[1], &events[5]];
    assert_eq!(state(&[armed, &rejected]), FaultState::Rejected);
    assert_eq!(state(&[&rejected, armed]), FaultState::Rejected);
    assert_eq!(state(&[armed, reverted, &rejected]), FaultState::Reverted);
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
            events.push(captured(revision % 3, millis));
            let effect = Effect::ALL[revision as usize % Effect::ALL.len()];
            events.push(judged(revision, 1, effect, Decision::Verify, millis));
            let child = format!("node-1/child-{}", revision % 3);
            let word = said(revision, IncidentEventKind::Updated, millis);
            events.push(explains(word, &child, &format!("since {millis}")));
        }
        for (event, skew) in events.iter_mut().zip(&skew) {
            let skew = Duration::from_millis(skew.unsigned_abs());
            match event {
                Event::Incident(event) => event.opened_at = event.opened_at - skew,
                Event::Plan(plan) => plan.at = plan.at + skew,
                Event::Command(command) => command.at = command.at - skew,
                Event::Outcome(outcome) => outcome.at = outcome.at - skew,
                Event::Evidence(evidence) => evidence.at = evidence.at + skew,
                Event::Fault(_) | Event::FaultStatus(_) => {}
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
            for event in events {
                facts.apply(&command, event);
            }
            facts
        };
        prop_assert_eq!(action(&events), action(&mixed));
        prop_assert_eq!(evidence(&events), evidence(&mixed));
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
