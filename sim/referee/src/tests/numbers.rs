//! What each number is, on runs that a person can reckon.

use arena_proto::Entity;
use expect_test::expect;

use super::*;

#[test]
fn a_heal_is_told_with_every_number_and_its_reason() {
    expect![[r#"
        95.98 healed true passed true
        recover_ms 6000 (37.00 of 40): users were well for good 6.0 s after the first fault
        detect_ms 2000 (14.25 of 15): node-1/orders was named 2.0 s after its fault
        top1 1 (10.00 of 10): 1 of 1 roots named
        top3 1 (5.00 of 5): 1 of 1 roots named
        actions 1 (0.00 of 0): 1 actions
        calls 0 (0.00 of 0): 0 calls for a person
        wrong_target 0 (6.00 of 6): none
        needless 0 (4.00 of 4): none
        false_incidents 0 (3.00 of 3): none
        lost_user_seconds 60 (0.00 of 0): users lost 60.0 of 20.0 a second
        collateral_user_seconds 0 (8.00 of 8): 0.0 lost while 0 actions at the wrong place had effect, 0.0 of capacity taken
        containment 0 (5.00 of 5): none of 9 others was hurt
        faults_left 0 (2.00 of 2): none
        cost_s 5 (1.73 of 2): 1 actions, 1 of them new processes; 0 low, 1 medium, 0 high

    "#]].assert_eq(&told(&scored(&healed_run())));
}

#[test]
fn doing_nothing_is_told_as_well() {
    expect![[r#"
        11.45 healed false passed false
        recover_ms 60000 (0.00 of 40): not healed: the limit of 60 s counts
        detect_ms 2000 (14.25 of 15): node-1/orders was named 2.0 s after its fault
        top1 1 (10.00 of 10): 1 of 1 roots named
        top3 1 (5.00 of 5): 1 of 1 roots named
        actions 0 (0.00 of 0): 0 actions
        calls 0 (0.00 of 0): 0 calls for a person
        wrong_target 0 (6.00 of 6): none
        needless 0 (4.00 of 4): none
        false_incidents 0 (3.00 of 3): none
        lost_user_seconds 495 (0.00 of 0): users lost 495.0 of 20.0 a second
        collateral_user_seconds 0 (8.00 of 8): 0.0 lost while 0 actions at the wrong place had effect, 0.0 of capacity taken
        containment 0 (5.00 of 5): none of 9 others was hurt
        faults_left 1 (0.00 of 2): cpu-spike on node-1/orders
        cost_s 0 (2.00 of 2): 0 actions, 0 of them new processes; 0 low, 0 medium, 0 high
        goal: healed_ms: no accepted cure was done at node-1/orders; goal: cured: no restart was done at node-1/orders
    "#]].assert_eq(&told(&scored(&unhealed_run())));
}

#[test]
fn where_nothing_is_to_be_done_what_is_done_counts() {
    let quiet = Facts {
        samples: samples(9_000, 40_000, 0..0),
        incidents: Vec::new(),
        actions: Vec::new(),
        ..healed_run()
    };
    let control = scenario(Expect::NoAction);
    expect![[r#"
        100 healed true passed true
        actions 0 (50.00 of 50): 0 actions
        calls 0 (20.00 of 20): 0 calls for a person
        wrong_target 0 (0.00 of 0): none
        needless 0 (0.00 of 0): none
        false_incidents 0 (15.00 of 15): none
        lost_user_seconds 0 (0.00 of 0): users lost 0.0 of 20.0 a second
        collateral_user_seconds 0 (15.00 of 15): 0.0 lost while 0 actions at the wrong place had effect, 0.0 of capacity taken
        containment 0 (0.00 of 0): none of 9 others was hurt
        faults_left 0 (0.00 of 0): none
        cost_s 0 (0.00 of 0): 0 actions, 0 of them new processes; 0 low, 0 medium, 0 high

    "#]].assert_eq(&told(&score(&control, &quiet).unwrap()));
    let busy = Facts {
        actions: vec![action(ActionKind::Restart, "node-2/edge", 20_000)],
        states: vec![
            state(20_100, "node-2/edge", false, false),
            state(22_100, "node-2/edge", true, false),
        ],
        ..quiet
    };
    expect![[r#"
        14.25 healed true passed false
        actions 1 (25.00 of 50): 1 actions
        calls 0 (20.00 of 20): 0 calls for a person
        wrong_target 1 (0.00 of 0): restart node-2/edge
        needless 0 (0.00 of 0): none
        false_incidents 0 (15.00 of 15): none
        lost_user_seconds 0 (0.00 of 0): users lost 0.0 of 20.0 a second
        collateral_user_seconds 20 (11.25 of 15): 0.0 lost while 1 actions at the wrong place had effect, 20.0 of capacity taken
        containment 0.1111111111111111 (0.00 of 0): 1 of 9 others were hurt 11.1 s after the play began: node-2/edge
        faults_left 0 (0.00 of 0): none
        cost_s 5 (0.00 of 0): 1 actions, 1 of them new processes; 0 low, 1 medium, 0 high
        goal: quiet: 1 where nothing should be done, at most 0: restart node-2/edge
    "#]].assert_eq(&told(&score(&control, &busy).unwrap()));
}

#[test]
fn where_a_person_is_needed_the_call_counts() {
    let mut called = unhealed_run();
    called.incidents[0].escalated_ms = Some(20_000);
    expect![[r#"
        95.92 healed false passed true
        called_ms 10000 (36.67 of 40): a person was called 10.0 s after the first fault
        detect_ms 2000 (14.25 of 15): node-1/orders was named 2.0 s after its fault
        top1 1 (10.00 of 10): 1 of 1 roots named
        top3 1 (5.00 of 5): 1 of 1 roots named
        actions 0 (0.00 of 0): 0 actions
        calls 1 (0.00 of 0): 1 calls for a person
        wrong_target 0 (10.00 of 10): none
        needless 0 (5.00 of 5): none
        false_incidents 0 (5.00 of 5): none
        lost_user_seconds 495 (0.00 of 0): users lost 495.0 of 20.0 a second
        collateral_user_seconds 0 (10.00 of 10): 0.0 lost while 0 actions at the wrong place had effect, 0.0 of capacity taken
        containment 0 (0.00 of 0): none of 9 others was hurt
        faults_left 1 (0.00 of 0): cpu-spike on node-1/orders
        cost_s 0 (0.00 of 0): 0 actions, 0 of them new processes; 0 low, 0 medium, 0 high

    "#]].assert_eq(&told(&score(&scenario(Expect::Escalate), &called).unwrap()));
}

/// Opened on the caller, the right root is named 8 s later, second to a third.
#[test]
fn the_time_to_detect_is_that_of_the_right_root() {
    let late: &[(u64, &[&str])] = &[
        (11_000, &["node-2/edge"]),
        (19_000, &["node-2/edge", ROOT]),
        (20_000, &[ROOT, "node-2/edge"]),
    ];
    let facts = Facts {
        incidents: vec![incident("inc-1", "node-2/edge", 11_000, late)],
        ..healed_run()
    };
    let score = scored(&facts);
    assert_eq!(score.detect_ms, Some(10_000));
    assert_eq!((score.top1, score.top3), (Some(1.0), Some(1.0)));
    let never = Facts {
        incidents: vec![incident("inc-1", "node-2/edge", 11_000, &late[..2])],
        ..healed_run()
    };
    let score = scored(&never);
    assert_eq!(score.detect_ms, Some(60_000), "a miss counts as the limit");
    assert_eq!((score.top1, score.top3), (Some(0.0), Some(1.0)));
}

#[test]
fn who_blames_everybody_gets_little_for_the_one_who_is_it() {
    let blame = |id: &str, entity: &str| {
        let blamed: &[(u64, &[&str])] = &[(12_000, &[entity])];
        incident(id, entity, 12_000, blamed)
    };
    let facts = Facts {
        incidents: vec![
            blame("inc-1", ROOT),
            blame("inc-2", "node-2/edge"),
            blame("inc-3", "node-3/ledger"),
        ],
        ..healed_run()
    };
    let third = 1.0 / 3.0;
    assert_eq!(scored(&facts).top1, Some(third));
}

#[test]
fn what_a_wrong_action_may_have_cost_counts_against_it() {
    let mut facts = healed_run();
    facts
        .actions
        .insert(0, action(ActionKind::Restart, "node-2/edge", 11_000));
    facts.states = vec![
        state(11_000, "node-2/edge", false, false),
        state(13_000, "node-2/edge", true, false),
    ];
    let score = scored(&facts);
    // From 11.0 s to 14.5 s half of 20 users failed, at eight samples of half a second; for 2 s half of the capacity was gone.
    let reason = &score.measure("collateral_user_seconds").unwrap().reason;
    expect!["40.0 lost while 1 actions at the wrong place had effect, 20.0 of capacity taken"]
        .assert_eq(reason);
    assert_eq!(score.wrong_target, 1);
    assert!(
        (score.lost_user_seconds - 60.0).abs() < 1e-9,
        "{}",
        score.lost_user_seconds
    );
    // One that its node refused cost nobody anything.
    facts.actions[0].outcome = CommandState::Rejected;
    assert!(scored(&facts).collateral_user_seconds.abs() < 1e-9);
}

#[test]
fn containment_is_the_greatest_share_of_the_rest_at_one_moment() {
    let mut facts = healed_run();
    // Eleven services with one root and one that stands for users: nine are the rest.
    facts.states = vec![
        state(10_500, ROOT, false, false),
        state(11_000, "node-2/edge", false, false),
        state(11_000, "node-1/edge", false, false),
        state(12_000, "node-2/edge", true, false),
        state(12_000, "node-3/ledger", true, true),
        state(13_000, "node-1/edge", true, false),
        state(13_000, "node-3/ledger", true, false),
    ];
    let score = scored(&facts);
    let measure = score.measure("containment").unwrap();
    expect!["2 of 9 others were hurt 2.0 s after the play began: node-1/edge, node-2/edge"]
        .assert_eq(&measure.reason);
    assert!((score.containment - 2.0 / 9.0).abs() < 1e-9);
}

#[test]
fn an_incident_is_false_where_no_fault_is_near() {
    let mut facts = healed_run();
    let own: &[(u64, &[&str])] = &[];
    facts
        .incidents
        .push(incident("inc-2", "node-2/edge", 30_000, own));
    let score = scored(&facts);
    assert_eq!(score.false_incidents, 1);
    // 3 nodes for 31 s.
    let expected = 86_400_000.0 / (3.0 * 31_000.0);
    assert!((score.false_incidents_per_node_day - expected).abs() < 1e-6);
    // A restart of that service explains it.
    facts
        .actions
        .push(action(ActionKind::Restart, "node-2/edge", 29_000));
    assert_eq!(scored(&facts).false_incidents, 0);
}

#[test]
fn a_budget_counts_by_what_an_action_can_hurt() {
    let facts = Facts {
        actions: vec![
            action(ActionKind::Recover, ROOT, 14_000),
            action(ActionKind::Restart, ROOT, 15_000),
            action(ActionKind::FreePort, ROOT, 20_000),
        ],
        ..healed_run()
    };
    let expected = Budget {
        actions: 3,
        restarts: 1,
        low: 1,
        medium: 1,
        high: 1,
        cost_s: 16,
    };
    assert_eq!(scored(&facts).budget, expected);
}

#[test]
fn what_can_be_made_once_more_is_and_what_stands_is_not() {
    let heal = scenario(Expect::Heal);
    let facts = healed_run();
    let replays = replays(&heal, &facts).unwrap();
    assert_eq!(replays.len(), 1);
    let root: Entity = ROOT.parse().unwrap();
    assert_eq!(replays[0].target, root);
    let mut drained = facts.clone();
    drained.states.push(state(16_000, ROOT, true, true));
    let mut active = facts;
    active.faults[0].end_ms = None;
    let why = |facts: &Facts| super::replays(&heal, facts).unwrap_err();
    expect!["cpu-spike on node-1/orders: node-1/orders is not in use any more"]
        .assert_eq(&why(&drained));
    expect!["cpu-spike on node-1/orders: it is still in effect, and what cured its harm stands"]
        .assert_eq(&why(&active));
    assert!(super::replays(&scenario(Expect::NoAction), &healed_run()).is_err());
}
