//! Alerts of another system as one more witness: what becomes of them, beside telemetry and across restarts.

mod world;

use expect_test::{Expect, expect};
use world::World;

fn check(script: &str, expected: &Expect) {
    let mut world = World::new();
    world.script(&format!("node n1: a b(a)\nrun 3\n{script}"));
    world.open();
    expected.assert_eq(&world.transcript);
}

#[test]
fn an_alert_opens_one_incident_and_its_end_clears_it() {
    check(
        "alert 1 n1/a 2
         run 1
         alert 1 n1/a 2  # repeated
         run 30
         resolve 1
         run 5
         resolve 1
         run 5",
        &expect![[r#"
            3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            34.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
        "#]],
    );
}

#[test]
fn another_start_is_another_incident_also_when_the_end_was_never_told() {
    check(
        "alert 1 n1/a 2
         run 5
         alert 1 n1/a 7
         run 5
         resolve 1
         run 1
         alert 1 n1/a 14
         run 5",
        &expect![[r#"
            3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            8.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
            8.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            13.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
            14.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
        "#]],
    );
}

#[test]
fn two_alerts_of_one_service_are_one_incident_until_both_are_over() {
    check(
        "alert 1 n1/a 2
         run 2
         alert 2 n1/a 4
         run 5
         resolve 1
         run 5
         resolve 2
         run 5",
        &expect![[r#"
            3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            15.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
        "#]],
    );
}

#[test]
fn an_alert_and_telemetry_of_the_same_symptom_are_one_signal() {
    check(
        "set n1/a cpu=97
         run 4
         alert 1 n1/a 6 arena_symptom=cpu_high
         run 2
         set n1/a cpu=10
         run 10
         resolve 1
         run 2
         alert 2 n1/a 20 arena_symptom=cpu_high
         run 2
         set n1/a cpu=97
         run 4
         resolve 2
         run 5
         set n1/a cpu=10
         run 10",
        &expect![[r#"
            5.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
            19.0 CLEARED n1/a cpu_high WARNING r2 [n1/a cpu_high RESOLVED]
            21.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
            33.0 UPDATED n1/a cpu_high WARNING r2 [n1/a cpu_high RECOVERING]
            34.0 CLEARED n1/a cpu_high WARNING r3 [n1/a cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn what_only_the_detector_can_tell_and_what_it_does_not_know_is_an_alert_like_any_other() {
    check(
        "alert 1 n1 2 arena_symptom=node_silent severity=critical
         run 2
         alert 2 n1/a 4 arena_symptom=queue_long severity=info
         run 2",
        &expect![[r#"
            3.0 OPENED n1 alert_firing CRITICAL r1 [n1 alert_firing FIRING]
            5.0 OPENED n1/a alert_firing INFO r1 [n1/a alert_firing FIRING]
        "#]],
    );
}

#[test]
fn a_caller_s_alert_is_part_of_the_incident_of_what_it_calls() {
    check(
        "alert 1 n1/a 2
         run 2
         alert 2 n1/b 4
         run 5
         resolve 1
         run 10
         resolve 2
         run 5",
        &expect![[r#"
            3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            5.0 UPDATED n1/a alert_firing ERROR r2 [n1/a alert_firing FIRING, n1/b alert_firing FIRING]
            10.0 CLEARED n1/a alert_firing ERROR r3 [n1/a alert_firing RESOLVED, n1/b alert_firing FIRING]
            15.0 OPENED n1/b alert_firing ERROR r1 [n1/b alert_firing FIRING]
            20.0 CLEARED n1/b alert_firing ERROR r2 [n1/b alert_firing RESOLVED]
        "#]],
    );
}

#[test]
fn unmatched_is_nobody_s_and_a_match_that_is_gone_is_over() {
    check(
        "alert 1 nobody/at/all 2
         run 2
         alert 2 n1/a 4
         run 2
         alert 2 nobody/at/all 4
         run 5
         alert 3 n1/a 4
         run 2
         remove-alert 3
         run 5",
        &expect![[r#"
            5.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            7.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
            12.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            14.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
        "#]],
    );
}

#[test]
fn a_restart_goes_on_with_what_stands() {
    check(
        "alert 1 n1/a 2
         run 5
         restart
         run 5
         alert 1 n1/a 2
         run 5
         resolve 1
         run 5",
        &expect![[r#"
            3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            18.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
        "#]],
    );
}

#[test]
fn what_happened_while_no_detector_ran_is_made_up_for() {
    check(
        "alert 1 n1/a 2
         run 5
         away
         resolve 1
         restart
         run 5
         alert 1 n1/a 14
         run 5
         away
         alert 1 n1/a 22
         run 2
         restart
         run 5
         away
         remove-alert 1
         restart
         run 5",
        &expect![[r#"
            3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            8.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
            13.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            20.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
            21.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            25.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
        "#]],
    );
}

/// A service that does not measure what the alert names has nobody else to clear it.
#[test]
fn a_symptom_that_only_an_alert_raised_ends_with_it_across_a_restart() {
    check(
        "node n1: a b(a)
         alert 1 n1/a 2 arena_symptom=disk_low
         run 5
         away
         run 1
         resolve 1
         run 1
         restart
         run 10",
        &expect![[r#"
            3.0 OPENED n1/a disk_low ERROR r1 [n1/a disk_low FIRING]
            10.0 CLEARED n1/a disk_low ERROR r2 [n1/a disk_low RESOLVED]
        "#]],
    );
}

#[test]
fn what_nobody_repeats_has_no_reading_after_five_hours_and_is_over_after_a_day() {
    let mut world = World::new();
    world.script("node n1: a\nrun 3\nalert 1 n1/a 2\nrun 5\nstall 17990\nunmute n1\nrun 20\nstall 68000\nrun 500");
    expect![[r#"
        3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
        17998.0 STORM the detector was held up for 17989.0 s
        17998.0 CLEAR 1 of 1 nodes are heard
        18003.0 UPDATED n1/a alert_firing ERROR r2 [n1/a alert_firing NO_DATA]
        86018.0 STORM the detector was held up for 67999.0 s
        86018.0 CLEAR 1 of 1 nodes are heard
        86403.0 CLEARED n1/a alert_firing ERROR r3 [n1/a alert_firing RESOLVED]
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn a_node_that_is_taken_out_takes_its_alerts_along() {
    check(
        "alert 1 n1/a 2
         run 5
         forget n1
         run 5",
        &expect![[r#"
            3.0 OPENED n1/a alert_firing ERROR r1 [n1/a alert_firing FIRING]
            8.0 CLEARED n1/a alert_firing ERROR r2 [n1/a alert_firing RESOLVED]
        "#]],
    );
}
