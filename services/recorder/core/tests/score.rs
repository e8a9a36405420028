//! Villain against Felix, counted and matched.

#![expect(clippy::unwrap_used, reason = "a test")]

use arena_proto::{Effect, FaultCount, FaultState, IncidentState, Resolution, Score, Timestamp};
use arena_recorder_core::{Field, Injected, Opened, Try, score};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_700_000_000_000 + seconds * 1000)
}

/// A fault that has effect from one time to another.
fn fault(id: &str, fault: &str, target: &str, from: i64, to: i64) -> Injected {
    Injected {
        id: id.parse().unwrap(),
        fault: fault.into(),
        target: Some(target.parse().unwrap()),
        state: FaultState::Reverted,
        at: at(from),
        active_at: Some(at(from)),
        over_at: Some(at(to)),
    }
}

/// An incident that was first seen a second before it opened, and healed.
fn incident(id: &str, blamed: &[&str], opened: i64, ended: i64) -> Opened {
    Opened {
        id: id.parse().unwrap(),
        state: IncidentState::Resolved,
        resolution: Some(Resolution::Remediated),
        blamed: blamed.iter().map(|name| name.parse().unwrap()).collect(),
        first_abnormal_at: at(opened - 1),
        opened_at: at(opened),
        ended_at: Some(at(ended)),
    }
}

fn scored(faults: Vec<Injected>, incidents: Vec<Opened>) -> Score {
    let field = Field {
        faults,
        incidents,
        complete: true,
        ..Field::default()
    };
    score(at(1000), &field)
}

#[test]
fn nothing_is_scored_as_nothing() {
    let score = scored(Vec::new(), Vec::new());
    assert_eq!(score.faults.total, FaultCount::default());
    assert_eq!(score.incidents.heal_ms.median, None);
    assert_eq!(score.incidents.heal_ms.p95, None);
    assert!(score.complete);
}

#[test]
fn a_fault_explains_what_is_about_its_target_or_names_it() {
    let faults = vec![fault("flt-1", "crash", "node-1/orders", 0, 10)];
    let incidents = vec![
        incident("inc-about", &["node-1/orders"], 2, 9),
        incident("inc-names", &["node-2/gateway", "node-1/orders"], 3, 9),
        incident("inc-node", &["node-1"], 3, 9),
        incident("inc-elsewhere", &["node-2/ledger"], 3, 9),
        incident("inc-neighbour", &["node-1/payments"], 3, 9),
    ];
    let matching = scored(faults, incidents).matching;
    assert_eq!((matching.explained, matching.unclear), (3, 2));
    assert_eq!((matching.without_fault, matching.missed), (0, 0));
}

#[test]
fn a_fault_of_a_node_explains_what_is_about_its_services() {
    let faults = vec![fault("flt-1", "noisy-neighbour", "node-1", 0, 10)];
    let score = scored(faults, vec![incident("inc-1", &["node-1/orders"], 2, 9)]);
    assert_eq!(score.matching.explained, 1);
    assert_eq!(score.faults.total.seen, 1);
}

#[test]
fn what_is_far_in_time_is_a_possible_false_alarm_and_a_missed_fault() {
    let faults = vec![fault("flt-1", "hang", "node-1/orders", 0, 10)];
    let close = incident("inc-1", &["node-1/orders"], 16, 20);
    let far = incident("inc-1", &["node-1/orders"], 17, 20);
    let near = scored(faults.clone(), vec![close]).matching;
    assert_eq!((near.explained, near.without_fault, near.missed), (1, 0, 0));
    let apart = scored(faults, vec![far]).matching;
    assert_eq!(
        (apart.explained, apart.without_fault, apart.missed),
        (0, 1, 1)
    );
    assert_eq!(apart.without_fault_ids, ["inc-1"]);
    assert_eq!(apart.missed_ids, ["flt-1"]);
}

#[test]
fn a_fault_that_may_still_be_seen_is_not_missed() {
    let active = Injected {
        state: FaultState::Active,
        over_at: Some(at(1010)),
        ..fault("flt-1", "hang", "node-1/orders", 990, 0)
    };
    let fresh = fault("flt-2", "crash", "node-1/orders", 995, 996);
    let unknown = Injected {
        state: FaultState::RevertFailed,
        over_at: None,
        ..fault("flt-3", "disk-full", "node-1/orders", 10, 0)
    };
    let score = scored(vec![active, fresh, unknown], Vec::new());
    assert_eq!(score.matching.missed, 0);
    assert_eq!(
        (score.faults.total.took_effect, score.faults.total.active),
        (3, 2)
    );
}

#[test]
fn a_fault_without_effect_explains_nothing_and_is_not_missed() {
    let rejected = Injected {
        state: FaultState::Rejected,
        active_at: None,
        ..fault("flt-1", "hang", "node-1/orders", 0, 10)
    };
    let score = scored(
        vec![rejected],
        vec![incident("inc-1", &["node-1/orders"], 2, 9)],
    );
    assert_eq!(
        (score.matching.explained, score.matching.without_fault),
        (0, 1)
    );
    assert_eq!(score.matching.missed, 0);
    let expected = FaultCount {
        injected: 1,
        rejected: 1,
        ..FaultCount::default()
    };
    assert_eq!(score.faults.by_family["process"], expected);
    assert_eq!(score.faults.by_fault["hang"], expected);
}

#[test]
fn an_escalated_incident_goes_on_whatever_time_it_was_escalated_at() {
    let escalated = Opened {
        state: IncidentState::Escalated,
        resolution: None,
        ..incident("inc-1", &["node-1/orders"], 2, 9)
    };
    let later = fault("flt-1", "hang", "node-1/orders", 500, 510);
    let score = scored(vec![later], vec![escalated]);
    assert_eq!(score.matching.explained, 1);
    let incidents = score.incidents;
    assert_eq!(
        (incidents.opened, incidents.open, incidents.escalated),
        (1, 1, 1)
    );
    assert_eq!(incidents.heal_ms.count, 0);
    assert_eq!(incidents.detect_ms.median, Some(1000.0));
}

#[test]
fn times_are_told_by_their_middle_and_what_95_of_100_do_not_exceed() {
    let incidents = (1..=100).map(|n| incident(&format!("inc-{n}"), &["node-1"], 0, n));
    let spread = scored(Vec::new(), incidents.collect()).incidents.heal_ms;
    assert_eq!(spread.count, 100);
    assert_eq!(
        (spread.median, spread.p95),
        (Some(50_500.0), Some(95_000.0))
    );
    let one = scored(Vec::new(), vec![incident("inc-1", &["node-1"], 0, 7)]).incidents;
    assert_eq!(
        (one.heal_ms.median, one.heal_ms.p95),
        (Some(7000.0), Some(7000.0))
    );
    assert_eq!(one.by_resolution["REMEDIATED"], 1);
}

#[test]
fn what_is_older_is_matched_and_not_counted() {
    let field = Field {
        since: Some(at(5)),
        faults: vec![fault("flt-1", "hang", "node-1/orders", 0, 10)],
        incidents: vec![incident("inc-1", &["node-1/orders"], 6, 9)],
        ..Field::default()
    };
    let score = score(at(1000), &field);
    assert_eq!(score.faults.total.injected, 0);
    assert_eq!((score.incidents.opened, score.matching.explained), (1, 1));
}

#[test]
fn tries_are_counted_by_what_they_did() {
    let tried = |effect| Try {
        symptom: "cpu_high".into(),
        action: "restart".into(),
        effect,
        heal_ms: None,
    };
    let effects = [
        Some(Effect::Cured),
        Some(Effect::Cured),
        Some(Effect::Useless),
        Some(Effect::Harmful),
        Some(Effect::Unknown),
        None,
    ];
    let field = Field {
        tries: effects.map(tried).to_vec(),
        ..Field::default()
    };
    let actions = score(at(0), &field).actions;
    assert_eq!((actions.tried, actions.cured, actions.useless), (6, 2, 1));
    assert_eq!((actions.harmful, actions.unknown), (1, 1));
}

#[test]
fn of_many_only_some_are_named() {
    let incidents = (0..80).map(|n| incident(&format!("inc-{n}"), &["node-1"], 0, 1));
    let matching = scored(Vec::new(), incidents.collect()).matching;
    assert_eq!(
        (matching.without_fault, matching.without_fault_ids.len()),
        (80, 50)
    );
}
