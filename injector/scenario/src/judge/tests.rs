//! Verdicts on small runs, told as tables: what is right passes, and every cheat fails for its reason.

use std::time::Duration;

use arena_faults::{Fault, Params};
use arena_proto::{ActionKind, CommandState, FaultReason, FaultState, RiskClass};
use expect_test::{Expect as Golden, expect};

use super::*;
use crate::model::{
    Check, Difficulty, Healed, Injection, Load, LoadShape, Quality, Selector, SteadyState,
    Topology, Truth, When,
};

const ROOT: &str = "node-1/orders";
/// The fault's time to live, and when it would end by itself: it is made at 10 s.
const TTL_MS: u64 = 60_000;

fn scenario(expect: Expect, cures: &[ActionKind]) -> Scenario {
    let checks = vec![Check("user_error_percent < 2.0".to_owned())];
    let hold = Duration::from_secs(5);
    let within = Duration::from_secs(40);
    Scenario {
        name: "one".to_owned(),
        summary: String::new(),
        difficulty: Difficulty::Easy,
        seed: 1,
        topology: Topology::Shop,
        load: Load {
            rate: 20,
            shape: LoadShape::Steady,
        },
        steady_state: SteadyState {
            checks: checks.clone(),
            hold,
            within,
        },
        injections: vec![Injection {
            when: When::At(Duration::ZERO),
            fault: Fault::named("cpu-spike").unwrap(),
            target: Selector::Entity(ROOT.parse().unwrap()),
            ttl: Duration::from_millis(TTL_MS),
            params: Params::default(),
        }],
        telemetry: Quality::default(),
        healed: Healed {
            checks,
            hold,
            within,
        },
        limit: Duration::from_mins(2),
        truth: Truth {
            expect,
            roots: Vec::new(),
            cures: cures.to_vec(),
        },
    }
}

/// A run in which users are hurt from 11 s until `well_ms`, watched until 60 s.
fn run(well_ms: u64) -> Facts {
    let sample = |at_ms| Sample {
        at_ms,
        user_error_percent: Some(if (11_000..well_ms).contains(&at_ms) {
            30.0
        } else {
            0.0
        }),
        services_unhealthy: Some(0.0),
        ..Sample::default()
    };
    Facts {
        play_ms: 9_000,
        end_ms: 60_000,
        faults: vec![fault(ROOT)],
        incidents: vec![incident(ROOT)],
        samples: (0..120).map(|half| sample(half * 500)).collect(),
        ..Facts::default()
    }
}

fn fault(target: &str) -> FaultFact {
    FaultFact {
        id: "f".to_owned(),
        fault: Fault::named("cpu-spike").unwrap(),
        target: target.parse().unwrap(),
        part: Part::Injection,
        index: Some(0),
        ttl_ms: TTL_MS,
        state: FaultState::Active,
        armed_ms: Some(10_000),
        active_ms: Some(10_000),
        end_ms: None,
        reason: None,
        message: String::new(),
    }
}

fn ended(facts: Facts, end_ms: u64, reason: FaultReason) -> Facts {
    let faults = facts.faults.into_iter().map(|fault| FaultFact {
        state: FaultState::Reverted,
        end_ms: Some(end_ms),
        reason: Some(reason),
        ..fault
    });
    Facts {
        faults: faults.collect(),
        ..facts
    }
}

fn incident(root_cause: &str) -> IncidentFact {
    IncidentFact {
        id: "inc-1".to_owned(),
        entity: ROOT.parse().unwrap(),
        symptom: "cpu_high".to_owned(),
        root_cause: root_cause.parse().unwrap(),
        opened_ms: 13_000,
        cleared_ms: None,
        planned_ms: None,
        escalated_ms: None,
        resolution: None,
        resolved_ms: None,
        blames: Vec::new(),
    }
}

fn action(action: ActionKind, target: &str, at_ms: u64) -> ActionFact {
    ActionFact {
        command: format!("{action} {target} {at_ms}"),
        action,
        target: target.parse().unwrap(),
        incident: None,
        risk: Some(RiskClass::Medium),
        issued_ms: at_ms,
        began_ms: None,
        end_ms: Some(at_ms + 500),
        outcome: CommandState::Succeeded,
        message: String::new(),
    }
}

fn healed_run() -> Facts {
    let facts = ended(run(16_000), 15_400, FaultReason::TargetReplaced);
    Facts {
        actions: vec![action(ActionKind::Restart, ROOT, 15_000)],
        ..facts
    }
}

fn told(scenario: &Scenario, facts: &Facts) -> String {
    let verdict = judge(scenario, facts).unwrap();
    let line = |one: &Criterion| {
        let word = match (one.passed, one.required) {
            (true, _) => "ok",
            (false, true) => "FAILED",
            (false, false) => "no",
        };
        format!("{word} {}: {}\n", one.name, one.reason)
    };
    let lines: String = verdict.criteria.iter().map(line).collect();
    format!("met: {}\n{lines}", verdict.met)
}

fn check_heal(facts: &Facts, expected: &Golden) {
    let scenario = scenario(Expect::Heal, &[ActionKind::Restart]);
    expected.assert_eq(&told(&scenario, facts));
}

/// The criteria that are not fulfilled, with why.
fn failures(scenario: &Scenario, facts: &Facts) -> String {
    let verdict = judge(scenario, facts).unwrap();
    assert_eq!(verdict.met, verdict.why_not().is_empty());
    verdict.why_not()
}

#[test]
fn a_cure_at_the_root_in_time_passes() {
    check_heal(
        &healed_run(),
        &expect![[r#"
            met: true
            ok injected: faults made: 1
            ok healed_ms: users are well since 6.0 s after the first fault
            ok detected_ms: an incident 3.0 s after the first fault
            ok root_found: node-1/orders was named as the cause
            ok cured: restart at node-1/orders
            ok wrong_target: no action at what is not to blame
            ok needless: no action that cured nothing
            ok settled_ms: users are well at the end
        "#]],
    );
}

#[test]
fn doing_nothing_fails_also_when_users_feel_nothing() {
    check_heal(
        &run(30_000),
        &expect![[r#"
            met: false
            ok injected: faults made: 1
            FAILED healed_ms: no accepted cure was done at node-1/orders
            ok detected_ms: an incident 3.0 s after the first fault
            ok root_found: node-1/orders was named as the cause
            FAILED cured: no restart was done at node-1/orders
            ok wrong_target: no action at what is not to blame
            ok needless: no action that cured nothing
            ok settled_ms: users are well at the end
        "#]],
    );
    check_heal(
        &run(11_000),
        &expect![[r#"
            met: false
            ok injected: faults made: 1
            FAILED healed_ms: no accepted cure was done at node-1/orders
            ok detected_ms: an incident 3.0 s after the first fault
            ok root_found: node-1/orders was named as the cause
            FAILED cured: no restart was done at node-1/orders
            ok wrong_target: no action at what is not to blame
            ok needless: no action that cured nothing
            ok settled_ms: users are well at the end
        "#]],
    );
}

#[test]
fn what_the_end_of_the_fault_healed_is_nobodys_merit() {
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    let late = Facts {
        actions: vec![action(ActionKind::Restart, ROOT, 15_000)],
        ..ended(run(30_000), 29_000, FaultReason::TtlExpired)
    };
    let lease = ended(late.clone(), 29_000, FaultReason::LeaseExpired);
    for (facts, expected) in [
        (
            late,
            expect!["healed_ms: cpu-spike on node-1/orders ended by itself (TTL_EXPIRED)"],
        ),
        (
            lease,
            expect!["healed_ms: cpu-spike on node-1/orders ended by itself (LEASE_EXPIRED)"],
        ),
    ] {
        expected.assert_eq(&failures(&heal, &facts));
    }
}

#[test]
fn restarting_everything_fails() {
    let mut facts = healed_run();
    for target in ["node-1/edge", "node-2/orders", "node-2/ledger"] {
        facts
            .actions
            .push(action(ActionKind::Restart, target, 15_000));
    }
    check_heal(
        &facts,
        &expect![[r#"
            met: false
            ok injected: faults made: 1
            ok healed_ms: users are well since 6.0 s after the first fault
            ok detected_ms: an incident 3.0 s after the first fault
            ok root_found: node-1/orders was named as the cause
            ok cured: restart at node-1/orders
            FAILED wrong_target: 3 at what is not to blame, at most 0: restart node-1/edge, restart node-2/orders, restart node-2/ledger
            ok needless: no action that cured nothing
            ok settled_ms: users are well at the end
        "#]],
    );
}

#[test]
fn restarting_the_root_again_and_again_fails() {
    let mut facts = healed_run();
    for at_ms in [20_000, 25_000, 30_000] {
        facts.actions.push(action(ActionKind::Restart, ROOT, at_ms));
    }
    check_heal(
        &facts,
        &expect![[r#"
            met: false
            ok injected: faults made: 1
            ok healed_ms: users are well since 6.0 s after the first fault
            ok detected_ms: an incident 3.0 s after the first fault
            ok root_found: node-1/orders was named as the cause
            ok cured: restart at node-1/orders
            ok wrong_target: no action at what is not to blame
            FAILED needless: 3 that cured nothing, at most 2: restart node-1/orders, restart node-1/orders, restart node-1/orders
            ok settled_ms: users are well at the end
        "#]],
    );
}

#[test]
fn rungs_in_vain_and_taking_back_are_no_crime() {
    let mut facts = healed_run();
    facts
        .actions
        .push(action(ActionKind::Recover, ROOT, 14_000));
    facts
        .actions
        .push(action(ActionKind::Undrain, "node-2/orders", 14_000));
    let standby = "node-3/orders";
    facts
        .actions
        .push(action(ActionKind::Start, standby, 14_000));
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    assert_eq!(failures(&heal, &facts), "");
}

#[test]
fn no_data_is_not_healed() {
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    let mut silent = healed_run();
    for sample in silent.samples.iter_mut().filter(|one| one.at_ms > 16_000) {
        sample.user_error_percent = None;
    }
    let mut unseen = healed_run();
    unseen.samples.retain(|sample| sample.at_ms <= 16_000);
    let mut rare = healed_run();
    rare.samples.retain(|sample| sample.at_ms % 10_000 == 0);
    let mut dead = healed_run();
    for sample in &mut dead.samples {
        sample.services_unhealthy = None;
    }
    for (facts, expected) in [
        (
            silent,
            expect![
                "healed_ms: `user_error_percent < 2.0` does not hold (user_error_percent no data, user_latency_p95_ms no data, services_unhealthy 0.0)"
            ],
        ),
        (
            unseen,
            expect![
                "healed_ms: `user_error_percent < 2.0` does not hold (user_error_percent 30.0, user_latency_p95_ms no data, services_unhealthy 0.0)"
            ],
        ),
        (
            rare,
            expect!["healed_ms: the watch ended before users were well for long enough"],
        ),
        (
            dead,
            expect![
                "healed_ms: services are unhealthy (user_error_percent 0.0, user_latency_p95_ms no data, services_unhealthy no data)"
            ],
        ),
    ] {
        expected.assert_eq(&failures(&heal, &facts));
    }
}

#[test]
fn late_is_not_healed_and_a_cure_that_failed_is_none() {
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    let late = Facts {
        actions: vec![action(ActionKind::Restart, ROOT, 51_000)],
        ..ended(run(51_500), 51_400, FaultReason::TargetReplaced)
    };
    let mut failed = healed_run();
    failed.actions[0].outcome = CommandState::TimedOut;
    let mut other = healed_run();
    other.actions[0].action = ActionKind::Recover;
    for (facts, expected) in [
        (
            late,
            expect!["healed_ms: users were well after 41.5 s, and must be within 40.0 s"],
        ),
        (
            failed,
            expect![
                "healed_ms: no accepted cure was done at node-1/orders; cured: no restart was done at node-1/orders"
            ],
        ),
        (
            other,
            expect![
                "healed_ms: no accepted cure was done at node-1/orders; cured: no restart was done at node-1/orders"
            ],
        ),
    ] {
        expected.assert_eq(&failures(&heal, &facts));
    }
}

#[test]
fn every_root_has_to_be_found_and_cured() {
    let mut facts = healed_run();
    facts.faults.push(fault("node-2/ledger"));
    check_heal(
        &facts,
        &expect![[r#"
            met: false
            ok injected: faults made: 2
            FAILED healed_ms: no accepted cure was done at node-2/ledger
            ok detected_ms: an incident 3.0 s after the first fault
            FAILED root_found: no incident names node-2/ledger as its cause
            FAILED cured: no restart was done at node-2/ledger
            ok wrong_target: no action at what is not to blame
            ok needless: no action that cured nothing
            ok settled_ms: users are well at the end
        "#]],
    );
}

#[test]
fn who_knows_the_truth_needs_no_detector() {
    let mut facts = healed_run();
    facts.incidents.clear();
    facts.policy = Policy::Reference;
    check_heal(
        &facts,
        &expect![[r#"
            met: true
            ok injected: faults made: 1
            ok healed_ms: users are well since 6.0 s after the first fault
            no detected_ms: no incident was opened
            no root_found: no incident names node-1/orders as its cause
            ok cured: restart at node-1/orders
            ok wrong_target: no action at what is not to blame
            ok needless: no action that cured nothing
            ok settled_ms: users are well at the end
        "#]],
    );
}

#[test]
fn a_fault_that_was_refused_is_no_run() {
    let mut facts = healed_run();
    facts.faults[0].active_ms = None;
    facts.faults[0].message = "it has no port".to_owned();
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    expect!["injected: not made: cpu-spike on node-1/orders: it has no port"]
        .assert_eq(&failures(&heal, &facts));
    let mut unheard = healed_run();
    unheard.refusals.push("the lever is STOPPED".to_owned());
    expect!["injected: not made: the lever is STOPPED"].assert_eq(&failures(&heal, &unheard));
}

#[test]
fn where_nothing_should_be_done_nothing_passes_and_anything_fails() {
    let control = scenario(Expect::NoAction, &[]);
    let mut called = run(30_000);
    called.incidents[0].escalated_ms = Some(20_000);
    let mut acted = run(30_000);
    acted
        .actions
        .push(action(ActionKind::Restart, ROOT, 20_000));
    for (facts, expected) in [
        (run(30_000), expect![[r#""#]]),
        (
            called,
            expect!["quiet: a person was called for cpu_high of node-1/orders"],
        ),
        (
            acted,
            expect!["quiet: 1 where nothing should be done, at most 0: restart node-1/orders"],
        ),
        (
            run(58_000),
            expect![
                "settled_ms: `user_error_percent < 2.0` does not hold (user_error_percent 30.0, user_latency_p95_ms no data, services_unhealthy 0.0)"
            ],
        ),
    ] {
        expected.assert_eq(&failures(&control, &facts));
    }
}

#[test]
fn where_a_person_is_needed_one_must_be_called_and_nothing_be_hurt() {
    let hopeless = scenario(Expect::Escalate, &[]);
    let mut called = run(60_000);
    called.incidents[0].escalated_ms = Some(20_000);
    called.actions.push(ActionFact {
        risk: Some(RiskClass::Low),
        ..action(ActionKind::Recover, ROOT, 14_000)
    });
    let mut hurt = called.clone();
    hurt.actions.push(action(ActionKind::Restart, ROOT, 16_000));
    let mut early = called.clone();
    early.incidents[0].escalated_ms = Some(5_000);
    for (facts, expected) in [
        (run(60_000), expect!["escalated_ms: no person was called"]),
        (early, expect!["escalated_ms: no person was called"]),
        (called, expect![[r#""#]]),
        (
            hurt,
            expect![
                "harmless: 1 that can hurt, and cure nothing, at most 0: restart node-1/orders"
            ],
        ),
    ] {
        expected.assert_eq(&failures(&hopeless, &facts));
    }
}

#[test]
fn a_fault_is_felt_from_when_its_node_began_with_it() {
    let mut facts = healed_run();
    facts.faults[0].armed_ms = Some(12_900);
    facts.faults[0].active_ms = Some(13_200);
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    let verdict = judge(&heal, &facts).unwrap();
    assert_eq!((verdict.met, verdict.detect_ms), (true, Some(100)));
}

#[test]
fn of_a_node_that_is_to_blame_one_service_is_half_the_truth() {
    let mut heal = scenario(Expect::Heal, &[ActionKind::Quarantine]);
    heal.truth.roots = vec!["node-1".parse().unwrap()];
    let mut facts = healed_run();
    facts.faults[0].target = "node-1".parse().unwrap();
    facts.actions = vec![action(ActionKind::Quarantine, "node-1", 15_000)];
    expect!["root_found: no incident names node-1 as its cause"]
        .assert_eq(&failures(&heal, &facts));
    facts.incidents = vec![incident("node-1")];
    assert_eq!(failures(&heal, &facts), "");
}

#[test]
fn what_a_remediator_calls_that_only_observes_counts_for_nobody() {
    let mut called = run(30_000);
    called.policy = Policy::None;
    called.incidents[0].escalated_ms = Some(20_000);
    let control = scenario(Expect::NoAction, &[]);
    assert_eq!(failures(&control, &called), "");
    let hopeless = scenario(Expect::Escalate, &[]);
    expect!["escalated_ms: no person was called"].assert_eq(&failures(&hopeless, &called));
}

/// Healed, and users came as often as before.
fn with_users(rate_hz: f64) -> Facts {
    let mut facts = healed_run();
    facts.steady_rate_hz = Some(20.0);
    for sample in &mut facts.samples {
        sample.user_request_rate_hz = Some(rate_hz);
    }
    facts
}

fn state(at_ms: u64, entity: &str, drained: bool, throttled: bool) -> StateFact {
    StateFact {
        at_ms,
        entity: entity.parse().unwrap(),
        healthy: true,
        drained,
        throttled,
    }
}

#[test]
fn users_who_are_gone_are_not_well() {
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    assert_eq!(failures(&heal, &with_users(19.0)), "");
    expect!["healed_ms: users ask 5.0 times a second, and did 20.0 times before: who is gone is not well"]
        .assert_eq(&failures(&heal, &with_users(5.0)));
    let mut silent = with_users(19.0);
    for sample in &mut silent.samples {
        sample.user_request_rate_hz = None;
    }
    expect![
        "healed_ms: users ask ? times a second, and did 20.0 times before: who is gone is not well"
    ]
    .assert_eq(&failures(&heal, &silent));
}

#[test]
fn nothing_is_healed_while_a_service_is_left_out() {
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    let left = |states: Vec<StateFact>| Facts {
        states,
        ..healed_run()
    };
    expect!["healed_ms: node-2/orders is left drained"].assert_eq(&failures(
        &heal,
        &left(vec![state(14_000, "node-2/orders", true, false)]),
    ));
    expect!["healed_ms: node-1/edge is left throttled"].assert_eq(&failures(
        &heal,
        &left(vec![state(14_000, "node-1/edge", false, true)]),
    ));
    let given_back = left(vec![
        state(14_000, "node-2/orders", true, false),
        state(20_000, "node-2/orders", false, false),
    ]);
    assert_eq!(failures(&heal, &given_back), "");
    // Somebody had done that before the first fault.
    let before = left(vec![state(9_000, "node-2/orders", true, false)]);
    assert_eq!(failures(&heal, &before), "");
}

#[test]
fn a_root_may_stay_as_its_cure_leaves_it() {
    let drain = scenario(Expect::Heal, &[ActionKind::Drain]);
    let facts = Facts {
        actions: vec![action(ActionKind::Drain, ROOT, 15_000)],
        states: vec![state(15_200, ROOT, true, false)],
        ..run(16_000)
    };
    assert_eq!(failures(&drain, &facts), "");
}

#[test]
fn what_was_done_before_the_fault_cured_nothing() {
    let heal = scenario(Expect::Heal, &[ActionKind::Restart]);
    let mut early = healed_run();
    early.actions = vec![action(ActionKind::Restart, ROOT, 9_500)];
    expect!["healed_ms: no accepted cure was done at node-1/orders; cured: no restart was done at node-1/orders"]
        .assert_eq(&failures(&heal, &early));
}
