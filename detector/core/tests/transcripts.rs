//! What the detector says to short stories. Each line is time in seconds, event, entity, symptom, severity, revision,
//! and every signal of the incident.

mod world;

use std::fmt::Write as _;

use arena_detector_core::{Input, Policy};
use arena_proto::NodeName;
use expect_test::{Expect, expect};
use world::World;

fn check(script: &str, expected: &Expect) {
    let mut world = World::new();
    world.script(script);
    expected.assert_eq(&world.transcript);
}

const SHOP: &str = "
node n1: edge(orders) orders(payments,inventory) ledger
node n2: orders(payments,inventory) payments(ledger) traffic(edge)
node n3: payments(ledger) inventory(ledger)
run 3
";

fn check_shop(script: &str, expected: &Expect) {
    check(&format!("{SHOP}{script}"), expected);
}

#[test]
fn health_says_nothing() {
    check_shop("run 60", &expect![""]);
}

#[test]
fn a_crash_is_told_at_once_and_cleared_when_the_probe_passes() {
    check(
        "node n1: a
         run 3
         set n1/a state=EXITED probe=UNKNOWN exit=137 cpu=nan
         send n1
         run 2
         set n1/a state=STARTING gen=2
         send n1
         set n1/a state=RUNNING
         run 1
         set n1/a probe=PASSING cpu=10
         send n1
         run 5",
        &expect![[r#"
              3.0 OPENED n1/a process_exited CRITICAL r1 [n1/a process_exited FIRING]
              6.0 CLEARED n1/a process_exited CRITICAL r2 [n1/a process_exited RESOLVED]
        "#]],
    );
}

#[test]
fn backoff_and_fatal_are_one_incident_with_the_exit() {
    check(
        "node n1: a
         run 2
         set n1/a state=EXITED exit=1
         send n1
         set n1/a state=BACKOFF
         send n1
         run 2
         set n1/a state=FATAL
         run 2
         set n1/a state=RUNNING probe=NONE gen=2
         send n1",
        &expect![[r#"
              2.0 OPENED n1/a process_exited CRITICAL r1 [n1/a process_exited FIRING]
              6.0 CLEARED n1/a process_exited CRITICAL r2 [n1/a process_exited RESOLVED]
        "#]],
    );
}

#[test]
fn a_service_that_somebody_stopped_has_no_symptom() {
    check(
        "node n1: a
         run 2
         set n1/a state=STOPPING
         run 1
         set n1/a state=STOPPED probe=UNKNOWN cpu=nan p95=nan
         run 20
         set n1/a state=STARTING gen=2
         run 1
         set n1/a state=RUNNING probe=PASSING cpu=99 p95=900
         run 1",
        &expect![""],
    );
}

#[test]
fn a_dead_service_that_is_stopped_instead_is_over_after_a_while() {
    check(
        "node n1: a
         run 2
         set n1/a state=EXITED
         run 2
         set n1/a state=STOPPED
         run 12",
        &expect![[r#"
            3.0 OPENED n1/a process_exited CRITICAL r1 [n1/a process_exited FIRING]
            5.0 UPDATED n1/a process_exited CRITICAL r2 [n1/a process_exited RECOVERING]
            15.0 CLEARED n1/a process_exited CRITICAL r3 [n1/a process_exited RESOLVED]
        "#]],
    );
}

#[test]
fn a_hang_is_a_failed_probe_and_what_else_it_shows_folds_in() {
    check_shop(
        "set n3/payments probe=FAILING
         send n3
         set n3/payments p95=900 cpu=0
         set n1/orders p95=900
         run 6
         set n3/payments state=RUNNING probe=PASSING gen=2 p95=20
         set n1/orders p95=20
         run 4",
        &expect![[r#"
            3.0 OPENED n3/payments probe_failed ERROR r1 [n3/payments probe_failed FIRING]
            4.2 UPDATED n3/payments probe_failed ERROR r2 [n3/payments probe_failed FIRING, n3/payments latency_high FIRING]
            5.2 UPDATED n3/payments probe_failed ERROR r3 [n3/payments probe_failed FIRING, n3/payments latency_high FIRING, n1/orders latency_high FIRING]
            9.2 UPDATED n3/payments probe_failed ERROR r4 [n3/payments probe_failed RESOLVED, n3/payments latency_high RECOVERING, n1/orders latency_high FIRING]
            10.2 CLEARED n3/payments probe_failed ERROR r5 [n3/payments probe_failed RESOLVED, n3/payments latency_high RESOLVED, n1/orders latency_high RECOVERING]
        "#]],
    );
}

#[test]
fn a_leak_is_told_where_it_stays_above_its_level() {
    check(
        "node n1: a burner*
         run 3
         set n1/a memory=300000000
         set n1/burner memory=900000000 threads=400 files=900   # a batch job may
         run 2
         set n1/a memory=100000000                              # a burst
         run 2
         set n1/a memory=300000000
         run 5
         set n1/a memory=10000000 gen=2
         run 4
         set n1/a files=500
         run 6
         set n1/a files=30 gen=3
         run 4
         set n1/a threads=130
         run 6
         set n1/a threads=nan
         run 2
         set n1/a threads=3
         run 4",
        &expect![[r#"
            11.0 OPENED n1/a memory_high WARNING r1 [n1/a memory_high FIRING]
            13.0 UPDATED n1/a memory_high WARNING r2 [n1/a memory_high RECOVERING]
            14.0 CLEARED n1/a memory_high WARNING r3 [n1/a memory_high RESOLVED]
            20.0 OPENED n1/a open_files_high WARNING r1 [n1/a open_files_high FIRING]
            23.0 UPDATED n1/a open_files_high WARNING r2 [n1/a open_files_high RECOVERING]
            24.0 CLEARED n1/a open_files_high WARNING r3 [n1/a open_files_high RESOLVED]
            30.0 OPENED n1/a threads_high WARNING r1 [n1/a threads_high FIRING]
            33.0 UPDATED n1/a threads_high WARNING r2 [n1/a threads_high NO_DATA]
            35.0 UPDATED n1/a threads_high WARNING r3 [n1/a threads_high RECOVERING]
            36.0 CLEARED n1/a threads_high WARNING r4 [n1/a threads_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_full_disk_names_the_incident_that_its_errors_fold_into() {
    check_shop(
        "set n1/ledger used=100 err=100
         set n3/payments err=100
         run 6
         set n1/ledger used=1 err=0
         set n3/payments err=0
         run 6",
        &expect![[r#"
            5.0 OPENED n1/ledger disk_low ERROR r1 [n1/ledger disk_low FIRING, n1/ledger error_rate_high FIRING]
            6.0 UPDATED n1/ledger disk_low ERROR r2 [n1/ledger disk_low FIRING, n1/ledger error_rate_high FIRING, n3/payments error_rate_high FIRING]
            9.2 UPDATED n1/ledger disk_low ERROR r3 [n1/ledger disk_low FIRING, n1/ledger error_rate_high FIRING, n3/payments error_rate_high RECOVERING]
            10.2 UPDATED n1/ledger disk_low ERROR r4 [n1/ledger disk_low RECOVERING, n1/ledger error_rate_high RECOVERING, n3/payments error_rate_high RESOLVED]
            11.0 CLEARED n1/ledger disk_low ERROR r5 [n1/ledger disk_low RESOLVED, n1/ledger error_rate_high RESOLVED, n3/payments error_rate_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_cpu_spike_takes_its_for_and_clears_below_the_lower_level() {
    check(
        "node n1: a
         run 3
         set n1/a cpu=97.3
         run 3
         set n1/a cpu=60      # between the levels
         run 5
         set n1/a cpu=10
         run 3",
        &expect![[r#"
            5.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
            12.0 UPDATED n1/a cpu_high WARNING r2 [n1/a cpu_high RECOVERING]
            13.0 CLEARED n1/a cpu_high WARNING r3 [n1/a cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_short_spike_is_nothing() {
    check(
        "node n1: a
         run 3
         set n1/a cpu=99
         run 1
         set n1/a cpu=60
         run 1
         set n1/a cpu=99
         run 1
         set n1/a cpu=10
         run 5",
        &expect![""],
    );
}

#[test]
fn a_restart_heals_nothing_by_itself() {
    check(
        "node n1: a
         run 3
         set n1/a cpu=99
         run 3
         set n1/a state=STARTING probe=UNKNOWN gen=2 cpu=nan
         run 1
         set n1/a state=RUNNING probe=PASSING cpu=99
         run 5
         set n1/a gen=3 cpu=60     # a new process that was never above
         run 6",
        &expect![[r#"
            5.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
            7.0 UPDATED n1/a cpu_high WARNING r2 [n1/a cpu_high NO_DATA]
            8.0 UPDATED n1/a cpu_high WARNING r3 [n1/a cpu_high FIRING]
            13.0 UPDATED n1/a cpu_high WARNING r4 [n1/a cpu_high RECOVERING]
            14.0 CLEARED n1/a cpu_high WARNING r5 [n1/a cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_process_that_has_just_started_may_be_busy() {
    check(
        "node n1: a
         run 3
         set n1/a gen=2 cpu=99 p95=900
         run 3
         set n1/a cpu=10 p95=20
         run 3",
        &expect![""],
    );
}

#[test]
fn missing_readings_neither_raise_nor_clear() {
    check(
        "node n1: a
         run 3
         set n1/a storage=200
         run 3
         set n1/a storage=nan
         run 30
         set n1/a storage=5
         run 3",
        &expect![[r#"
            5.0 OPENED n1/a storage_latency_high ERROR r1 [n1/a storage_latency_high FIRING]
            7.0 UPDATED n1/a storage_latency_high ERROR r2 [n1/a storage_latency_high NO_DATA]
            37.0 UPDATED n1/a storage_latency_high ERROR r3 [n1/a storage_latency_high RECOVERING]
            38.0 CLEARED n1/a storage_latency_high ERROR r4 [n1/a storage_latency_high RESOLVED]
        "#]],
    );
}

#[test]
fn without_requests_a_latency_is_over_after_a_while() {
    check(
        "node n1: a
         run 3
         set n1/a p95=900
         run 4
         set n1/a p95=nan err=nan rate=0
         run 8",
        &expect![[r#"
            5.0 OPENED n1/a latency_high ERROR r1 [n1/a latency_high FIRING]
            8.0 UPDATED n1/a latency_high ERROR r2 [n1/a latency_high RECOVERING]
            13.0 CLEARED n1/a latency_high ERROR r3 [n1/a latency_high RESOLVED]
        "#]],
    );
}

#[test]
fn slow_payments_are_one_incident_and_callers_are_children() {
    check_shop(
        "set n2/payments p95=400
         set n1/orders p95=450
         set n2/orders p95=450
         set n1/edge p95=480 err=20
         run 10
         set n2/payments p95=20
         set n1/orders p95=20
         set n2/orders p95=20
         run 2
         set n1/edge p95=20 err=0
         run 10",
        &expect![[r#"
            4.3 OPENED n2/payments latency_high ERROR r1 [n2/payments latency_high FIRING]
            5.3 UPDATED n2/payments latency_high ERROR r2 [n2/payments latency_high FIRING, n2/orders latency_high FIRING, n1/edge error_rate_high FIRING, n1/edge latency_high FIRING, n1/orders latency_high FIRING]
            13.1 UPDATED n2/payments latency_high ERROR r3 [n2/payments latency_high RECOVERING, n2/orders latency_high RECOVERING, n1/edge error_rate_high FIRING, n1/edge latency_high FIRING, n1/orders latency_high FIRING]
            14.1 CLEARED n2/payments latency_high ERROR r4 [n2/payments latency_high RESOLVED, n2/orders latency_high RESOLVED, n1/edge error_rate_high FIRING, n1/edge latency_high FIRING, n1/orders latency_high RECOVERING]
        "#]],
    );
}

#[test]
fn a_slow_ledger_explains_everybody() {
    check_shop(
        "set n1/ledger storage=300 p95=320
         set n2/payments p95=330
         set n3/payments p95=330
         set n3/inventory p95=330
         set n1/orders p95=400
         set n1/edge p95=420
         run 12",
        &expect![[r#"
            5.0 OPENED n1/ledger storage_latency_high ERROR r1 [n1/ledger storage_latency_high FIRING, n1/ledger latency_high FIRING]
            6.0 UPDATED n1/ledger storage_latency_high ERROR r2 [n1/ledger storage_latency_high FIRING, n1/ledger latency_high FIRING, n1/orders latency_high FIRING, n2/payments latency_high FIRING, n3/inventory latency_high FIRING, n3/payments latency_high FIRING, n1/edge latency_high FIRING]
        "#]],
    );
}

#[test]
fn a_slow_disk_that_shows_in_the_latency_first_names_the_incident() {
    check_shop(
        "set n1/ledger p95=400
         run 1
         set n1/ledger storage=400
         run 4",
        &expect![[r#"
            6.0 OPENED n1/ledger storage_latency_high ERROR r1 [n1/ledger storage_latency_high FIRING, n1/ledger latency_high FIRING]
        "#]],
    );
}

#[test]
fn what_has_cleared_and_is_not_called_any_more_explains_nothing() {
    check_shop(
        "set n2/payments p95=400
         run 3
         set n2/payments p95=20
         run 3
         set n2/payments p95=nan err=nan rate=0
         run 10
         set n1/orders p95=400
         run 5",
        &expect![[r#"
            4.3 OPENED n2/payments latency_high ERROR r1 [n2/payments latency_high FIRING]
            6.1 UPDATED n2/payments latency_high ERROR r2 [n2/payments latency_high RECOVERING]
            7.1 CLEARED n2/payments latency_high ERROR r3 [n2/payments latency_high RESOLVED]
            21.2 OPENED n1/orders latency_high ERROR r1 [n1/orders latency_high FIRING]
        "#]],
    );
}

#[test]
fn a_caller_that_suffers_alone_is_judged_on_its_own_after_the_hold() {
    check_shop(
        "set n1/orders p95=400\n run 6",
        &expect![[r#"
            5.2 OPENED n1/orders latency_high ERROR r1 [n1/orders latency_high FIRING]
        "#]],
    );
}

#[test]
fn a_child_that_still_suffers_after_the_grace_is_judged_on_its_own() {
    check_shop(
        "set n2/payments p95=400
         set n1/orders p95=450
         run 6
         set n2/payments p95=20
         run 10",
        &expect![[r#"
            4.3 OPENED n2/payments latency_high ERROR r1 [n2/payments latency_high FIRING]
            5.3 UPDATED n2/payments latency_high ERROR r2 [n2/payments latency_high FIRING, n1/orders latency_high FIRING]
            9.1 UPDATED n2/payments latency_high ERROR r3 [n2/payments latency_high RECOVERING, n1/orders latency_high FIRING]
            10.1 CLEARED n2/payments latency_high ERROR r4 [n2/payments latency_high RESOLVED, n1/orders latency_high FIRING]
            15.1 OPENED n1/orders latency_high ERROR r1 [n1/orders latency_high FIRING]
        "#]],
    );
}

#[test]
fn errors_at_callers_of_a_restarted_service_are_its_own() {
    check_shop(
        "set n2/payments state=EXITED
         send n2
         set n1/orders err=30
         run 1
         set n2/payments state=RUNNING gen=2
         run 3
         set n1/orders err=0
         run 8",
        &expect![[r#"
              3.0 OPENED n2/payments process_exited CRITICAL r1 [n2/payments process_exited FIRING]
              4.1 CLEARED n2/payments process_exited CRITICAL r2 [n2/payments process_exited RESOLVED]
        "#]],
    );
}

#[test]
fn a_dependency_that_never_makes_up_its_mind_does_not_hide_a_caller_for_ever() {
    let mut world = World::new();
    let slow = Policy::DEFAULT_TOML.replacen("for = \"1s\"", "for = \"1m\"", 1);
    world.restart(Policy::parse("policy.toml", &slow).unwrap());
    world.script(SHOP);
    world.script("set n2/payments cpu=99\n set n1/orders p95=900\n run 20");
    expect![[r#"
         19.0 OPENED n1/orders latency_high ERROR r1 [n1/orders latency_high FIRING]
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn a_cycle_of_calls_is_tolerated() {
    check(
        "node n1: a(b) b(c) c(a)
         run 3
         set n1/a p95=900
         set n1/b p95=900
         set n1/c p95=900
         run 8",
        &expect![[r#"
            5.2 OPENED n1/a latency_high ERROR r1 [n1/a latency_high FIRING]
            6.2 UPDATED n1/a latency_high ERROR r2 [n1/a latency_high FIRING, n1/b latency_high FIRING, n1/c latency_high FIRING]
        "#]],
    );
}

#[test]
fn a_caller_with_a_symptom_of_its_own_has_its_own_incident() {
    check_shop(
        "set n2/payments p95=400
         set n1/orders p95=450
         run 6
         set n1/orders state=EXITED p95=nan
         send n1
         run 2",
        &expect![[r#"
            4.3 OPENED n2/payments latency_high ERROR r1 [n2/payments latency_high FIRING]
            5.3 UPDATED n2/payments latency_high ERROR r2 [n2/payments latency_high FIRING, n1/orders latency_high FIRING]
            9.0 OPENED n1/orders process_exited CRITICAL r1 [n1/orders process_exited FIRING]
            9.0 UPDATED n2/payments latency_high ERROR r3 [n2/payments latency_high FIRING, n1/orders latency_high NO_DATA]
        "#]],
    );
}

#[test]
fn a_silent_node_is_one_incident_and_its_services_have_no_data() {
    check_shop(
        "set n3/inventory cpu=99
         run 3
         mute n3
         run 8
         unmute n3
         run 2
         set n3/inventory cpu=10
         run 3",
        &expect![[r#"
            4.2 OPENED n3/inventory cpu_high WARNING r1 [n3/inventory cpu_high FIRING]
            8.7 OPENED n3 node_silent CRITICAL r1 [n3 node_silent FIRING]
            8.7 UPDATED n3/inventory cpu_high WARNING r2 [n3/inventory cpu_high NO_DATA]
            14.2 CLEARED n3 node_silent CRITICAL r2 [n3 node_silent RESOLVED]
            14.2 UPDATED n3/inventory cpu_high WARNING r3 [n3/inventory cpu_high FIRING]
            16.2 UPDATED n3/inventory cpu_high WARNING r4 [n3/inventory cpu_high RECOVERING]
            17.2 CLEARED n3/inventory cpu_high WARNING r5 [n3/inventory cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn who_only_posts_makes_no_storm_by_falling_silent() {
    check_shop(
        "posts n1
         posts n2
         mute n1
         mute n2
         run 10",
        &expect![[r#"
            5.6 OPENED n2 node_silent CRITICAL r1 [n2 node_silent FIRING]
            6.5 OPENED n1 node_silent CRITICAL r1 [n1 node_silent FIRING]
        "#]],
    );
}

#[test]
fn most_nodes_silent_at_once_is_a_fault_of_the_observer() {
    check_shop(
        "mute n1
         mute n2
         run 10
         unmute n1
         run 8",
        &expect![[r#"
            5.6 STORM 2 of 3 nodes went silent at once: a fault between them and the detector
            14.0 CLEAR 3 of 3 nodes are heard
            17.5 OPENED n2 node_silent CRITICAL r1 [n2 node_silent FIRING]
        "#]],
    );
}

#[test]
fn without_a_bus_nobody_is_silent() {
    check_shop(
        "disconnect
         mute n1
         mute n2
         mute n3
         run 60
         connect
         run 3
         unmute n1
         unmute n2
         run 4",
        &expect![[r#"
            3.0 STORM the detector was cut off from NATS, and has not heard itself since
            63.0 CLEAR 3 of 3 nodes are heard
            66.5 STORM 2 of 3 nodes went silent at once: a fault between them and the detector
            67.0 CLEAR 3 of 3 nodes are heard
        "#]],
    );
}

#[test]
fn a_node_that_says_goodbye_is_not_silent() {
    check_shop(
        "set n3/inventory cpu=99
         run 3
         leave n3
         run 30
         reboot n3
         run 1
         set n3/inventory gen=2 cpu=10
         run 6",
        &expect![[r#"
            4.2 OPENED n3/inventory cpu_high WARNING r1 [n3/inventory cpu_high FIRING]
            6.0 UPDATED n3/inventory cpu_high WARNING r2 [n3/inventory cpu_high NO_DATA]
            36.2 UPDATED n3/inventory cpu_high WARNING r3 [n3/inventory cpu_high FIRING]
            37.2 UPDATED n3/inventory cpu_high WARNING r4 [n3/inventory cpu_high RECOVERING]
            38.2 CLEARED n3/inventory cpu_high WARNING r5 [n3/inventory cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_restarted_detector_goes_on() {
    check_shop(
        "set n2/payments p95=400
         set n1/orders p95=450
         set n3/inventory state=EXITED
         run 6
         restart
         run 6
         set n2/payments p95=20
         set n1/orders p95=20
         set n3/inventory state=RUNNING
         restart
         run 6
         restart
         run 6",
        &expect![[r#"
            3.2 OPENED n3/inventory process_exited CRITICAL r1 [n3/inventory process_exited FIRING]
            4.3 OPENED n2/payments latency_high ERROR r1 [n2/payments latency_high FIRING]
            5.0 UPDATED n3/inventory process_exited CRITICAL r2 [n3/inventory process_exited FIRING, n1/orders latency_high FIRING]
            15.1 UPDATED n2/payments latency_high ERROR r2 [n2/payments latency_high RECOVERING]
            15.2 CLEARED n3/inventory process_exited CRITICAL r3 [n3/inventory process_exited RESOLVED, n1/orders latency_high FIRING]
            16.1 CLEARED n2/payments latency_high ERROR r3 [n2/payments latency_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_node_that_is_gone_when_the_detector_comes_back_is_silent() {
    check_shop(
        "set n3/inventory state=EXITED
         run 1
         mute n3
         restart
         run 4",
        &expect![[r#"
              3.2 OPENED n3/inventory process_exited CRITICAL r1 [n3/inventory process_exited FIRING]
              7.5 OPENED n3 node_silent CRITICAL r1 [n3 node_silent FIRING]
        "#]],
    );
}

#[test]
fn a_node_that_died_while_no_detector_ran_is_found_silent() {
    check_shop(
        "run 1
         mute n3
         restart
         known n1
         known n3
         run 5",
        &expect![[r#"
            7.5 OPENED n3 node_silent CRITICAL r1 [n3 node_silent FIRING]
        "#]],
    );
}

#[test]
fn a_node_that_was_taken_out_has_no_symptom() {
    check_shop(
        "set n3/inventory state=EXITED
         run 1
         mute n3
         run 4
         restart
         run 1
         forget n3
         run 5",
        &expect![[r#"
            3.2 OPENED n3/inventory process_exited CRITICAL r1 [n3/inventory process_exited FIRING]
            6.7 OPENED n3 node_silent CRITICAL r1 [n3 node_silent FIRING]
            6.7 UPDATED n3/inventory process_exited CRITICAL r2 [n3/inventory process_exited NO_DATA]
            9.0 CLEARED n3 node_silent CRITICAL r2 [n3 node_silent RESOLVED]
            9.0 CLEARED n3/inventory process_exited CRITICAL r3 [n3/inventory process_exited RESOLVED]
        "#]],
    );
}

#[test]
fn a_service_that_is_gone_has_no_symptom() {
    check(
        "node n1: a b
         run 3
         set n1/a state=EXITED
         set n1/b cpu=99
         run 3
         node n1: b
         set n1/b cpu=99
         run 3
         restart
         node n1: c
         run 3",
        &expect![[r#"
            4.0 OPENED n1/a process_exited CRITICAL r1 [n1/a process_exited FIRING]
            5.0 OPENED n1/b cpu_high WARNING r1 [n1/b cpu_high FIRING]
            7.0 CLEARED n1/a process_exited CRITICAL r2 [n1/a process_exited RESOLVED]
            10.0 CLEARED n1/b cpu_high WARNING r2 [n1/b cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_skewed_clock_changes_no_decision() {
    check(
        "node n1: a
         skew n1 -7200000
         run 3
         set n1/a cpu=99
         run 3
         set n1/a cpu=10
         run 3",
        &expect![[r#"
              5.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
              7.0 UPDATED n1/a cpu_high WARNING r2 [n1/a cpu_high RECOVERING]
              8.0 CLEARED n1/a cpu_high WARNING r3 [n1/a cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn updates_are_told_once_a_second_at_most() {
    check(
        "node n1: a
         run 3
         set n1/a state=EXITED
         send n1
         set n1/a state=RUNNING probe=FAILING
         send n1
         set n1/a cpu=99
         run 3",
        &expect![[r#"
              3.0 OPENED n1/a process_exited CRITICAL r1 [n1/a process_exited FIRING]
              4.0 UPDATED n1/a process_exited CRITICAL r2 [n1/a process_exited FIRING, n1/a probe_failed FIRING]
              6.0 UPDATED n1/a process_exited CRITICAL r3 [n1/a process_exited FIRING, n1/a probe_failed FIRING, n1/a cpu_high FIRING]
        "#]],
    );
}

#[test]
fn a_rule_that_is_gone_holds_no_incident() {
    let mut world = World::new();
    world.script("node n1: a\n run 3\n set n1/a cpu=99\n run 3");
    assert_eq!(world.open().len(), 1);
    let text = Policy::DEFAULT_TOML.replace("cpu_high", "cpu_hot");
    let policy = Policy::parse("policy.toml", &text).unwrap();
    world.script("set n1/a cpu=10");
    world.restart(policy);
    world.run(3.0);
    assert!(world.open().is_empty());
}

#[test]
fn evidence_speaks() {
    let mut world = World::new();
    world.script("node n1: a\n run 3\n set n1/a cpu=97.3\n run 3\n set n1/a cpu=10\n run 3");
    world.script("set n1/a state=EXITED exit=137\n send n1");
    let mut lines = String::new();
    for event in &world.log {
        let _ = writeln!(lines, "{} {}", event.kind, event.signals[0].evidence);
    }
    expect![[r#"
        OPENED cpu_percent = 97.3, with `cpu_percent > 80.0` for 1s
        UPDATED cpu_percent = 10, with `cpu_percent < 50.0`
        CLEARED cpu_percent = 10, with `cpu_percent < 50.0` for 1s
        OPENED process EXITED, ended by signal 9
    "#]]
    .assert_eq(&lines);
}

/// Crashes, then repeats what came before: nothing of it is news.
#[test]
fn late_and_repeated_messages_change_nothing() {
    let mut world = World::new();
    let node = NodeName::new("n1").unwrap();
    world.script("node n1: a\n run 2");
    let (telemetry, schema) = world.message(&node, true);
    let healthy = Input::Telemetry { telemetry, schema };
    world.script("set n1/a state=EXITED\n send n1");
    world.input(healthy.clone());
    world.script("reboot n1\n send n1\n run 1");
    world.input(healthy.clone());
    world.input(healthy);
    assert_eq!(world.detector.counters().stale, 3);
    expect![[r#"
        2.0 OPENED n1/a process_exited CRITICAL r1 [n1/a process_exited FIRING]
    "#]]
    .assert_eq(&world.transcript);
}

#[test]
fn a_detector_that_does_not_hear_itself_judges_nobody_by_silence() {
    check_shop(
        "set n3/inventory state=EXITED
         run 1
         deaf
         mute n3
         run 10
         hear
         run 2
         unmute n3
         run 3",
        &expect![[r#"
            3.2 OPENED n3/inventory process_exited CRITICAL r1 [n3/inventory process_exited FIRING]
            6.5 STORM the detector has not heard its own canary for 2.5 s
            7.0 UPDATED n3/inventory process_exited CRITICAL r2 [n3/inventory process_exited NO_DATA]
            15.0 CLEAR 3 of 3 nodes are heard
            16.2 UPDATED n3/inventory process_exited CRITICAL r3 [n3/inventory process_exited FIRING]
        "#]],
    );
}

#[test]
fn a_detector_that_was_held_up_doubts_itself_until_it_hears_a_new_canary() {
    check_shop(
        "stall 5\n run 8",
        &expect![[r#"
        8.0 STORM the detector was held up for 4.0 s
        8.0 CLEAR 3 of 3 nodes are heard
    "#]],
    );
}

#[test]
fn a_batch_job_may_burn_and_a_service_that_starves_beside_it_says_so() {
    check(
        "node n1: a b burner*
         run 3
         set n1/burner cpu=390
         run 5
         set n1/a wait=30 p95=900
         run 5
         set n1/a wait=1 p95=20
         run 5",
        &expect![[r#"
            11.0 OPENED n1/a cpu_starved ERROR r1 [n1/a cpu_starved FIRING, n1/a latency_high FIRING]
            14.0 UPDATED n1/a cpu_starved ERROR r2 [n1/a cpu_starved RECOVERING, n1/a latency_high RECOVERING]
            15.0 UPDATED n1/a cpu_starved ERROR r3 [n1/a cpu_starved RECOVERING, n1/a latency_high RESOLVED]
            16.0 CLEARED n1/a cpu_starved ERROR r4 [n1/a cpu_starved RESOLVED, n1/a latency_high RESOLVED]
        "#]],
    );
}

#[test]
fn waiting_for_a_cpu_that_nobody_else_burns_is_not_starving() {
    check(
        "node n1: a b\n run 3\n set n1/a wait=30\n run 10",
        &expect![""],
    );
}

#[test]
fn a_service_that_burns_explains_who_starves_beside_it() {
    check(
        "node n1: a b c
         run 3
         set n1/a cpu=390
         set n1/b wait=60 p95=900
         set n1/c wait=60
         run 6
         set n1/a cpu=10
         set n1/b wait=0 p95=20
         set n1/c wait=0
         run 5",
        &expect![[r#"
            5.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
            6.0 UPDATED n1/a cpu_high WARNING r2 [n1/a cpu_high FIRING, n1/b cpu_starved FIRING, n1/b latency_high FIRING, n1/c cpu_starved FIRING]
            10.0 UPDATED n1/a cpu_high WARNING r3 [n1/a cpu_high RECOVERING, n1/b cpu_starved RECOVERING, n1/b latency_high RECOVERING, n1/c cpu_starved RECOVERING]
            11.0 CLEARED n1/a cpu_high WARNING r4 [n1/a cpu_high RESOLVED, n1/b cpu_starved RECOVERING, n1/b latency_high RESOLVED, n1/c cpu_starved RECOVERING]
        "#]],
    );
}

#[test]
fn who_starves_beside_the_same_neighbour_is_one_incident_and_it_is_the_cause() {
    let mut world = World::new();
    world.script(
        "node n1: a b burner*
         run 3
         set n1/burner cpu=390
         set n1/b wait=60 p95=900
         run 2
         set n1/a wait=60 p95=900
         run 5",
    );
    expect![[r#"
        6.0 OPENED n1/b cpu_starved ERROR r1 [n1/b cpu_starved FIRING, n1/b latency_high FIRING]
        8.0 UPDATED n1/b cpu_starved ERROR r2 [n1/b cpu_starved FIRING, n1/b latency_high FIRING, n1/a cpu_starved FIRING, n1/a latency_high FIRING]
    "#]].assert_eq(&world.transcript);
    assert_eq!(world.log[0].root_cause.to_string(), "n1/burner");
}

#[test]
fn an_edge_that_a_sidecar_saw_explains_as_a_declared_one_does() {
    check(
        "node n1: a(;b) b
         run 3
         set n1/b p95=900
         set n1/a p95=950
         run 5",
        &expect![[r#"
            5.0 OPENED n1/b latency_high ERROR r1 [n1/b latency_high FIRING]
            6.0 UPDATED n1/b latency_high ERROR r2 [n1/b latency_high FIRING, n1/a latency_high FIRING]
        "#]],
    );
}

#[test]
fn in_a_circle_of_calls_the_first_speaks_for_all() {
    check(
        "node n1: a(b)
         node n2: b(c) x
         node n3: c(a) y
         run 3
         set n2/b p95=900
         run 1
         set n1/a p95=900
         set n3/c p95=900
         run 8",
        &expect![[r#"
            4.3 OPENED n2/b latency_high ERROR r1 [n2/b latency_high FIRING]
            5.3 UPDATED n2/b latency_high ERROR r2 [n2/b latency_high FIRING, n3/c latency_high FIRING]
            6.3 UPDATED n2/b latency_high ERROR r3 [n2/b latency_high FIRING, n3/c latency_high FIRING, n1/a latency_high FIRING]
        "#]],
    );
}

#[test]
fn in_a_circle_of_calls_who_shows_a_cause_of_its_own_speaks_for_all() {
    check(
        "node n1: a(b)
         node n2: b(c) x
         node n3: c(a) y
         run 3
         set n2/b p95=900
         set n1/a p95=900
         run 1
         set n3/c storage=900 p95=900
         run 8
         set n1/a p95=20
         set n2/b p95=20
         set n3/c storage=5 p95=20
         run 10",
        &expect![[r#"
            5.2 OPENED n3/c storage_latency_high ERROR r1 [n3/c storage_latency_high FIRING, n3/c latency_high FIRING]
            6.2 UPDATED n3/c storage_latency_high ERROR r2 [n3/c storage_latency_high FIRING, n3/c latency_high FIRING, n1/a latency_high FIRING, n2/b latency_high FIRING]
            12.1 UPDATED n3/c storage_latency_high ERROR r3 [n3/c storage_latency_high FIRING, n3/c latency_high FIRING, n1/a latency_high FIRING, n2/b latency_high RECOVERING]
            13.1 UPDATED n3/c storage_latency_high ERROR r4 [n3/c storage_latency_high RECOVERING, n3/c latency_high RECOVERING, n1/a latency_high RECOVERING, n2/b latency_high RESOLVED]
            13.2 CLEARED n3/c storage_latency_high ERROR r5 [n3/c storage_latency_high RESOLVED, n3/c latency_high RESOLVED, n1/a latency_high RECOVERING, n2/b latency_high RESOLVED]
        "#]],
    );
}

#[test]
fn callers_of_a_service_that_somebody_restarts_are_held() {
    check_shop(
        "set n2/payments state=STOPPING
         set n1/orders err=40
         run 1
         set n2/payments state=STARTING gen=2 probe=UNKNOWN
         run 3
         set n2/payments state=RUNNING probe=PASSING
         run 4
         set n1/orders err=0
         run 8",
        &expect![""],
    );
}

#[test]
fn a_symptom_that_began_after_its_cause_had_cleared_is_not_held_for_the_grace() {
    check_shop(
        "set n2/payments state=EXITED
         run 2
         set n2/payments state=RUNNING gen=2
         run 3
         set n1/orders p95=900
         run 4",
        &expect![[r#"
            3.1 OPENED n2/payments process_exited CRITICAL r1 [n2/payments process_exited FIRING]
            5.1 CLEARED n2/payments process_exited CRITICAL r2 [n2/payments process_exited RESOLVED]
            10.2 OPENED n1/orders latency_high ERROR r1 [n1/orders latency_high FIRING]
        "#]],
    );
}

#[test]
fn a_cause_that_nobody_can_read_any_more_explains_nothing_new() {
    check_shop(
        "set n1/ledger storage=300
         run 4
         set n1/ledger storage=nan
         run 10
         set n2/payments p95=400
         run 5",
        &expect![[r#"
            5.0 OPENED n1/ledger storage_latency_high ERROR r1 [n1/ledger storage_latency_high FIRING]
            8.0 UPDATED n1/ledger storage_latency_high ERROR r2 [n1/ledger storage_latency_high NO_DATA]
            18.3 OPENED n2/payments latency_high ERROR r1 [n2/payments latency_high FIRING]
        "#]],
    );
}

#[test]
fn services_of_one_node_that_fail_together_are_an_incident_of_the_node() {
    check(
        "node n1: a b c d
         run 3
         set n1/a err=50
         set n1/b probe=FAILING
         set n1/c p95=900
         run 5
         set n1/a err=0
         set n1/b probe=PASSING
         run 3
         set n1/c p95=20
         run 10",
        &expect![[r#"
            5.0 OPENED n1 node_degraded ERROR r1 [n1 node_degraded FIRING, n1/a error_rate_high FIRING, n1/b probe_failed FIRING, n1/c latency_high FIRING]
            9.0 UPDATED n1 node_degraded ERROR r2 [n1 node_degraded FIRING, n1/a error_rate_high RECOVERING, n1/b probe_failed RESOLVED, n1/c latency_high FIRING]
            10.0 CLEARED n1 node_degraded ERROR r3 [n1 node_degraded RESOLVED, n1/a error_rate_high RESOLVED, n1/b probe_failed RESOLVED, n1/c latency_high FIRING]
        "#]],
    );
}

#[test]
fn what_opened_just_before_is_merged_and_what_is_old_stays() {
    check(
        "node n1: a b c d e
         run 3
         set n1/a probe=FAILING
         run 10
         set n1/b probe=FAILING
         run 2
         set n1/c p95=900
         set n1/d p95=900
         run 4
         restart
         run 2
         set n1/b probe=PASSING
         set n1/c p95=20
         set n1/d p95=20
         run 4",
        &expect![[r#"
            4.0 OPENED n1/a probe_failed ERROR r1 [n1/a probe_failed FIRING]
            14.0 OPENED n1/b probe_failed ERROR r1 [n1/b probe_failed FIRING]
            17.0 OPENED n1 node_degraded ERROR r1 [n1 node_degraded FIRING, n1/b probe_failed FIRING, n1/c latency_high FIRING, n1/d latency_high FIRING]
            17.0 CLEARED n1/b probe_failed ERROR r2 [n1/b probe_failed FIRING]
            22.0 UPDATED n1 node_degraded ERROR r2 [n1 node_degraded FIRING, n1/b probe_failed RESOLVED, n1/c latency_high RECOVERING, n1/d latency_high RECOVERING]
            23.0 CLEARED n1 node_degraded ERROR r3 [n1 node_degraded RESOLVED, n1/b probe_failed RESOLVED, n1/c latency_high RESOLVED, n1/d latency_high RESOLVED]
        "#]],
    );
}

#[test]
fn two_of_four_are_no_trouble_of_the_node_and_neither_are_crashes() {
    check(
        "node n1: a b c d
         run 3
         set n1/a p95=900
         set n1/b p95=900
         run 4
         node n2: x y
         set n2/x state=EXITED
         set n2/y state=EXITED
         run 4",
        &expect![[r#"
            5.0 OPENED n1/a latency_high ERROR r1 [n1/a latency_high FIRING]
            5.0 OPENED n1/b latency_high ERROR r1 [n1/b latency_high FIRING]
            7.1 OPENED n2/x process_exited CRITICAL r1 [n2/x process_exited FIRING]
            7.1 OPENED n2/y process_exited CRITICAL r1 [n2/y process_exited FIRING]
        "#]],
    );
}

#[test]
fn a_slow_ledger_hurts_every_role_of_every_node_and_no_node_is_degraded() {
    check(
        "node n1: edge(orders) orders(payments,inventory) ledger
         node n2: payments(ledger) orders(payments,inventory)
         node n3: inventory(ledger) payments(ledger)
         run 3
         set n1/ledger storage=400 p95=420
         set n2/payments p95=430
         set n3/payments p95=430
         set n3/inventory p95=440
         run 1
         set n1/orders p95=450
         set n2/orders p95=450
         set n1/edge p95=460
         run 10",
        &expect![[r#"
            5.0 OPENED n1/ledger storage_latency_high ERROR r1 [n1/ledger storage_latency_high FIRING, n1/ledger latency_high FIRING]
            6.0 UPDATED n1/ledger storage_latency_high ERROR r2 [n1/ledger storage_latency_high FIRING, n1/ledger latency_high FIRING, n2/payments latency_high FIRING, n3/inventory latency_high FIRING, n3/payments latency_high FIRING, n2/orders latency_high FIRING, n1/edge latency_high FIRING, n1/orders latency_high FIRING]
        "#]],
    );
}
