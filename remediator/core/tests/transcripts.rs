//! Golden transcripts of what becomes of incidents; how they are written is told in `scene/mod.rs`.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;
mod scene;

use arena_proto::IncidentEventKind;
use arena_remediator_core::{Input, Playbooks};
use common::{at, event, outcome};
use expect_test::{Expect, expect};
use scene::Scene;

fn run(script: &str, spans: bool, expected: &Expect) {
    let mut scene = Scene::with(Playbooks::built_in().unwrap(), spans);
    for line in script.lines().filter(|line| !line.trim().is_empty()) {
        scene.play(line);
    }
    expected.assert_eq(&scene.transcript);
}

fn check(script: &str, expected: &Expect) {
    run(script, false, expected);
}

#[test]
fn a_spike_is_cured_by_the_first_rung() {
    run(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders cpu_high
         1004 outcome cmd-a.1 ACCEPTED
         1500 outcome cmd-a.1 SUCCEEDED
         3500 cleared a
         9000 tick",
        true,
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1000     ..   plan [plan] 1000..1000 ok
            1004   outcome cmd-a.1 ACCEPTED
            1500   outcome cmd-a.1 SUCCEEDED
            1500     ..   act [act.cmd-a.1] 1000..1500 ok
            1500     a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 500 ms (pid 10 to 99); cpu_high must clear within 6 s and stay clear for 1 s
            3500   cleared a
            4500     a.3 RESOLVE RESOLVED REMEDIATED 1/2: cpu_high cleared 2 s after our restart and stayed clear for 1 s
            4500     ..   verify [verify] 1500..4500 ok
            4500     .. incident [incident] 1000..4500 ok
            9000   tick
        "#]],
    );
}

#[test]
fn a_useless_rung_is_left_and_the_last_one_calls_a_person() {
    run(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders latency_high
         1100 outcome cmd-a.1 SUCCEEDED
         7600 outcome cmd-a.3 FAILED
         9000 cleared a
         20000 tick",
        true,
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders latency_high
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1000     ..   plan [plan] 1000..1000 ok
            1100   outcome cmd-a.1 SUCCEEDED
            1100     ..   act [act.cmd-a.1] 1000..1100 ok
            1100     a.2 VERIFY VERIFYING 2/6: recover of node-1/orders succeeded after 100 ms (pid 10 to 99); latency_high must clear within 6 s and stay clear for 1 s
            7100     ..   verify [verify.cmd-a.1] 1100..7100 recover of node-1/orders did not clear latency_high within 6 s
            7100     a.3 ACT ACTING 5/6: recover of node-1/orders did not clear latency_high within 6 s; its process is slow (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0); passed over: wait (dependency_hurt = false, calls_slow = false), wait (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0)
            7100     -> cmd-a.3 RESTART node-1/orders pid 10 generation 1
            7600   outcome cmd-a.3 FAILED
            7600     ..   act [act.cmd-a.3] 7100..7600 restart of node-1/orders was FAILED
            7600     a.4 ESCALATE ESCALATED 6/6: restart of node-1/orders was FAILED; its 6 rungs are used up, a person is needed; nothing that may be done to it makes it faster: look at what it depends on, the way there, and the load; passed over: failover (dependency_hurt = false, replicas_up = 0, standby_available = false)
            7600     .. incident [incident] 1000..7600 restart of node-1/orders was FAILED; its 6 rungs are used up, a person is needed; nothing that may be done to it makes it faster: look at what it depends on, the way there, and the load; passed over: failover (dependency_hurt = false, replicas_up = 0, standby_available = false)
            9000   cleared a
            10000    a.5 RESOLVE RESOLVED SELF_RECOVERED 6/6: late, after it was escalated; latency_high cleared 8 s after it was opened and stayed clear for 1 s; no action is known to have helped in time
            20000  tick
        "#]],
    );
}

/// It came long after the time of the last one.
#[test]
fn a_useless_action_is_not_thanked_for_a_late_end() {
    check(
        "1000 opened a node-1/orders cpu_high
         1100 outcome cmd-a.1 SUCCEEDED
         7200 outcome cmd-a.3 SUCCEEDED
         20000 cleared a
         30000 tick",
        &expect![[r#"
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders
            1100   outcome cmd-a.1 SUCCEEDED
            1100     a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            7100     a.3 ACT ACTING 2/2: restart of node-1/orders did not clear cpu_high within 6 s
            7100     -> cmd-a.3 RESTART node-1/orders
            7200   outcome cmd-a.3 SUCCEEDED
            7200     a.4 VERIFY VERIFYING 2/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 10 s and stay clear for 1 s
            17200    a.5 ESCALATE ESCALATED 2/2: restart of node-1/orders did not clear cpu_high within 10 s; its 2 rungs are used up, a person is needed; a new process burns as much: this is load or a defect, not a stuck process
            20000  cleared a
            21000    a.6 RESOLVE RESOLVED SELF_RECOVERED 2/2: late, after it was escalated; cpu_high cleared 19 s after it was opened and stayed clear for 1 s; no action is known to have helped in time
            30000  tick
        "#]],
    );
}

/// The first calm sample is within the time of the last one, and was told after it.
#[test]
fn an_action_that_cured_before_the_escalation_is_thanked() {
    check(
        "1000 opened a node-1/orders cpu_high
         1100 outcome cmd-a.1 SUCCEEDED
         7200 outcome cmd-a.3 SUCCEEDED
         20000 cleared a cpu_high=RESOLVED@16000
         30000 tick",
        &expect![[r#"
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders
            1100   outcome cmd-a.1 SUCCEEDED
            1100     a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            7100     a.3 ACT ACTING 2/2: restart of node-1/orders did not clear cpu_high within 6 s
            7100     -> cmd-a.3 RESTART node-1/orders
            7200   outcome cmd-a.3 SUCCEEDED
            7200     a.4 VERIFY VERIFYING 2/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 10 s and stay clear for 1 s
            17200    a.5 ESCALATE ESCALATED 2/2: restart of node-1/orders did not clear cpu_high within 10 s; its 2 rungs are used up, a person is needed; a new process burns as much: this is load or a defect, not a stuck process
            20000  cleared a cpu_high=RESOLVED@16000
            21000    a.6 RESOLVE RESOLVED REMEDIATED 2/2: late, after it was escalated; cpu_high was calm 8.9 s after our restart, which was told late, and stayed clear for 1 s
            30000  tick
        "#]],
    );
}

/// The first calm sample is within the time of the first one, and was told during the second.
#[test]
fn the_first_action_is_thanked_when_it_was_calm_before_the_second() {
    check(
        "1000 opened a node-1/orders cpu_high
         1100 outcome cmd-a.1 SUCCEEDED
         7200 outcome cmd-a.3 SUCCEEDED
         9000 cleared a cpu_high=RESOLVED@2000
         30000 tick",
        &expect![[r#"
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders
            1100   outcome cmd-a.1 SUCCEEDED
            1100     a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            7100     a.3 ACT ACTING 2/2: restart of node-1/orders did not clear cpu_high within 6 s
            7100     -> cmd-a.3 RESTART node-1/orders
            7200   outcome cmd-a.3 SUCCEEDED
            7200     a.4 VERIFY VERIFYING 2/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 10 s and stay clear for 1 s
            9000   cleared a cpu_high=RESOLVED@2000
            10000    a.5 RESOLVE RESOLVED REMEDIATED 2/2: cpu_high was calm 1 s after our restart, which was told late, and stayed clear for 1 s
            30000  tick
        "#]],
    );
}

#[test]
fn what_clears_by_itself_is_no_merit_of_ours() {
    check(
        "0 control OBSERVE RELEASED
         1000 opened a node-1/orders cpu_high
         2000 updated a
         3000 cleared a
         9000 tick",
        &expect![[r#"
            0      control OBSERVE RELEASED
            1000   opened a node-1/orders cpu_high
            1000     a.1 REFUSE PLANNING 1/2: would restart node-1/orders, because it burns CPU itself, and does not: the mode for MEDIUM risk is OBSERVE (set by ada): it plans and never acts
            2000   updated a
            3000   cleared a
            4000     a.2 RESOLVE RESOLVED SELF_RECOVERED 0/2: cpu_high cleared 2 s after it was opened and stayed clear for 1 s; no action is known to have succeeded
            9000   tick
        "#]],
    );
}

#[test]
fn an_action_by_hand_is_a_persons_merit() {
    check(
        "0 control APPROVE RELEASED
         1000 opened a node-1/orders cpu_high
         2000 person node-1/orders RESTART
         3000 cleared a
         9000 tick",
        &expect![[r#"
            0      control APPROVE RELEASED
            1000   opened a node-1/orders cpu_high
            1000     a.1 WAIT AWAITING_APPROVAL 1/2: may it restart node-1/orders, because it burns CPU itself? the mode for MEDIUM risk is APPROVE (set by ada); a person is needed within 120 s (arena approve or arena deny)
            2000   person node-1/orders RESTART
            3000   cleared a
            4000     a.2 RESOLVE RESOLVED MANUAL 1/2: cpu_high cleared 1 s after a person's restart and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn the_lever_stops_and_releases() {
    check(
        "0 control AUTO STOPPED
         1000 opened a node-1/orders cpu_high
         2000 control OBSERVE STOPPED
         3000 control OBSERVE RELEASED
         4000 control AUTO RELEASED",
        &expect![[r#"
            0      control AUTO STOPPED
            1000   opened a node-1/orders cpu_high
            1000     a.1 REFUSE PLANNING 1/2: would restart node-1/orders, because it burns CPU itself, and does not: the safety lever is STOPPED (set by ada): nothing is done until it is released
            2000   control OBSERVE STOPPED
            3000   control OBSERVE RELEASED
            3000     a.2 REFUSE PLANNING 1/2: would restart node-1/orders, because it burns CPU itself, and does not: the mode for MEDIUM risk is OBSERVE (set by ada): it plans and never acts
            4000   control AUTO RELEASED
            4000     a.3 ACT ACTING 1/2: as the detector says; it burns CPU itself
            4000     -> cmd-a.3 RESTART node-1/orders
        "#]],
    );
}

#[test]
fn what_is_cleared_while_the_command_is_in_flight_waits_for_its_outcome() {
    check(
        "1000 opened a node-1/orders process_exited
         1200 cleared a
         5000 outcome cmd-a.1 SUCCEEDED
         9000 tick",
        &expect![[r#"
            1000   opened a node-1/orders process_exited
            1000     a.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-a.1 START node-1/orders
            1200   cleared a
            5000   outcome cmd-a.1 SUCCEEDED
            5000     a.2 VERIFY VERIFYING 1/5: start of node-1/orders succeeded after 4 s (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            6000     a.3 RESOLVE RESOLVED REMEDIATED 1/5: process_exited cleared while our start was under way and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn silence_of_the_node_is_unknown_and_goes_on() {
    check(
        "1000 opened a node-1/orders process_exited
         70000 tick",
        &expect![[r#"
            1000   opened a node-1/orders process_exited
            1000     a.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-a.1 START node-1/orders
            22000    a.2 ACT ACTING 5/5: no outcome of cmd-a.1 within 21 s: start of node-1/orders is UNKNOWN, which is not taken for success; passed over: free-port (unknown: port_held), start (attempt = 1), rollback (unknown: can_roll_back)
            22000    -> cmd-a.2 START node-1/orders
            43000    a.3 ESCALATE ESCALATED 5/5: no outcome of cmd-a.2 within 21 s: start of node-1/orders is UNKNOWN, which is not taken for success; its 5 rungs are used up, a person is needed; it does not stay up: read its log (arena logs), mend it, and start it with arena do start
            70000  tick
        "#]],
    );
}

#[test]
fn a_node_that_stays_silent_is_a_persons_and_so_is_what_no_rung_answers() {
    check(
        "1000 opened a node-1 node_silent
         2000 opened b node-1/orders never_heard_of
         3000 opened c node-1 cpu_high
         5900 tick
         6000 tick",
        &expect![[r#"
            1000   opened a node-1 node_silent
            1000     a.1 WAIT PLANNING 1/1: as the detector says; left alone for up to 5 s, because its messages may only be late, or lost on their way
            2000   opened b node-1/orders never_heard_of
            2000     b.1 ESCALATE ESCALATED 0/0: no playbook answers never_heard_of: add one to playbooks.toml
            3000   opened c node-1 cpu_high
            3000     c.1 ESCALATE ESCALATED 2/2: none of its 2 rungs applies, a person is needed; a new process burns as much: this is load or a defect, not a stuck process; passed over: restart (node-1 is a node), restart (node-1 is a node)
            5900   tick
            6000   tick
            6000     a.2 ESCALATE ESCALATED 1/1: node_silent did not clear while it was left alone; its only rung is used up, a person is needed; nothing on this side can start an agent: look at the machine and its arena-node
        "#]],
    );
}

#[test]
fn a_person_is_not_called_for_a_node_that_is_soon_heard_again() {
    check(
        "1000 opened a node-1 node_silent
         3000 cleared a
         9000 tick",
        &expect![[r#"
            1000   opened a node-1 node_silent
            1000     a.1 WAIT PLANNING 1/1: as the detector says; left alone for up to 5 s, because its messages may only be late, or lost on their way
            3000   cleared a
            4000     a.2 RESOLVE RESOLVED SELF_RECOVERED 1/1: node_silent cleared 2 s after it was opened and stayed clear for 1 s; no action is known to have succeeded
            9000   tick
        "#]],
    );
}

#[test]
fn another_process_than_meant_is_looked_at_again() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders probe_failed
         1010 outcome cmd-a.1 REJECTED TARGET_CHANGED
         1020 status node-1/orders RUNNING PASSING 20 2
         2000 status node-1/orders RUNNING FAILING 20 2
         2500 outcome cmd-a.3 SUCCEEDED
         3000 cleared a
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders probe_failed
            1000     a.1 ACT ACTING 1/2: as the detector says; it is stuck
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1010   outcome cmd-a.1 REJECTED TARGET_CHANGED
            1010     a.2 WAIT PLANNING 1/2: restart of node-1/orders was REJECTED as TARGET_CHANGED; waiting up to 6 s for that to change or for probe_failed to clear (wait 1 of 2)
            1020   status node-1/orders RUNNING PASSING 20 2
            2000   status node-1/orders RUNNING FAILING 20 2
            2000     a.3 ACT ACTING 1/2: as the detector says; it is stuck
            2000     -> cmd-a.3 RESTART node-1/orders pid 20 generation 2
            2500   outcome cmd-a.3 SUCCEEDED
            2500     a.4 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 500 ms (pid 20 to 99); probe_failed must clear within 6 s and stay clear for 1 s
            3000   cleared a
            4000     a.5 RESOLVE RESOLVED REMEDIATED 1/2: probe_failed cleared 500 ms after our restart and stayed clear for 1 s
            9000   tick
        "#]],
    );
}

#[test]
fn a_status_that_is_behind_the_times_is_not_acted_on() {
    check(
        "0 status node-1/orders RUNNING FAILING 10 1
         1000 opened a node-1/orders probe_failed
         1010 outcome cmd-a.1 REJECTED TARGET_CHANGED
         1020 status node-1/orders RUNNING FAILING 10 1
         1030 status node-1/orders RUNNING FAILING 20 2
         1040 outcome cmd-a.3 REJECTED TARGET_CHANGED
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING FAILING 10 1
            1000   opened a node-1/orders probe_failed
            1000     a.1 ACT ACTING 1/2: as the detector says; it is stuck
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1010   outcome cmd-a.1 REJECTED TARGET_CHANGED
            1010     a.2 WAIT PLANNING 1/2: restart of node-1/orders was REJECTED as TARGET_CHANGED; waiting up to 6 s for that to change or for probe_failed to clear (wait 1 of 2)
            1020   status node-1/orders RUNNING FAILING 10 1
            1030   status node-1/orders RUNNING FAILING 20 2
            1030     a.3 ACT ACTING 1/2: as the detector says; it is stuck
            1030     -> cmd-a.3 RESTART node-1/orders pid 20 generation 2
            1040   outcome cmd-a.3 REJECTED TARGET_CHANGED
            1040     a.4 WAIT PLANNING 1/2: restart of node-1/orders was REJECTED as TARGET_CHANGED; waiting up to 6 s for that to change or for probe_failed to clear (wait 2 of 2)
            7040     a.5 ACT ACTING 2/2: probe_failed did not clear within 6 s, and restart did not become possible
            7040     -> cmd-a.5 RESTART node-1/orders pid 20 generation 2
            9000   tick
        "#]],
    );
}

#[test]
fn what_runs_again_is_not_started() {
    check(
        "1000 opened a node-1/orders process_exited
         1100 outcome cmd-a.1 FAILED
         2400 outcome cmd-a.3 REJECTED NOT_ALLOWED
         2500 status node-1/orders STARTING UNKNOWN 20 2
         3000 cleared a
         9000 tick",
        &expect![[r#"
            1000   opened a node-1/orders process_exited
            1000     a.1 ACT ACTING 1/5: as the detector says; its process died
            1000     -> cmd-a.1 START node-1/orders
            1100   outcome cmd-a.1 FAILED
            1100     a.2 REFUSE PLANNING 5/5: start of node-1/orders was FAILED; would start node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 715 ms are left; passed over: free-port (unknown: port_held), start (attempt = 1), rollback (unknown: can_roll_back)
            1815     a.3 ACT ACTING 5/5: start of node-1/orders was FAILED; passed over: free-port (unknown: port_held), start (attempt = 1), rollback (unknown: can_roll_back)
            1815     -> cmd-a.3 START node-1/orders
            2400   outcome cmd-a.3 REJECTED NOT_ALLOWED
            2400     a.4 WAIT PLANNING 5/5: start of node-1/orders was FAILED; start of node-1/orders was REJECTED as NOT_ALLOWED; waiting up to 5 s for that to change or for process_exited to clear (wait 1 of 2)
            2500   status node-1/orders STARTING UNKNOWN 20 2
            3000   cleared a
            4000     a.5 RESOLVE RESOLVED SELF_RECOVERED 5/5: process_exited cleared 2 s after it was opened and stayed clear for 1 s; no action is known to have succeeded
            9000   tick
        "#]],
    );
}

#[test]
fn what_does_not_fit_waits_and_goes_on() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders latency_high
         1010 outcome cmd-a.1 FAILED
         1020 status node-1/orders STOPPED UNKNOWN 0 2
         1030 outcome cmd-a.2 FAILED
         2000 opened b node-2/orders cpu_high
         2000 status node-2/orders STOPPED UNKNOWN 0 2
         2010 outcome cmd-b.1 REJECTED NOT_ALLOWED
         60000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders latency_high
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1010   outcome cmd-a.1 FAILED
            1010     a.2 ACT ACTING 5/6: recover of node-1/orders was FAILED; its process is slow (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0); passed over: wait (dependency_hurt = false, calls_slow = false), wait (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0)
            1010     -> cmd-a.2 RESTART node-1/orders pid 10 generation 1
            1020   status node-1/orders STOPPED UNKNOWN 0 2
            1030   outcome cmd-a.2 FAILED
            1030     a.3 ESCALATE ESCALATED 6/6: restart of node-1/orders was FAILED; its 6 rungs are used up, a person is needed; nothing that may be done to it makes it faster: look at what it depends on, the way there, and the load; passed over: failover (dependency_hurt = false, replicas_up = 0, standby_available = false)
            2000   opened b node-2/orders cpu_high
            2000     b.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            2000     -> cmd-b.1 RESTART node-2/orders
            2000   status node-2/orders STOPPED UNKNOWN 0 2
            2010   outcome cmd-b.1 REJECTED NOT_ALLOWED
            2010     b.2 WAIT PLANNING 1/2: restart of node-2/orders was REJECTED as NOT_ALLOWED; waiting up to 6 s for that to change or for cpu_high to clear (wait 1 of 2)
            8010     b.3 WAIT PLANNING 2/2: cpu_high did not clear within 6 s, and restart did not become possible; restart is for running services; node-2/orders is stopped: start it; waiting up to 10 s for that to change or for cpu_high to clear (wait 1 of 2)
            18010    b.4 ESCALATE ESCALATED 2/2: cpu_high did not clear within 10 s, and restart did not become possible; its 2 rungs are used up, a person is needed; a new process burns as much: this is load or a defect, not a stuck process
            60000  tick
        "#]],
    );
}

#[test]
fn a_state_that_is_newer_than_the_incident_is_waited_for() {
    check(
        "0 control AUTO STOPPED
         1000 opened a node-1/orders process_exited
         2000 status node-1/orders STARTING UNKNOWN 20 2
         3000 control AUTO RELEASED
         4000 status node-1/orders RUNNING PASSING 20 2
         4500 status node-1/orders EXITED UNKNOWN 0 2
         5000 outcome cmd-a.3 SUCCEEDED",
        &expect![[r#"
            0      control AUTO STOPPED
            1000   opened a node-1/orders process_exited
            1000     a.1 REFUSE PLANNING 1/5: would start node-1/orders, because its process died, and does not: the safety lever is STOPPED (set by ada): nothing is done until it is released
            2000   status node-1/orders STARTING UNKNOWN 20 2
            3000   control AUTO RELEASED
            3000     a.2 WAIT PLANNING 1/5: start is for stopped services; node-1/orders is starting; waiting up to 5 s for that to change or for process_exited to clear (wait 1 of 2)
            4000   status node-1/orders RUNNING PASSING 20 2
            4500   status node-1/orders EXITED UNKNOWN 0 2
            4500     a.3 ACT ACTING 1/5: as the detector says; its process died
            4500     -> cmd-a.3 START node-1/orders generation 2
            5000   outcome cmd-a.3 SUCCEEDED
            5000     a.4 VERIFY VERIFYING 1/5: start of node-1/orders succeeded after 500 ms (pid 99); process_exited must clear within 5 s and stay clear for 1 s
        "#]],
    );
}

#[test]
fn one_at_a_time_per_service() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders cpu_high
         1000 opened b node-1/orders latency_high
         1500 outcome cmd-a.1 SUCCEEDED
         3000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            1000   opened b node-1/orders latency_high
            1000     b.1 REFUSE PLANNING 2/6: would recover node-1/orders, because its own state makes it slow (dependency_hurt = false), and does not: a command for a is in flight on node-1/orders, and one at a time is the limit; passed over: wait (dependency_hurt = false)
            1500   outcome cmd-a.1 SUCCEEDED
            1500     a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 500 ms (pid 10 to 99); cpu_high must clear within 6 s and stay clear for 1 s
            1500     b.2 REFUSE PLANNING 2/6: would recover node-1/orders, because its own state makes it slow (dependency_hurt = false), and does not: node-1/orders settles for 1 s after restart for a, which may have caused this; 1 s are left; passed over: wait (dependency_hurt = false)
            2500     b.3 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            2500     -> cmd-b.3 RECOVER node-1/orders pid 10 generation 1
            3000   tick
        "#]],
    );
}

#[test]
fn what_comes_back_goes_on_at_the_next_rung() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders latency_high
         1100 outcome cmd-a.1 SUCCEEDED
         2000 cleared a
         2500 opened b node-1/orders latency_high
         2900 outcome cmd-b.1 SUCCEEDED
         3500 cleared b
         6000 opened c node-1/orders latency_high
         20000 opened d node-1/orders latency_high",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders latency_high
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1100   outcome cmd-a.1 SUCCEEDED
            1100     a.2 VERIFY VERIFYING 2/6: recover of node-1/orders succeeded after 100 ms (pid 10 to 99); latency_high must clear within 6 s and stay clear for 1 s
            2000   cleared a
            2500   opened b node-1/orders latency_high
            2500     a.3 RESOLVE RESOLVED MERGED 2/6: latency_high of node-1/orders was opened again as b, which goes on from here
            2500     b.1 ACT ACTING 5/6: latency_high of node-1/orders is back 1.4 s after recover (rung 2) for a, within the cooldown of 5 s; its process is slow (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0); passed over: wait (dependency_hurt = false, calls_slow = false), wait (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0)
            2500     -> cmd-b.1 RESTART node-1/orders pid 10 generation 1
            2900   outcome cmd-b.1 SUCCEEDED
            2900     b.2 VERIFY VERIFYING 5/6: restart of node-1/orders succeeded after 400 ms (pid 10 to 99); latency_high must clear within 10 s and stay clear for 1 s
            3500   cleared b
            4500     b.3 RESOLVE RESOLVED REMEDIATED 5/6: latency_high cleared 600 ms after our restart and stayed clear for 1 s
            6000   opened c node-1/orders latency_high
            6000     c.1 ESCALATE ESCALATED 6/6: latency_high of node-1/orders is back 3.1 s after restart (rung 5) for b, within the cooldown of 5 s; its 6 rungs are used up, a person is needed; nothing that may be done to it makes it faster: look at what it depends on, the way there, and the load; passed over: failover (dependency_hurt = false, replicas_up = 0, standby_available = false)
            20000  opened d node-1/orders latency_high
            20000    c.2 RESOLVE RESOLVED MERGED 6/6: latency_high of node-1/orders was opened again as d, which goes on from here
            20000    d.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            20000    -> cmd-d.1 RECOVER node-1/orders pid 10 generation 1
        "#]],
    );
}

#[test]
fn at_most_four_commands_are_in_flight() {
    check(
        "1000 opened a node-1/a cpu_high
         1000 opened b node-2/b cpu_high
         1000 opened c node-3/c cpu_high
         1000 opened d node-4/d cpu_high
         1000 opened e node-5/e cpu_high
         1500 outcome cmd-a.1 SUCCEEDED",
        &expect![[r#"
            1000   opened a node-1/a cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/a
            1000   opened b node-2/b cpu_high
            1000     b.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-b.1 RESTART node-2/b
            1000   opened c node-3/c cpu_high
            1000     c.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-c.1 RESTART node-3/c
            1000   opened d node-4/d cpu_high
            1000     d.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-d.1 RESTART node-4/d
            1000   opened e node-5/e cpu_high
            1000     e.1 REFUSE PLANNING 1/2: would restart node-5/e, because it burns CPU itself, and does not: 4 commands are in flight, and 4 is the limit
            1500   outcome cmd-a.1 SUCCEEDED
            1500     a.2 VERIFY VERIFYING 1/2: restart of node-1/a succeeded after 500 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            1500     e.2 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1500     -> cmd-e.2 RESTART node-5/e
        "#]],
    );
}

#[test]
fn the_cause_is_acted_on_and_the_symptom_verified() {
    check(
        "0 status node-2/ledger RUNNING PASSING 7 3
         1000 opened a node-1/orders latency_high node-2/ledger",
        &expect![[r#"
            0      status node-2/ledger RUNNING PASSING 7 3
            1000   opened a node-1/orders latency_high node-2/ledger
            1000     a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-2/ledger pid 7 generation 3
        "#]],
    );
}

#[test]
fn a_restart_issues_the_same_command_again_while_it_is_good() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         1000 opened a node-1/orders cpu_high
         2000 restart
         2500 outcome cmd-a.1 SUCCEEDED
         2600 restart
         4000 cleared a
         4500 restart
         9000 restart
         9000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            2000   restart
            2000     -> cmd-a.1 RESTART node-1/orders pid 10 generation 1
            2500   outcome cmd-a.1 SUCCEEDED
            2500     a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 1.5 s (pid 10 to 99); cpu_high must clear within 6 s and stay clear for 1 s
            2600   restart
            4000   cleared a
            4500   restart
            5000     a.3 RESOLVE RESOLVED REMEDIATED 1/2: cpu_high cleared 1.5 s after our restart and stayed clear for 1 s
            9000   restart
            9000   tick
        "#]],
    );
}

#[test]
fn a_restart_after_the_command_has_expired_waits_for_what_may_still_come() {
    check(
        "1000 opened a node-1/orders cpu_high
         15000 restart
         30000 tick",
        &expect![[r#"
            1000   opened a node-1/orders cpu_high
            1000     a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            1000     -> cmd-a.1 RESTART node-1/orders
            15000  restart
            22000    a.2 ACT ACTING 2/2: no outcome of cmd-a.1 within 21 s: restart of node-1/orders is UNKNOWN, which is not taken for success
            22000    -> cmd-a.2 RESTART node-1/orders
            30000  tick
        "#]],
    );
}

#[test]
fn duplicates_and_latecomers_change_nothing() {
    let mut scene = Scene::with(Playbooks::built_in().unwrap(), false);
    scene.play("1000 opened a node-1/orders cpu_high");
    scene.play("1500 outcome cmd-a.1 SUCCEEDED");
    scene.play("3500 cleared a");
    scene.play("9000 tick");
    let told = scene.transcript.clone();
    let opened = event(
        IncidentEventKind::Opened,
        "a",
        1,
        "node-1/orders",
        "cpu_high",
        (at(1000), at(1000)),
    );
    let cleared = scene.opened["a"].clone();
    let command = scene.commands[0].clone();
    let succeeded = outcome(
        &command,
        arena_proto::CommandState::Succeeded,
        None,
        at(1500),
    );
    for input in [
        Input::Incident(opened),
        Input::Incident(cleared),
        Input::Outcome(succeeded),
        Input::Restore(scene.plans[0].clone()),
    ] {
        assert_eq!(scene.remediator.step(at(9000), input), []);
    }
    assert_eq!(scene.transcript, told);
    assert_eq!(scene.remediator.open_incidents(), 0);
}

#[test]
fn a_refusal_is_told_anew_at_once_when_another_incident_takes_the_service() {
    check(
        "0 status node-1/orders RUNNING PASSING 10 1
         0 opened a node-1/orders latency_high
         1 outcome cmd-a.1 REJECTED NOT_ALLOWED
         2 opened b node-1/orders process_exited
         7000 outcome cmd-b.1 FAILED
         7000 tick",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            0      opened a node-1/orders latency_high
            0        a.1 ACT ACTING 2/6: as the detector says; its own state makes it slow (dependency_hurt = false); passed over: wait (dependency_hurt = false)
            0        -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1      outcome cmd-a.1 REJECTED NOT_ALLOWED
            1        a.2 WAIT PLANNING 2/6: recover of node-1/orders was REJECTED as NOT_ALLOWED; waiting up to 6 s for that to change or for latency_high to clear (wait 1 of 2)
            2      opened b node-1/orders process_exited
            2        b.1 ACT ACTING 1/5: as the detector says; its process died
            2        -> cmd-b.1 START node-1/orders generation 1
            6001     a.3 REFUSE PLANNING 2/6: would recover node-1/orders, because its own state makes it slow (dependency_hurt = false), and does not: a command for b is in flight on node-1/orders, and one at a time is the limit
            7000   outcome cmd-b.1 FAILED
            7000     a.4 REFUSE PLANNING 2/6: would recover node-1/orders, because its own state makes it slow (dependency_hurt = false), and does not: node-1/orders settles for 1 s after start for b, which may have caused this; 1 s are left
            7000     b.2 ACT ACTING 5/5: start of node-1/orders was FAILED; passed over: free-port (port_held = false), start (attempt = 1), rollback (can_roll_back = false)
            7000     -> cmd-b.2 START node-1/orders generation 1
            7000     a.5 REFUSE PLANNING 2/6: would recover node-1/orders, because its own state makes it slow (dependency_hurt = false), and does not: a command for b is in flight on node-1/orders, and one at a time is the limit
            7000   tick
        "#]],
    );
}

#[test]
fn a_service_that_dies_while_it_is_treated_for_something_else_is_started() {
    check(
        "
        0 opened a node-1/orders cpu_high
        10 outcome cmd-a.1 SUCCEEDED
        1000 updated a cpu_high=NO_DATA process_exited=FIRING
        5100 outcome cmd-a.3 SUCCEEDED
        5200 updated a cpu_high=NO_DATA process_exited=RESOLVED
        6200 cleared a cpu_high=RESOLVED process_exited=RESOLVED
        7300 tick
        ",
        &expect![[r#"
            0      opened a node-1/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-1/orders
            10     outcome cmd-a.1 SUCCEEDED
            10       a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 10 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            1000   updated a cpu_high=NO_DATA process_exited=FIRING
            5000     a.3 ACT ACTING 1/5: process_exited of node-1/orders took the place of cpu_high; its process died
            5000     -> cmd-a.3 START node-1/orders
            5100   outcome cmd-a.3 SUCCEEDED
            5100     a.4 VERIFY VERIFYING 1/5: start of node-1/orders succeeded after 100 ms (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            5200   updated a cpu_high=NO_DATA process_exited=RESOLVED
            6200   cleared a cpu_high=RESOLVED process_exited=RESOLVED
            7200     a.5 RESOLVE RESOLVED REMEDIATED 1/5: process_exited cleared 1.1 s after our start and stayed clear for 1 s
            7300   tick
        "#]],
    );
}

#[test]
fn what_lingers_is_not_acted_on() {
    check(
        "
        0 opened a node-1/orders cpu_high
        10 outcome cmd-a.1 SUCCEEDED
        2000 updated a cpu_high=RESOLVED latency_high=FIRING
        5000 cleared a cpu_high=RESOLVED latency_high=RESOLVED
        6100 tick
        ",
        &expect![[r#"
            0      opened a node-1/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-1/orders
            10     outcome cmd-a.1 SUCCEEDED
            10       a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 10 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            2000   updated a cpu_high=RESOLVED latency_high=FIRING
            5000   cleared a cpu_high=RESOLVED latency_high=RESOLVED
            6000     a.3 RESOLVE RESOLVED REMEDIATED 1/2: cpu_high cleared 4.9 s after our restart and stayed clear for 1 s
            6100   tick
        "#]],
    );
}

#[test]
fn an_incident_that_was_escalated_is_taken_up_again_when_its_service_dies() {
    check(
        "
        0 opened a node-1/orders cpu_high
        0 outcome cmd-a.1 FAILED
        2000 outcome cmd-a.3 FAILED
        60000 updated a cpu_high=NO_DATA process_exited=FIRING
        64100 restart
        64100 outcome cmd-a.5 SUCCEEDED
        65000 updated a cpu_high=FIRING process_exited=RESOLVED
        69100 tick
        ",
        &expect![[r#"
            0      opened a node-1/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-1/orders
            0      outcome cmd-a.1 FAILED
            0        a.2 REFUSE PLANNING 2/2: restart of node-1/orders was FAILED; would restart node-1/orders, and does not: node-1/orders was started or restarted once: the next may come 815 ms after the last; 815 ms are left
            815      a.3 ACT ACTING 2/2: restart of node-1/orders was FAILED
            815      -> cmd-a.3 RESTART node-1/orders
            2000   outcome cmd-a.3 FAILED
            2000     a.4 ESCALATE ESCALATED 2/2: restart of node-1/orders was FAILED; its 2 rungs are used up, a person is needed; a new process burns as much: this is load or a defect, not a stuck process
            60000  updated a cpu_high=NO_DATA process_exited=FIRING
            64000    a.5 ACT ACTING 1/5: process_exited of node-1/orders took the place of cpu_high; its process died
            64000    -> cmd-a.5 START node-1/orders
            64100  restart
            64100    -> cmd-a.5 START node-1/orders
            64100  outcome cmd-a.5 SUCCEEDED
            64100    a.6 VERIFY VERIFYING 1/5: start of node-1/orders succeeded after 100 ms (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            65000  updated a cpu_high=FIRING process_exited=RESOLVED
            69000    a.7 ACT ACTING 1/2: cpu_high of node-1/orders took the place of process_exited; it burns CPU itself
            69000    -> cmd-a.7 RESTART node-1/orders
            69100  tick
        "#]],
    );
}

#[test]
fn a_service_that_shows_one_symptom_after_the_other_is_left_to_a_person() {
    check(
        "
        0 opened a node-1/orders cpu_high
        0 outcome cmd-a.1 SUCCEEDED
        1000 updated a cpu_high=RESOLVED process_exited=FIRING
        5100 outcome cmd-a.3 SUCCEEDED
        5100 updated a cpu_high=FIRING process_exited=RESOLVED
        9200 outcome cmd-a.5 SUCCEEDED
        9200 updated a cpu_high=RESOLVED process_exited=FIRING
        15000 outcome cmd-a.8 SUCCEEDED
        15000 updated a cpu_high=FIRING process_exited=RESOLVED
        30000 outcome cmd-a.11 SUCCEEDED
        30000 updated a cpu_high=RESOLVED process_exited=FIRING
        60000 tick
        ",
        &expect![[r#"
            0      opened a node-1/orders cpu_high
            0        a.1 ACT ACTING 1/2: as the detector says; it burns CPU itself
            0        -> cmd-a.1 RESTART node-1/orders
            0      outcome cmd-a.1 SUCCEEDED
            0        a.2 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 0 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            1000   updated a cpu_high=RESOLVED process_exited=FIRING
            5000     a.3 ACT ACTING 1/5: process_exited of node-1/orders took the place of cpu_high; its process died
            5000     -> cmd-a.3 START node-1/orders
            5100   outcome cmd-a.3 SUCCEEDED
            5100     a.4 VERIFY VERIFYING 1/5: start of node-1/orders succeeded after 100 ms (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            5100   updated a cpu_high=FIRING process_exited=RESOLVED
            9100     a.5 ACT ACTING 1/2: cpu_high of node-1/orders took the place of process_exited; it burns CPU itself
            9100     -> cmd-a.5 RESTART node-1/orders
            9200   outcome cmd-a.5 SUCCEEDED
            9200     a.6 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 100 ms (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            9200   updated a cpu_high=RESOLVED process_exited=FIRING
            13200    a.7 REFUSE PLANNING 1/5: process_exited of node-1/orders took the place of cpu_high; would start node-1/orders, because its process died, and does not: node-1/orders was started or restarted 3 times in a row: the next may come 4.4 s after the last; 336 ms are left
            13536    a.8 ACT ACTING 1/5: process_exited of node-1/orders took the place of cpu_high; its process died
            13536    -> cmd-a.8 START node-1/orders
            15000  outcome cmd-a.8 SUCCEEDED
            15000    a.9 VERIFY VERIFYING 1/5: start of node-1/orders succeeded after 1.4 s (pid 99); process_exited must clear within 5 s and stay clear for 1 s
            15000  updated a cpu_high=FIRING process_exited=RESOLVED
            19000    a.10 REFUSE PLANNING 1/2: cpu_high of node-1/orders took the place of process_exited; would restart node-1/orders, because it burns CPU itself, and does not: node-1/orders was started or restarted 4 times in a row: the next may come 7.2 s after the last; 1.7 s are left
            20776    a.11 ACT ACTING 1/2: cpu_high of node-1/orders took the place of process_exited; it burns CPU itself
            20776    -> cmd-a.11 RESTART node-1/orders
            30000  outcome cmd-a.11 SUCCEEDED
            30000    a.12 VERIFY VERIFYING 1/2: restart of node-1/orders succeeded after 9.2 s (pid 99); cpu_high must clear within 6 s and stay clear for 1 s
            30000  updated a cpu_high=RESOLVED process_exited=FIRING
            36000    a.13 ACT ACTING 2/2: restart of node-1/orders did not clear cpu_high within 6 s
            36000    -> cmd-a.13 RESTART node-1/orders
            57000    a.14 ESCALATE ESCALATED 2/2: no outcome of cmd-a.13 within 21 s: restart of node-1/orders is UNKNOWN, which is not taken for success; its 2 rungs are used up, a person is needed; a new process burns as much: this is load or a defect, not a stuck process
            60000  tick
        "#]],
    );
}

/// An alert's end is heard minutes after it, and says when it was.
#[test]
fn an_alert_gets_the_gentle_step_and_the_time_that_its_end_takes() {
    check(
        "
        0 status node-1/orders RUNNING PASSING 10 1
        1000 opened a node-1/orders alert_firing
        1100 outcome cmd-a.1 SUCCEEDED
        300000 cleared a alert_firing=RESOLVED@15000
        301000 tick
        400000 opened b node-1/orders alert_firing
        400100 outcome cmd-b.1 SUCCEEDED
        820200 tick
        900000 cleared b alert_firing=RESOLVED@450000
        901000 tick
        ",
        &expect![[r#"
            0      status node-1/orders RUNNING PASSING 10 1
            1000   opened a node-1/orders alert_firing
            1000     a.1 ACT ACTING 2/3: as the detector says; an alert fires for it, and its own state may be why (state = "RUNNING"); passed over: wait (dependency_hurt = false)
            1000     -> cmd-a.1 RECOVER node-1/orders pid 10 generation 1
            1100   outcome cmd-a.1 SUCCEEDED
            1100     a.2 VERIFY VERIFYING 2/3: recover of node-1/orders succeeded after 100 ms (pid 10 to 99); alert_firing must clear within 420 s and stay clear for 1 s
            300000 cleared a alert_firing=RESOLVED@15000
            301000 tick
            301000   a.3 RESOLVE RESOLVED REMEDIATED 2/3: alert_firing cleared 298.9 s after our recover and stayed clear for 1 s
            400000 opened b node-1/orders alert_firing
            400000   b.1 ACT ACTING 3/3: alert_firing of node-1/orders is back 398.9 s after recover (rung 2) for a, within the cooldown of 600 s; an alert fires for it, and its process may be why (state = "RUNNING")
            400000   -> cmd-b.1 RESTART node-1/orders pid 10 generation 1
            400100 outcome cmd-b.1 SUCCEEDED
            400100   b.2 VERIFY VERIFYING 3/3: restart of node-1/orders succeeded after 100 ms (pid 10 to 99); alert_firing must clear within 420 s and stay clear for 1 s
            820100   b.3 ESCALATE ESCALATED 3/3: restart of node-1/orders did not clear alert_firing within 420 s; its 3 rungs are used up, a person is needed; no step that may be taken without knowing what its rule measures ended it: read what the alert says
            820200 tick
            900000 cleared b alert_firing=RESOLVED@450000
            901000 tick
            901000   b.4 RESOLVE RESOLVED REMEDIATED 3/3: late, after it was escalated; alert_firing was calm 50 s after our restart, which was told late, and stayed clear for 1 s
        "#]],
    );
}

#[test]
fn nothing_is_sent_where_no_agent_is() {
    check(
        "
        0 status node-1/orders RUNNING NONE 0 1 no-agent
        1000 opened a node-1/orders cpu_high
        2000 cleared a
        3000 tick
        4000 opened b node-1/orders latency_high
        5000 status node-2/orders STOPPED NONE 0 1 standby no-agent
        6000 opened c node-3/orders storage_latency_high
        ",
        &expect![[r#"
            0      status node-1/orders RUNNING NONE 0 1 no-agent
            1000   opened a node-1/orders cpu_high
            1000     a.1 ESCALATE ESCALATED 2/2: none of its 2 rungs applies, a person is needed; a new process burns as much: this is load or a defect, not a stuck process; passed over: restart (nothing can be done to node-1: it has no agent, it is only told of over HTTP), restart (nothing can be done to node-1: it has no agent, it is only told of over HTTP)
            2000   cleared a
            3000   tick
            3000     a.2 RESOLVE RESOLVED SELF_RECOVERED 2/2: late, after it was escalated; cpu_high cleared 1 s after it was opened and stayed clear for 1 s; no action is known to have succeeded
            4000   opened b node-1/orders latency_high
            4000     b.1 ESCALATE ESCALATED 6/6: none of its 6 rungs applies, a person is needed; nothing that may be done to it makes it faster: look at what it depends on, the way there, and the load; passed over: wait (dependency_hurt = false), recover (nothing can be done to node-1: it has no agent, it is only told of over HTTP), wait (dependency_hurt = false, calls_slow = false), wait (dependency_hurt = false, calls_slow = false, replicas_hurt = 0, replicas_up = 0), restart (nothing can be done to node-1: it has no agent, it is only told of over HTTP), failover (dependency_hurt = false, replicas_up = 0, standby_available = false)
            5000   status node-2/orders STOPPED NONE 0 1 standby no-agent
            6000   opened c node-3/orders storage_latency_high
            6000     c.1 ACT ACTING 1/3: as the detector says; its process holds up its own disk access
            6000     -> cmd-c.1 RESTART node-3/orders
        "#]],
    );
}
