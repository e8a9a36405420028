//! Golden transcripts of choices: the same symptom for another cause is cured in another way, and the plan says what is
//! believed and which rungs were passed over. How they are written is told in `scene/mod.rs`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
mod scene;

use arena_remediator_core::Playbooks;
use expect_test::{Expect, expect};
use scene::Scene;

fn check(script: &str, expected: &Expect) {
    check_with(Playbooks::built_in().unwrap(), script, expected);
}

fn check_with(playbooks: Playbooks, script: &str, expected: &Expect) {
    let mut scene = Scene::with(playbooks, false);
    for line in script.lines().filter(|line| !line.trim().is_empty()) {
        scene.play(line);
    }
    expected.assert_eq(&scene.transcript);
}

#[test]
fn latency_of_its_own_is_cured_by_a_reset() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1 calls=payments
         0 status node-2/payments RUNNING PASSING 20 1
         1000 opened a node-1/orders latency_high latency_p95_ms=412.5
         1500 outcome a SUCCEEDED
         3500 cleared a
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1 calls=payments
            0      status node-2/payments RUNNING PASSING 20 1
            1000   opened a node-1/orders latency_high latency_p95_ms=412.5
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1500   outcome a SUCCEEDED
            1500     a.2 VERIFY VERIFYING 2/6: recover of node-1/orders succeeded after 500 ms (pid 10 to 99); latency_high must clear within 6 s and stay clear for 1 s
            3500   cleared a
            4500     a.3 RESOLVE RESOLVED REMEDIATED 2/6: latency_high cleared 2 s after our recover and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn a_broken_way_to_a_dependency_is_no_reason_for_a_restart() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1 calls=payments
         0 status node-2/orders RUNNING PASSING 30 1 calls=payments
         0 status node-2/payments RUNNING PASSING 20 1
         1000 opened a node-1/orders error_rate_high upstream_error_percent=50
         1500 outcome a SUCCEEDED
         7600 tick
         37700 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1 calls=payments
            0      status node-2/orders RUNNING PASSING 30 1 calls=payments
            0      status node-2/payments RUNNING PASSING 20 1
            1000   opened a node-1/orders error_rate_high upstream_error_percent=50
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it fail (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1500   outcome a SUCCEEDED
            1500     a.2 VERIFY VERIFYING 2/6: recover of node-1/orders succeeded after 500 ms (pid 10 to 99); error_rate_high must clear within 6 s and stay clear for 1 s
            7500     a.3 WAIT PLANNING 3/6: recover of node-1/orders did not clear error_rate_high within 6 s; left alone for up to 30 s, because what it calls fails to it, and shows nothing of that itself: the way there, not its process (dependency_hurt = false, calls_fail = true (50 % of them))
            7600   tick
            37500    a.4 ACT ACTING 6/6: error_rate_high did not clear while it was left alone; its node makes it fail (dependency_hurt = false, replicas_up = 1, standby_available = false), so it fails over; passed over: wait (dependency_hurt = false, calls_fail = true (50 % of them), replicas_hurt = 0, replicas_up = 1), restart (dependency_hurt = false, calls_fail = true (50 % of them), replicas_hurt = 0, replicas_up = 1)
            37500    -> cmd-a.4 DRAIN node-1/orders generation 1
            37700  tick
        "#]],
    );
}

#[test]
fn what_all_replicas_show_is_no_reason_for_a_restart() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders RUNNING PASSING 30 1
         1000 opened a node-1/orders latency_high latency_p95_ms=400 upstream_latency_p95_ms=30
         1500 outcome a SUCCEEDED
         2000 opened b node-2/orders latency_high latency_p95_ms=400
         7600 tick
         37700 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders RUNNING PASSING 30 1
            1000   opened a node-1/orders latency_high latency_p95_ms=400 upstream_latency_p95_ms=30
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1500   outcome a SUCCEEDED
            1500     a.2 VERIFY VERIFYING 2/6: recover of node-1/orders succeeded after 500 ms (pid 10 to 99); latency_high must clear within 6 s and stay clear for 1 s
            2000   opened b node-2/orders latency_high latency_p95_ms=400
            2000     b.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            2000     -> cmd-b.1 RECOVER node-2/orders pid 30 generation 1
            7500     a.3 WAIT PLANNING 4/6: recover of node-1/orders did not clear latency_high within 6 s; left alone for up to 30 s, because all its replicas are slow: load, or something that they share, and not its process (dependency_hurt = false, calls_slow = false (30 ms), replicas_hurt = 1, replicas_up = 0); passed over: wait (dependency_hurt = false, calls_slow = false (30 ms))
            7600   tick
            23000    b.2 WAIT PLANNING 4/6: no outcome of cmd-b.1 within 21 s: recover of node-2/orders is UNKNOWN, which is not taken for success; left alone for up to 30 s, because all its replicas are slow: load, or something that they share, and not its process (dependency_hurt = false, calls_slow = false, replicas_hurt = 1, replicas_up = 0); passed over: wait (dependency_hurt = false, calls_slow = false)
            37500    a.4 ESCALATE ESCALATED 6/6: latency_high did not clear while it was left alone; its 6 rungs are used up, a person is needed; nothing that may be done to it makes it faster: look at what it depends on, the way there, and the load; passed over: restart (dependency_hurt = false, calls_slow = false (30 ms), replicas_hurt = 1, replicas_up = 0), failover (dependency_hurt = false, replicas_up = 0, standby_available = false)
            37700  tick
        "#]],
    );
}

#[test]
fn a_service_is_left_alone_while_its_dependency_is_slow() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1 calls=payments
         0 status node-2/payments RUNNING PASSING 20 1
         1000 opened b node-2/payments latency_high
         1200 opened a node-1/orders latency_high
         1500 outcome b SUCCEEDED
         4000 cleared b
         4500 cleared a
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1 calls=payments
            0      status node-2/payments RUNNING PASSING 20 1
            1000   opened b node-2/payments latency_high
            1000     b.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-b.1 RECOVER node-2/payments pid 20 generation 1
            1200   opened a node-1/orders latency_high
            1200     a.1 WAIT PLANNING 1/6: as the detector says; left alone for up to 120 s, because its dependency is slow (dependency_hurt = true (latency_high of node-2/payments))
            1500   outcome b SUCCEEDED
            1500     b.2 VERIFY VERIFYING 2/6: recover of node-2/payments succeeded after 500 ms (pid 20 to 99); latency_high must clear within 6 s and stay clear for 1 s
            4000   cleared b
            4500   cleared a
            5000     b.3 RESOLVE RESOLVED REMEDIATED 2/6: latency_high cleared 2.5 s after our recover and stayed clear for 1 s
            5500     a.2 RESOLVE RESOLVED SELF_RECOVERED 1/6: latency_high cleared 3.3 s after it was opened and stayed clear for 1 s; no action is known to have succeeded
            9000   tick
        "#]],
    );
}

#[test]
fn once_the_dependency_is_well_the_wait_is_soon_over() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1 calls=payments
         0 status node-2/payments RUNNING PASSING 20 1
         1000 opened b node-2/payments latency_high
         1000 opened a node-1/orders latency_high
         1500 outcome b SUCCEEDED
         4000 cleared b
         4500 updated a
         13000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1 calls=payments
            0      status node-2/payments RUNNING PASSING 20 1
            1000   opened b node-2/payments latency_high
            1000     b.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-b.1 RECOVER node-2/payments pid 20 generation 1
            1000   opened a node-1/orders latency_high
            1000     a.1 WAIT PLANNING 1/6: as the detector says; left alone for up to 120 s, because its dependency is slow (dependency_hurt = true (latency_high of node-2/payments))
            1500   outcome b SUCCEEDED
            1500     b.2 VERIFY VERIFYING 2/6: recover of node-2/payments succeeded after 500 ms (pid 20 to 99); latency_high must clear within 6 s and stay clear for 1 s
            4000   cleared b
            4500   updated a
            5000     b.3 RESOLVE RESOLVED REMEDIATED 2/6: latency_high cleared 2.5 s after our recover and stayed clear for 1 s
            10000    a.2 ACT ACTING 2/6: latency_high did not clear while it was left alone; its own state makes it slow (dependency_hurt = false)
            10000    -> cmd-a.2 RECOVER node-1/orders pid 10 generation 1
            13000  tick
        "#]],
    );
}

#[test]
fn a_noisy_neighbour_is_throttled() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1 service
         0 status node-1/reports RUNNING NONE 30 4 batch started=777
         1000 opened a node-1/orders cpu_starved cpu_percent=12.5 cpu_wait_percent=80 neighbour=node-1/reports neighbour_cpu_percent=396.1
         1200 outcome a SUCCEEDED
         3500 cleared a
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1 service
            0      status node-1/reports RUNNING NONE 30 4 batch started=777
            1000   opened a node-1/orders cpu_starved cpu_percent=12.5 cpu_wait_percent=80 neighbour=node-1/reports neighbour_cpu_percent=396.1
            1000     a.1 ACT ACTING 1/2: as the detector says; a noisy neighbour takes its CPU (neighbour_batch = true (node-1/reports), neighbour_cpu_percent = 396.1, neighbour_throttled = false)
            1000     -> cmd-a.1 THROTTLE node-1/reports pid 30 generation 4 for=1m percent=50
            1200   outcome a SUCCEEDED
            1200     a.2 VERIFY VERIFYING 1/2: throttle of node-1/reports succeeded after 200 ms (pid 30 to 99); cpu_starved must clear within 10 s and stay clear for 1 s
            3500   cleared a
            4500     a.3 RESOLVE RESOLVED REMEDIATED 1/2: cpu_starved cleared 2.3 s after our throttle and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn a_neighbour_that_serves_is_not_throttled() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1 service
         0 status node-1/users RUNNING PASSING 30 4 service
         1000 opened a node-1/orders cpu_starved neighbour=node-1/users neighbour_cpu_percent=99
         32000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1 service
            0      status node-1/users RUNNING PASSING 30 4 service
            1000   opened a node-1/orders cpu_starved neighbour=node-1/users neighbour_cpu_percent=99
            1000     a.1 WAIT PLANNING 2/2: as the detector says; left alone for up to 30 s, because CPU is short on its node, and nobody there can be asked to give way; passed over: throttle (neighbour_batch = false (node-1/users), neighbour_cpu_percent = 99, neighbour_throttled = false)
            31000    a.2 ESCALATE ESCALATED 2/2: cpu_starved did not clear while it was left alone; its 2 rungs are used up, a person is needed; CPU is short on its node: move or stop something, or give the node more
            32000  tick
        "#]],
    );
}

#[test]
fn what_is_unknown_never_holds() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders cpu_starved neighbour=node-1/reports
         1100 opened b node-2/users latency_high",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders cpu_starved neighbour=node-1/reports
            1000     a.1 WAIT PLANNING 2/2: as the detector says; left alone for up to 30 s, because CPU is short on its node, and nobody there can be asked to give way; passed over: throttle (unknown: neighbour_batch, neighbour_cpu_percent, neighbour_throttled)
            1100   opened b node-2/users latency_high
            1100     b.1 ESCALATE ESCALATED 6/6: none of its 6 rungs applies, a person is needed; nothing that may be done to it makes it faster: look at what it depends on, the way there, and the load; passed over: wait (unknown: dependency_hurt), recover (unknown: dependency_hurt), wait (calls_slow = false), wait (unknown: dependency_hurt, replicas_hurt, replicas_up), restart (unknown: dependency_hurt, replicas_hurt, replicas_up), failover (unknown: dependency_hurt, replicas_up, standby_available)
        "#]],
    );
}

#[test]
fn a_held_port_is_freed_once_a_person_agrees_and_then_it_is_started() {
    check(
        "0 status node-1/orders EXITED UNKNOWN 0 3
         1000 opened a node-1/orders process_exited
         1200 outcome a FAILED
         1300 status node-1/orders FATAL UNKNOWN 0 3 held=nc
         2000 approve a.3
         2100 outcome a SUCCEEDED
         2200 status node-1/orders EXITED UNKNOWN 0 3
         4000 outcome a SUCCEEDED
         5000 cleared a
         9000 tick",
        &expect![[r#"
            0      status node-1/orders EXITED UNKNOWN 0 3
            1000   opened a node-1/orders process_exited
            1000     a.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-a.1 START node-1/orders generation 3
            1200   outcome a FAILED
            1200     a.2 REFUSE PLANNING 5/5: start of node-1/orders was FAILED; would start node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 615 ms are left; passed over: free-port (port_held = false), start (attempt = 1), rollback (can_roll_back = false)
            1300   status node-1/orders FATAL UNKNOWN 0 3 held=nc
            1300     a.3 WAIT AWAITING_APPROVAL 2/5: start of node-1/orders was FAILED; may it free-port node-1/orders, because another process holds its port (port_held = true (by pid 812, nc))? the mode for HIGH risk is APPROVE; a person is needed within 120 s (arena approve or arena deny)
            2000   approve a.3
            2000     a.4 ACT ACTING 2/5: start of node-1/orders was FAILED; another process holds its port (port_held = true (by pid 812, nc)); approved by ada
            2000     -> cmd-a.4 FREE_PORT node-1/orders generation 3
            2100   outcome a SUCCEEDED
            2100     a.5 VERIFY VERIFYING 2/5: free-port of node-1/orders succeeded after 100 ms (pid 99); process_exited must clear within 1 s and stay clear for 1 s
            2200   status node-1/orders EXITED UNKNOWN 0 3
            3100     a.6 ACT ACTING 3/5: free-port of node-1/orders did not clear process_exited within 1 s; its port is free again (attempt = 2)
            3100     -> cmd-a.6 START node-1/orders generation 3
            4000   outcome a SUCCEEDED
            4000     a.7 VERIFY VERIFYING 3/5: start of node-1/orders succeeded after 900 ms (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            5000   cleared a
            6000     a.8 RESOLVE RESOLVED REMEDIATED 3/5: process_exited cleared 1 s after our start and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn what_dies_of_its_new_definition_is_rolled_back() {
    check(
        "0 status node-1/orders EXITED UNKNOWN 0 3 rollback
         1000 opened a node-1/orders process_exited
         1200 outcome a FAILED
         6000 outcome a SUCCEEDED
         7000 cleared a
         9000 tick",
        &expect![[r#"
            0      status node-1/orders EXITED UNKNOWN 0 3 rollback
            1000   opened a node-1/orders process_exited
            1000     a.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-a.1 START node-1/orders generation 3
            1200   outcome a FAILED
            1200     a.2 REFUSE PLANNING 4/5: start of node-1/orders was FAILED; would rollback node-1/orders, because it dies of its new definition (can_roll_back = true), and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 615 ms are left; passed over: free-port (port_held = false), start (attempt = 1)
            1815     a.3 ACT ACTING 4/5: start of node-1/orders was FAILED; it dies of its new definition (can_roll_back = true); passed over: free-port (port_held = false), start (attempt = 1)
            1815     -> cmd-a.3 ROLLBACK node-1/orders generation 3
            6000   outcome a SUCCEEDED
            6000     a.4 VERIFY VERIFYING 4/5: rollback of node-1/orders succeeded after 4.1 s (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            7000   cleared a
            8000     a.5 RESOLVE RESOLVED REMEDIATED 4/5: process_exited cleared 1 s after our rollback and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn a_standby_takes_over_in_two_steps() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders STOPPED UNKNOWN 0 0 standby
         0 status node-3/orders STOPPED UNKNOWN 0 0 standby
         1000 opened a node-1/orders latency_high
         1200 outcome a SUCCEEDED
         8100 outcome a SUCCEEDED
         18300 outcome a SUCCEEDED
         18350 status node-2/orders RUNNING PASSING 70 1 standby
         18400 outcome a SUCCEEDED
         24000 cleared a
         30000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders STOPPED UNKNOWN 0 0 standby
            0      status node-3/orders STOPPED UNKNOWN 0 0 standby
            1000   opened a node-1/orders latency_high
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1200   outcome a SUCCEEDED
            1200     a.2 VERIFY VERIFYING 2/6: recover of node-1/orders succeeded after 200 ms (pid 10 to 99); latency_high must clear within 6 s and stay clear for 1 s
            7200     a.3 ACT ACTING 5/6: recover of node-1/orders did not clear latency_high within 6 s; its process is slow (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0); passed over: wait (dependency_hurt = false, calls_slow = false), wait (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0)
            7200     -> cmd-a.3 RESTART node-1/orders pid 10 generation 1
            8100   outcome a SUCCEEDED
            8100     a.4 VERIFY VERIFYING 5/6: restart of node-1/orders succeeded after 900 ms (pid 10 to 99); latency_high must clear within 10 s and stay clear for 1 s
            18100    a.5 ACT ACTING 6/6: restart of node-1/orders did not clear latency_high within 10 s; its node makes it slow (dependency_hurt = false, replicas_up = 0, standby_available = true (node-2/orders)), so it fails over
            18100    -> cmd-a.5 START node-2/orders generation 0
            18300  outcome a SUCCEEDED
            18300    a.6 ACT ACTING 6/6: start of node-2/orders succeeded after 200 ms; its node makes it slow, so it fails over
            18300    -> cmd-a.6 DRAIN node-1/orders generation 1
            18350  status node-2/orders RUNNING PASSING 70 1 standby
            18400  outcome a SUCCEEDED
            18400    a.7 VERIFY VERIFYING 6/6: drain of node-1/orders succeeded after 100 ms (pid 99); latency_high must clear within 15 s and stay clear for 1 s
            24000  cleared a
            25000    a.8 RESOLVE RESOLVED REMEDIATED 6/6: latency_high cleared 5.6 s after our drain and stayed clear for 1 s; node-1/orders stays drained until a person ends that (arena do undrain node-1/orders)
            30000  tick
        "#]],
    );
}

#[test]
fn where_a_replica_runs_already_the_hurt_one_is_only_drained() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders RUNNING PASSING 20 1
         1000 opened a node-1/orders storage_latency_high
         1200 outcome a FAILED
         2500 outcome a FAILED
         3000 outcome a SUCCEEDED
         6000 cleared a
         30000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders RUNNING PASSING 20 1
            1000   opened a node-1/orders storage_latency_high
            1000     a.1 ACT ACTING 1/3: as the detector says; its process holds up its own disk access
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1200   outcome a FAILED
            1200     a.2 REFUSE PLANNING 2/3: restart of node-1/orders was FAILED; would restart node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 615 ms are left
            1815     a.3 ACT ACTING 2/3: restart of node-1/orders was FAILED
            1815     -> cmd-a.3 RESTART node-1/orders pid 10 generation 1
            2500   outcome a FAILED
            2500     a.4 ACT ACTING 3/3: restart of node-1/orders was FAILED; the disk of its node is slow (replicas_up = 1, standby_available = false), so it fails over
            2500     -> cmd-a.4 DRAIN node-1/orders generation 1
            3000   outcome a SUCCEEDED
            3000     a.5 VERIFY VERIFYING 3/3: drain of node-1/orders succeeded after 500 ms (pid 99); storage_latency_high must clear within 15 s and stay clear for 1 s
            6000   cleared a
            7000     a.6 RESOLVE RESOLVED REMEDIATED 3/3: storage_latency_high cleared 3 s after our drain and stayed clear for 1 s; node-1/orders stays drained until a person ends that (arena do undrain node-1/orders)
            30000  tick
        "#]],
    );
}

#[test]
fn a_standby_that_does_not_start_takes_nothing_over() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders STOPPED UNKNOWN 0 0 standby
         1000 opened a node-1/orders storage_latency_high
         1200 outcome a FAILED
         2500 outcome a FAILED
         2700 outcome a FAILED",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders STOPPED UNKNOWN 0 0 standby
            1000   opened a node-1/orders storage_latency_high
            1000     a.1 ACT ACTING 1/3: as the detector says; its process holds up its own disk access
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1200   outcome a FAILED
            1200     a.2 REFUSE PLANNING 2/3: restart of node-1/orders was FAILED; would restart node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 615 ms are left
            1815     a.3 ACT ACTING 2/3: restart of node-1/orders was FAILED
            1815     -> cmd-a.3 RESTART node-1/orders pid 10 generation 1
            2500   outcome a FAILED
            2500     a.4 ACT ACTING 3/3: restart of node-1/orders was FAILED; the disk of its node is slow (replicas_up = 0, standby_available = true (node-2/orders)), so it fails over
            2500     -> cmd-a.4 START node-2/orders generation 0
            2700   outcome a FAILED
            2700     a.5 ESCALATE ESCALATED 3/3: start of node-2/orders was FAILED; its 3 rungs are used up, a person is needed; a new process is as slow: look at the disk
        "#]],
    );
}

#[test]
fn a_takeover_by_nobody_is_not_healed() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders RUNNING PASSING 20 1
         1000 opened a node-1/orders storage_latency_high
         1200 outcome a FAILED
         2500 outcome a FAILED
         3000 outcome a SUCCEEDED
         3500 status node-2/orders EXITED UNKNOWN 0 1
         6000 cleared a
         20000 tick
         21000 status node-2/orders RUNNING PASSING 21 2
         22000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders RUNNING PASSING 20 1
            1000   opened a node-1/orders storage_latency_high
            1000     a.1 ACT ACTING 1/3: as the detector says; its process holds up its own disk access
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1200   outcome a FAILED
            1200     a.2 REFUSE PLANNING 2/3: restart of node-1/orders was FAILED; would restart node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 615 ms are left
            1815     a.3 ACT ACTING 2/3: restart of node-1/orders was FAILED
            1815     -> cmd-a.3 RESTART node-1/orders pid 10 generation 1
            2500   outcome a FAILED
            2500     a.4 ACT ACTING 3/3: restart of node-1/orders was FAILED; the disk of its node is slow (replicas_up = 1, standby_available = false), so it fails over
            2500     -> cmd-a.4 DRAIN node-1/orders generation 1
            3000   outcome a SUCCEEDED
            3000     a.5 VERIFY VERIFYING 3/3: drain of node-1/orders succeeded after 500 ms (pid 99); storage_latency_high must clear within 15 s and stay clear for 1 s
            3500   status node-2/orders EXITED UNKNOWN 0 1
            6000   cleared a
            18000    a.6 ESCALATE ESCALATED 3/3: storage_latency_high cleared after drain of node-1/orders, and `replicas_up > 0` does not hold: replicas_up = 0: that is not healed; node-1/orders stays drained until a person ends that (arena do undrain node-1/orders)
            20000  tick
            21000  status node-2/orders RUNNING PASSING 21 2
            21000    a.7 RESOLVE RESOLVED REMEDIATED 3/3: late, after it was escalated; storage_latency_high cleared 3 s after our drain and stayed clear for 1 s
            22000  tick
        "#]],
    );
}

#[test]
fn a_node_is_quarantined_only_where_others_run_its_services() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 status node-2/orders RUNNING PASSING 20 1
         0 status node-1/users RUNNING PASSING 11 1
         1000 opened a node-1 node_degraded
         2000 status node-2/users RUNNING PASSING 21 1
         3000 opened b node-1 node_degraded
         4000 approve b.1
         4100 outcome b SUCCEEDED
         9000 cleared b
         20000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      status node-2/orders RUNNING PASSING 20 1
            0      status node-1/users RUNNING PASSING 11 1
            1000   opened a node-1 node_degraded
            1000     a.1 ESCALATE ESCALATED 1/1: its only rung does not apply, a person is needed; its services have no other replicas, or moving them did not help: look at the machine; passed over: quarantine (node_replaceable = false (nobody else runs users), node_quarantined = false)
            2000   status node-2/users RUNNING PASSING 21 1
            3000   opened b node-1 node_degraded
            3000     a.2 RESOLVE RESOLVED MERGED 1/1: node_degraded of node-1 was opened again as b, which goes on from here
            3000     b.1 WAIT AWAITING_APPROVAL 1/1: may it quarantine node-1, because the machine is ill, and others run all its services (node_replaceable = true, node_quarantined = false)? the mode for HIGH risk is APPROVE; a person is needed within 120 s (arena approve or arena deny)
            4000   approve b.1
            4000     b.2 ACT ACTING 1/1: as the detector says; the machine is ill, and others run all its services (node_replaceable = true, node_quarantined = false); approved by ada
            4000     -> cmd-b.2 QUARANTINE node-1
            4100   outcome b SUCCEEDED
            4100     b.3 VERIFY VERIFYING 1/1: quarantine of node-1 succeeded after 100 ms (pid 99); node_degraded must clear within 30 s and stay clear for 1 s
            9000   cleared b
            10000    b.4 RESOLVE RESOLVED REMEDIATED 1/1: node_degraded cleared 4.9 s after our quarantine and stayed clear for 1 s; node-1 stays quarantined until a person ends that (arena do unquarantine node-1)
            20000  tick
        "#]],
    );
}

#[test]
fn a_full_disk_is_cleaned_service_by_service() {
    check(
        "0 status node-1/users RUNNING PASSING 10 1 clean
         0 status node-1/orders RUNNING PASSING 11 1 clean
         1000 opened a node-1 disk_low disk_used_percent=96
         2000 approve a.1
         2100 outcome a SUCCEEDED
         13000 approve a.4
         13100 outcome a SUCCEEDED
         15000 cleared a
         20000 tick",
        &expect![[r#"
            0      status node-1/users RUNNING PASSING 10 1 clean
            0      status node-1/orders RUNNING PASSING 11 1 clean
            1000   opened a node-1 disk_low disk_used_percent=96
            1000     a.1 WAIT AWAITING_APPROVAL 1/2: may it clean-disk node-1/orders, because what a service leaves behind fills the disk (can_clean_disk = true)? the mode for HIGH risk is APPROVE; a person is needed within 120 s (arena approve or arena deny)
            2000   approve a.1
            2000     a.2 ACT ACTING 1/2: as the detector says; what a service leaves behind fills the disk (can_clean_disk = true); approved by ada
            2000     -> cmd-a.2 CLEAN_DISK node-1/orders generation 1
            2100   outcome a SUCCEEDED
            2100     a.3 VERIFY VERIFYING 1/2: clean-disk of node-1/orders succeeded after 100 ms (pid 99); disk_low must clear within 10 s and stay clear for 1 s
            12100    a.4 WAIT AWAITING_APPROVAL 2/2: clean-disk of node-1/orders did not clear disk_low within 10 s; may it clean-disk node-1/users, because what another service leaves behind fills the disk (can_clean_disk = true)? the mode for HIGH risk is APPROVE; a person is needed within 120 s (arena approve or arena deny)
            13000  approve a.4
            13000    a.5 ACT ACTING 2/2: clean-disk of node-1/orders did not clear disk_low within 10 s; what another service leaves behind fills the disk (can_clean_disk = true); approved by ada
            13000    -> cmd-a.5 CLEAN_DISK node-1/users generation 1
            13100  outcome a SUCCEEDED
            13100    a.6 VERIFY VERIFYING 2/2: clean-disk of node-1/users succeeded after 100 ms (pid 99); disk_low must clear within 10 s and stay clear for 1 s
            15000  cleared a
            16000    a.7 RESOLVE RESOLVED REMEDIATED 2/2: disk_low cleared 1.9 s after our clean-disk and stayed clear for 1 s
            20000  tick
        "#]],
    );
}

const DRAINS: &str = r#"
[[playbook]]
symptom = "cpu_high"
[[playbook.step]]
action = "drain"
when = "cpu_percent > 90.0 || state == 'STARTING'"
cause = "it needs a pause"
[[playbook.step]]
action = "escalate"
cause = "a pause is all that may be tried"
"#;

#[test]
fn a_drain_is_undone_before_the_end() {
    check_with(
        Playbooks::parse("playbooks.toml", DRAINS).unwrap(),
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders cpu_high cpu_percent=97.31
         1100 outcome a SUCCEEDED
         3000 cleared a
         4100 outcome a SUCCEEDED
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders cpu_high cpu_percent=97.31
            1000     a.1 ACT ACTING 1/2: as the detector says; it needs a pause (cpu_percent = 97.3, state = "RUNNING")
            1000     -> cmd-a.1 DRAIN node-1/orders generation 1
            1100   outcome a SUCCEEDED
            1100     a.2 VERIFY VERIFYING 1/2: drain of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            3000   cleared a
            4000     a.3 ACT ACTING 1/2: cpu_high stayed clear for 1 s
            4000     -> cmd-a.3 UNDRAIN node-1/orders generation 1
            4100   outcome a SUCCEEDED
            4100     a.4 VERIFY VERIFYING 1/2: undrain of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            5100     a.5 RESOLVE RESOLVED REMEDIATED 1/2: cpu_high cleared 1.9 s after our drain and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn a_drain_is_left_where_nobody_may_undo_it() {
    check_with(
        Playbooks::parse("playbooks.toml", DRAINS).unwrap(),
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders cpu_high cpu_percent=97.31
         1100 outcome a SUCCEEDED
         2000 control OBSERVE RELEASED
         3000 cleared a
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders cpu_high cpu_percent=97.31
            1000     a.1 ACT ACTING 1/2: as the detector says; it needs a pause (cpu_percent = 97.3, state = "RUNNING")
            1000     -> cmd-a.1 DRAIN node-1/orders generation 1
            1100   outcome a SUCCEEDED
            1100     a.2 VERIFY VERIFYING 1/2: drain of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            2000   control OBSERVE RELEASED
            3000   cleared a
            4000     a.3 RESOLVE RESOLVED REMEDIATED 1/2: cpu_high cleared 1.9 s after our drain and stayed clear for 1 s; node-1/orders stays drained: the mode for LOW risk is OBSERVE (set by ada): it plans and never acts
            9000   tick
        "#]],
    );
}

#[test]
fn a_step_may_call_a_person() {
    check_with(
        Playbooks::parse("playbooks.toml", DRAINS).unwrap(),
        "1000 opened a node-1/orders cpu_high cpu_percent=85",
        &expect![[r#"
            1000   opened a node-1/orders cpu_high cpu_percent=85
            1000     a.1 ESCALATE ESCALATED 2/2: a person is needed, because a pause is all that may be tried; passed over: drain (unknown: state)
        "#]],
    );
}

#[test]
fn a_batch_has_its_own_ladder() {
    let both = r#"
[[playbook]]
symptom = "memory_high"
[[playbook.step]]
action = "restart"
[[playbook]]
symptom = "memory_high"
class = "batch"
escalate = "let it finish, or stop it"
"#;
    check_with(
        Playbooks::parse("playbooks.toml", both).unwrap(),
        "0 status node-1/orders RUNNING PASSING 10 1 service
         0 status node-1/reports RUNNING NONE 30 1 batch
         1000 opened a node-1/orders memory_high
         1100 opened b node-1/reports memory_high",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1 service
            0      status node-1/reports RUNNING NONE 30 1 batch
            1000   opened a node-1/orders memory_high
            1000     a.1 ACT ACTING 1/1: as the detector says
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1100   opened b node-1/reports memory_high
            1100     b.1 ESCALATE ESCALATED 0/0: memory_high: let it finish, or stop it
        "#]],
    );
}
