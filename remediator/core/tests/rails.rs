//! One transcript a rail, and the table of the docs: every rail is in it, and every test that it names exists.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
mod scene;

use std::fmt::Write as _;

use arena_remediator_core::Playbooks;
use expect_test::{Expect, expect};
use scene::Scene;

fn check(script: &str, expected: &Expect) {
    let mut scene = Scene::with(Playbooks::built_in().unwrap(), false);
    for line in script.lines().filter(|line| !line.trim().is_empty()) {
        scene.play(line);
    }
    expected.assert_eq(&scene.transcript);
}

#[test]
fn in_a_storm_nothing_is_done() {
    check(
        "0 observer STORM
         1000 opened a node-1/orders process_exited
         600000 observer CLEAR",
        &expect![[r#"
            0      observer STORM
            1000   opened a node-1/orders process_exited
            1000     a.1 REFUSE PLANNING 1/5: would start node-1/orders, because its process died, and does not: detector detector cannot believe what it hears (2 of 3 nodes are silent): nothing is done until that is over
            600000 observer CLEAR
            600000   a.2 ACT ACTING 1/5: as the detector says; its process died
            600000   -> cmd-a.2 START node-1/orders
        "#]],
    );
}

#[test]
fn what_is_paused_is_left_alone() {
    check(
        "0 pause node-1
         1000 opened a node-1/orders process_exited
         1000 opened b node-2/orders process_exited
         600000 control AUTO RELEASED",
        &expect![[r#"
            0      pause node-1
            1000   opened a node-1/orders process_exited
            1000     a.1 REFUSE PLANNING 1/5: would start node-1/orders, because its process died, and does not: node-1 is paused by ada until it is resumed
            1000   opened b node-2/orders process_exited
            1000     b.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-b.1 START node-2/orders
            22000    b.2 ACT ACTING 5/5: no outcome of cmd-b.1 within 21 s: start of node-2/orders is UNKNOWN, which is not taken for success; passed over: free-port (unknown: port_held), start (attempt = 1), rollback (unknown: can_roll_back)
            22000    -> cmd-b.2 START node-2/orders
            43000    b.3 ESCALATE ESCALATED 5/5: no outcome of cmd-b.2 within 21 s: start of node-2/orders is UNKNOWN, which is not taken for success; its 5 rungs are used up, a person is needed; it does not stay up: read its log (arena logs), mend it, and start it with arena do start
            600000 control AUTO RELEASED
            600000   a.2 ACT ACTING 1/5: as the detector says; its process died
            600000   -> cmd-a.2 START node-1/orders
        "#]],
    );
}

#[test]
fn what_flaps_is_a_persons() {
    let mut script = String::new();
    for round in 0..6 {
        let at = round * 12_000;
        let command = if round == 5 {
            String::new()
        } else {
            format!("{at} outcome cmd-i{round}.1 SUCCEEDED\n")
        };
        write!(
            script,
            "{at} opened i{round} node-1/orders process_exited\n{command}{} cleared i{round}\n",
            at + 1000
        )
        .unwrap();
    }
    script += "145000 opened j node-1/orders process_exited";
    let mut scene = Scene::with(Playbooks::built_in().unwrap(), false);
    for line in script.lines() {
        scene.play(line);
    }
    let of = |id: &str| {
        scene
            .plans
            .iter()
            .find(|plan| plan.incident_id.as_str() == id)
            .unwrap()
    };
    assert_eq!(of("i4").decision, arena_proto::Decision::Act);
    assert_eq!(
        of("i5").decision,
        arena_proto::Decision::Escalate,
        "{}",
        scene.transcript
    );
    assert_eq!(of("i5").basis.rail, "flapping");
    assert_eq!(
        of("j").decision,
        arena_proto::Decision::Act,
        "it has thawed"
    );
}

#[test]
fn after_a_restart_it_listens_first() {
    check(
        "0 opened a node-1/orders cpu_high
         0 outcome cmd-a.1 FAILED
         500 restart
         9000 tick",
        &expect![[r#"
            0      opened a node-1/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-1/orders
            0      outcome cmd-a.1 FAILED
            0        a.2 REFUSE PLANNING 2/2: restart of node-1/orders was FAILED; would restart node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 815 ms are left
            500    restart
            500      a.3 REFUSE PLANNING 2/2: would restart node-1/orders, and does not: the remediator has just started: for 1 s it hears what happened meanwhile
            1500     a.4 ACT ACTING 2/2: as the detector says
            1500     -> cmd-a.4 RESTART node-1/orders
            9000   tick
        "#]],
    );
}

#[test]
fn one_at_a_time_on_a_chain() {
    check(
        "0 status node-1/edge RUNNING PASSING 10 1 calls=orders
         0 status node-2/orders RUNNING PASSING 20 1 calls=ledger
         0 status node-3/ledger RUNNING PASSING 30 1
         1000 opened a node-3/ledger process_exited
         1000 opened b node-1/edge process_exited
         1100 outcome cmd-a.1 SUCCEEDED
         1200 cleared a",
        &expect![[r#"
            0      status node-1/edge RUNNING PASSING 10 1 calls=orders
            0      status node-2/orders RUNNING PASSING 20 1 calls=ledger
            0      status node-3/ledger RUNNING PASSING 30 1
            1000   opened a node-3/ledger process_exited
            1000     a.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-a.1 START node-3/ledger generation 1
            1000   opened b node-1/edge process_exited
            1000     b.1 REFUSE PLANNING 1/5: would start node-1/edge, because its process died, and does not: an action on node-3/ledger is in flight for a, and edge calls ledger: one at a time on a dependency chain is the limit
            1100   outcome cmd-a.1 SUCCEEDED
            1100     a.2 VERIFY VERIFYING 1/5: start of node-3/ledger succeeded after 100 ms (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            1200   cleared a
        "#]],
    );
}

#[test]
fn one_at_a_time_on_a_node() {
    check(
        "1000 opened a node-1/orders process_exited
         1000 opened b node-1/edge process_exited
         1100 outcome cmd-a.1 SUCCEEDED",
        &expect![[r#"
            1000   opened a node-1/orders process_exited
            1000     a.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-a.1 START node-1/orders
            1000   opened b node-1/edge process_exited
            1000     b.1 REFUSE PLANNING 1/5: would start node-1/edge, because its process died, and does not: a command for a is in flight on node-1, and one at a time is the limit of a node
            1100   outcome cmd-a.1 SUCCEEDED
            1100     a.2 VERIFY VERIFYING 1/5: start of node-1/orders succeeded after 100 ms (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            1100     b.2 ACT ACTING 1/5: as the detector says; its process died
            1100     -> cmd-b.2 START node-1/edge
        "#]],
    );
}

#[test]
fn a_verdict_comes_before_the_next_action_for_the_same_symptom() {
    check(
        "0 opened a node-1/orders cpu_high
         100 outcome a SUCCEEDED
         2000 opened b node-3/edge cpu_high node-1/orders
         3000 cleared a",
        &expect![[r#"
            0      opened a node-1/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-1/orders
            100    outcome a SUCCEEDED
            100      a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            2000   opened b node-3/edge cpu_high node-1/orders
            2000     b.1 REFUSE PLANNING 2/2: cpu_high of node-1/orders is back 1.9 s after restart (rung 1) for a, within the cooldown of 5 s; would restart node-1/orders, and does not: cpu_high of node-1/orders is being verified for a
            3000   cleared a
            3000     b.2 ACT ACTING 2/2: cpu_high of node-1/orders is back 2.9 s after restart (rung 1) for a, within the cooldown of 5 s
            3000     -> cmd-b.2 RESTART node-1/orders
        "#]],
    );
}

#[test]
fn what_is_stopped_is_no_replica_that_is_missing() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders STOPPED UNKNOWN 0 0
         1000 opened a node-1/orders cpu_high",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders STOPPED UNKNOWN 0 0
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
        "#]],
    );
}

#[test]
fn what_was_replaced_for_an_incident_is_well_once_that_is_resolved() {
    check(
        "0 opened a node-1/edge cpu_high node-2/orders
         100 outcome a FAILED
         2000 outcome a SUCCEEDED
         3000 cleared a
         40000 opened b node-2/orders process_exited
         40100 outcome b FAILED",
        &expect![[r#"
            0      opened a node-1/edge cpu_high node-2/orders
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-2/orders
            100    outcome a FAILED
            100      a.2 REFUSE PLANNING 2/2: restart of node-2/orders was FAILED; would restart node-2/orders, and does not: node-2/orders was started or restarted once: the next may come 815 ms after the last; 715 ms are left
            815      a.3 ACT ACTING 2/2: restart of node-2/orders was FAILED
            815      -> cmd-a.3 RESTART node-2/orders
            2000   outcome a SUCCEEDED
            2000     a.4 VERIFY VERIFYING 2/2: restart of node-2/orders succeeded after 1.1 s (pid 99); cpu_high must clear within 10 s and stay clear for 1 s
            3000   cleared a
            4000     a.5 RESOLVE RESOLVED REMEDIATED 2/2: cpu_high cleared 1 s after our restart and stayed clear for 1 s
            40000  opened b node-2/orders process_exited
            40000    b.1 ACT ACTING 1/5: as the detector says; its process died
            40000    -> cmd-b.1 START node-2/orders
            40100  outcome b FAILED
            40100    b.2 REFUSE PLANNING 5/5: start of node-2/orders was FAILED; would start node-2/orders, and does not: node-2/orders was started or restarted once: the next may come 798 ms after the last; 698 ms are left; passed over: free-port (unknown: port_held), start (attempt = 1), rollback (unknown: can_roll_back)
        "#]],
    );
}

#[test]
fn half_of_the_replicas_stay_up() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders EXITED UNKNOWN 0 1
         1000 opened a node-1/orders cpu_high
         2000 status node-2/orders RUNNING PASSING 20 2",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders EXITED UNKNOWN 0 1
            1000   opened a node-1/orders cpu_high
            1000     a.1 REFUSE PLANNING 1/2: would restart node-1/orders, because it burns CPU itself, and does not: 0 of 2 replicas of orders would be left up, and at least 1 (half of them) have to be
            2000   status node-2/orders RUNNING PASSING 20 2
            2000     a.2 ACT ACTING 1/2: as the detector says; it burns CPU itself
            2000     -> cmd-a.2 RESTART node-1/orders pid 10 generation 1
        "#]],
    );
}

#[test]
fn replicas_that_are_hurt_are_treated_one_after_the_other() {
    check(
        "0 status node-1/ledger RUNNING PASSING 10 1
         0 status node-2/ledger RUNNING PASSING 20 1
         1000 opened a node-1/ledger cpu_high
         1500 opened b node-2/ledger cpu_high
         2000 outcome a SUCCEEDED
         3000 cleared a
         4500 tick",
        &expect![[r#"
            0      status node-1/ledger RUNNING PASSING 10 1
            0      status node-2/ledger RUNNING PASSING 20 1
            1000   opened a node-1/ledger cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/ledger pid 10 generation 1
            1500   opened b node-2/ledger cpu_high
            1500     b.1 REFUSE PLANNING 1/2: would restart node-2/ledger, because it burns CPU itself, and does not: 0 of 2 replicas of ledger would be left up, and at least 1 (half of them) have to be
            2000   outcome a SUCCEEDED
            2000     a.2 VERIFY VERIFYING 1/2: restart of node-1/ledger succeeded after 1 s (pid 10 to 99); cpu_high must clear within 6 s and stay clear for 1 s
            3000   cleared a
            4000     a.3 RESOLVE RESOLVED REMEDIATED 1/2: cpu_high cleared 1 s after our restart and stayed clear for 1 s
            4000     b.2 ACT ACTING 1/2: as the detector says; it burns CPU itself
            4000     -> cmd-b.2 RESTART node-2/ledger pid 20 generation 1
            4500   tick
        "#]],
    );
}

#[test]
fn what_dies_again_waits_longer() {
    check(
        "0 opened a node-1/orders process_exited
         0 outcome cmd-a.1 FAILED
         2000 tick",
        &expect![[r#"
            0      opened a node-1/orders process_exited
            0        a.1 ACT ACTING 1/5: as the detector says; its process died
            0        -> cmd-a.1 START node-1/orders
            0      outcome cmd-a.1 FAILED
            0        a.2 REFUSE PLANNING 5/5: start of node-1/orders was FAILED; would start node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 815 ms are left; passed over: free-port (unknown: port_held), start (attempt = 1), rollback (unknown: can_roll_back)
            815      a.3 ACT ACTING 5/5: start of node-1/orders was FAILED; passed over: free-port (unknown: port_held), start (attempt = 1), rollback (unknown: can_roll_back)
            815      -> cmd-a.3 START node-1/orders
            2000   tick
        "#]],
    );
}

#[test]
fn a_person_decides_in_time() {
    check(
        "0 control APPROVE RELEASED
         0 opened a node-1/orders cpu_high
         1000 approve a.9
         2000 restart
         3000 deny a.1
         4000 opened c node-3/orders cpu_high
         4100 approve c.1
         4200 outcome c SUCCEEDED
         4300 cleared c
         6000 opened b node-2/orders cpu_high
         300000 tick",
        &expect![[r#"
            0      control APPROVE RELEASED
            0      opened a node-1/orders cpu_high
            0        a.1 WAIT AWAITING_APPROVAL 1/2: may it restart node-1/orders, because it burns CPU itself? the mode for MEDIUM risk is APPROVE (set by ada); a person is needed within 120 s (arena approve or arena deny)
            1000   approve a.9
            1000     note a: APPROVED of a.9 by ada is ignored: the question is a.1
            2000   restart
            3000   deny a.1
            3000     a.2 ESCALATE ESCALATED 2/2: ada denied restart of node-1/orders; its 2 rungs are used up, a person is needed; a new process burns as much: this is load or a defect, not a stuck process; passed over: restart (denied)
            4000   opened c node-3/orders cpu_high
            4000     c.1 WAIT AWAITING_APPROVAL 1/2: may it restart node-3/orders, because it burns CPU itself? the mode for MEDIUM risk is APPROVE (set by ada); a person is needed within 120 s (arena approve or arena deny)
            4100   approve c.1
            4100     c.2 ACT ACTING 1/2: as the detector says; it burns CPU itself; approved by ada
            4100     -> cmd-c.2 RESTART node-3/orders
            4200   outcome c SUCCEEDED
            4200     c.3 VERIFY VERIFYING 1/2: restart of node-3/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            4300   cleared c
            5300     c.4 RESOLVE RESOLVED REMEDIATED 1/2: cpu_high cleared 100 ms after our restart and stayed clear for 1 s
            6000   opened b node-2/orders cpu_high
            6000     b.1 WAIT AWAITING_APPROVAL 1/2: may it restart node-2/orders, because it burns CPU itself? the mode for MEDIUM risk is APPROVE (set by ada); a person is needed within 120 s (arena approve or arena deny)
            126000   b.2 ESCALATE ESCALATED 1/2: nobody answered in time whether it may restart node-2/orders
            300000 tick
        "#]],
    );
}

#[test]
fn what_was_calm_before_the_node_took_it_up_recovered_by_itself() {
    check(
        "0 opened a node-1/orders cpu_high
         100 updated a cpu_high=RECOVERING
         200 outcome cmd-a.1 ACCEPTED
         300 outcome cmd-a.1 SUCCEEDED
         1000 cleared a
         9000 tick",
        &expect![[r#"
            0      opened a node-1/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-1/orders
            100    updated a cpu_high=RECOVERING
            200    outcome cmd-a.1 ACCEPTED
            300    outcome cmd-a.1 SUCCEEDED
            300      a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 300 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            1000   cleared a
            2000     a.3 RESOLVE RESOLVED SELF_RECOVERED 1/2: cpu_high was calm 100 ms before the node took up our restart, and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn what_comes_of_an_action_is_not_healed() {
    check(
        "0 status node-1/edge RUNNING PASSING 10 1 calls=orders
         0 opened a node-2/orders cpu_high
         100 outcome cmd-a.1 SUCCEEDED
         200 opened b node-1/edge error_rate_high
         1000 cleared a
         60000 cleared b
         70000 tick",
        &expect![[r#"
            0      status node-1/edge RUNNING PASSING 10 1 calls=orders
            0      opened a node-2/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-2/orders
            100    outcome cmd-a.1 SUCCEEDED
            100      a.2 VERIFY VERIFYING 1/2: restart of node-2/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            200    opened b node-1/edge error_rate_high
            200      b.1 WAIT PLANNING 1/6: as the detector says; left alone for up to 120 s, because its dependency fails (dependency_hurt = true (cpu_high of node-2/orders))
            1000   cleared a
            6100     a.3 ESCALATE ESCALATED 1/2: restart of node-2/orders cleared cpu_high, and error_rate_high of node-1/edge came of it: that is not healed
            7000     b.2 ACT ACTING 2/6: error_rate_high did not clear while it was left alone; its own state makes it fail (dependency_hurt = false)
            7000     -> cmd-b.2 RECOVER node-1/edge pid 10 generation 1
            28000    b.3 ACT ACTING 5/6: no outcome of cmd-b.2 within 21 s: recover of node-1/edge is UNKNOWN, which is not taken for success; its process fails (dependency_hurt = false, calls_fail = false, replicas_hurt = 0, replicas_up = 0); passed over: wait (dependency_hurt = false, calls_fail = false), wait (dependency_hurt = false, calls_fail = false, replicas_hurt = 0, replicas_up = 0)
            28000    -> cmd-b.3 RESTART node-1/edge pid 10 generation 1
            49000    b.4 ESCALATE ESCALATED 6/6: no outcome of cmd-b.3 within 21 s: restart of node-1/edge is UNKNOWN, which is not taken for success; its 6 rungs are used up, a person is needed; nothing that may be done to it mends it: read its log (arena logs), and look at what it depends on and the way there; passed over: failover (dependency_hurt = false, replicas_up = 0, standby_available = false)
            60000  cleared b
            60000    a.4 RESOLVE RESOLVED REMEDIATED 1/2: late, after it was escalated; cpu_high cleared 900 ms after our restart and stayed clear for 1 s
            61000    b.5 RESOLVE RESOLVED SELF_RECOVERED 6/6: late, after it was escalated; error_rate_high cleared 59.8 s after it was opened and stayed clear for 1 s; no action is known to have succeeded
            70000  tick
        "#]],
    );
}

/// Of what calls the target: an exit is nobody's doing but its own, and what our other action explains is not blamed on this.
#[test]
fn what_has_another_cause_is_no_harm() {
    for other in [
        "1000 opened b node-1/edge process_exited",
        "1000 opened b node-1/edge unheard_of",
    ] {
        let script = format!(
            "0 status node-1/edge RUNNING PASSING 10 1 calls=orders
             0 opened c node-1/edge probe_failed
             500 outcome c FAILED
             600 opened a node-2/orders cpu_high
             900 outcome a SUCCEEDED
             {other}
             1100 cleared a
             2100 tick"
        );
        let mut scene = Scene::with(Playbooks::built_in().unwrap(), false);
        for line in script.lines() {
            scene.play(line);
        }
        let last = scene
            .plans
            .iter()
            .rfind(|plan| plan.incident_id.as_str() == "a");
        let decision = last.unwrap().decision;
        assert_eq!(
            decision,
            arena_proto::Decision::Resolve,
            "{}",
            scene.transcript
        );
    }
}

#[test]
fn the_table_names_every_rail_and_only_tests_that_exist() {
    let docs = include_str!("../../../docs/remediator.md");
    let tests = [
        include_str!("rails.rs"),
        include_str!("transcripts.rs"),
        include_str!("histories.rs"),
        include_str!("budgets.rs"),
        include_str!("../src/rails/flapping.rs"),
        include_str!("../src/rails/backoff.rs"),
        include_str!("../../tests/shell.rs"),
    ];
    let rails = include_str!("../src/rails/mod.rs");
    let named = rails.split("rails! {\n").nth(1).unwrap();
    let named = named.split("\n}").next().unwrap().lines();
    let named: Vec<&str> = named.filter_map(|line| line.split('"').nth(1)).collect();
    assert!(named.contains(&"flapping"), "{named:?}");
    let table = docs.split("## Rails").nth(1).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .take(named.len())
        .collect();
    for rail in &named {
        let first = format!("| `{rail}` |");
        let row = rows.iter().find(|row| row.starts_with(&first));
        let row = row.unwrap_or_else(|| panic!("{rail} is not in the table of docs/remediator.md"));
        let cell = row.rsplit('|').nth(1).unwrap();
        let proofs: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!proofs.is_empty(), "{rail} names no test");
        for proof in proofs {
            let definition = format!("fn {proof}(");
            assert!(
                tests.iter().any(|file| file.contains(&definition)),
                "{proof} of {rail} does not exist"
            );
        }
    }
}
