//! The guard's whole table: every action against every state.

use std::fmt::Write;

use arena_proto::{ActionKind, ProcessState, ServiceDetail, Timestamp, check_action};
use expect_test::expect;

#[test]
fn every_action_on_a_process_against_every_state() {
    let mut table = String::new();
    let on_a_process = &ActionKind::ALL[..5];
    for action in on_a_process {
        for state in ProcessState::ALL {
            let verdict = match check_action(*action, "orders", *state, &ServiceDetail::default()) {
                Ok(()) => "ok".to_owned(),
                Err(refusal) => refusal.to_string(),
            };
            writeln!(table, "{action:7} {state:8} {verdict}").unwrap();
        }
    }
    expect![[r#"
        START   STOPPED  ok
        START   STARTING start is for stopped services; orders is starting
        START   RUNNING  start is for stopped services; orders is running
        START   BACKOFF  ok
        START   STOPPING orders is stopping: wait until it has stopped
        START   EXITED   ok
        START   FATAL    ok
        STOP    STOPPED  orders is stopped already
        STOP    STARTING ok
        STOP    RUNNING  ok
        STOP    BACKOFF  ok
        STOP    STOPPING orders is stopping: wait until it has stopped
        STOP    EXITED   ok
        STOP    FATAL    ok
        KILL    STOPPED  kill is for running services; orders is stopped and has no process
        KILL    STARTING ok
        KILL    RUNNING  ok
        KILL    BACKOFF  kill is for running services; orders is waiting to be started again and has no process
        KILL    STOPPING ok
        KILL    EXITED   kill is for running services; orders is dead and has no process
        KILL    FATAL    kill is for running services; orders is given up and has no process
        RESTART STOPPED  restart is for running services; orders is stopped: start it
        RESTART STARTING ok
        RESTART RUNNING  ok
        RESTART BACKOFF  ok
        RESTART STOPPING orders is stopping: wait until it has stopped
        RESTART EXITED   ok
        RESTART FATAL    ok
        RECOVER STOPPED  recover is for running services; orders is stopped: start it
        RECOVER STARTING recover is for running services; orders is starting: wait
        RECOVER RUNNING  ok
        RECOVER BACKOFF  recover is for running services; orders is waiting to be started again: start it
        RECOVER STOPPING recover is for running services; orders is stopping: wait
        RECOVER EXITED   recover is for running services; orders is dead: start it
        RECOVER FATAL    recover is for running services; orders is given up: start it
    "#]].assert_eq(&table);
}

#[test]
fn nothing_is_done_where_no_agent_is() {
    let detail = ServiceDetail {
        no_agent: true,
        ..ServiceDetail::default()
    };
    for action in ActionKind::ALL {
        for state in ProcessState::ALL {
            let refusal = check_action(*action, "orders", *state, &detail).unwrap_err();
            assert_eq!(
                refusal.sentence,
                "nothing can be done to orders: its node has no agent, it is only told of over HTTP"
            );
        }
    }
}

/// The other actions depend on what was done to the service, and on what can be.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_other_action_with_and_without_what_it_needs() {
    let ready = ServiceDetail {
        drained: true,
        throttled: Some((Timestamp::EPOCH, 50)),
        port_holder: Some((812, "python3 -m http.server".to_owned())),
        can_roll_back: true,
        can_clean_disk: true,
        ..ServiceDetail::default()
    };
    let mut table = String::new();
    for action in &ActionKind::ALL[5..] {
        for (name, detail) in [("bare", &ServiceDetail::default()), ("ready", &ready)] {
            for state in [
                ProcessState::Running,
                ProcessState::Stopping,
                ProcessState::Exited,
            ] {
                let verdict = match check_action(*action, "orders", state, detail) {
                    Ok(()) => "ok".to_owned(),
                    Err(refusal) => refusal.to_string(),
                };
                writeln!(table, "{action:12} {name:5} {state:8} {verdict}").unwrap();
            }
        }
    }
    expect![[r#"
        DRAIN        bare  RUNNING  ok
        DRAIN        bare  STOPPING ok
        DRAIN        bare  EXITED   ok
        DRAIN        ready RUNNING  orders is drained already
        DRAIN        ready STOPPING orders is drained already
        DRAIN        ready EXITED   orders is drained already
        UNDRAIN      bare  RUNNING  orders is not drained
        UNDRAIN      bare  STOPPING orders is not drained
        UNDRAIN      bare  EXITED   orders is not drained
        UNDRAIN      ready RUNNING  ok
        UNDRAIN      ready STOPPING ok
        UNDRAIN      ready EXITED   ok
        THROTTLE     bare  RUNNING  ok
        THROTTLE     bare  STOPPING throttle is for running services; orders is stopping
        THROTTLE     bare  EXITED   throttle is for running services; orders is dead
        THROTTLE     ready RUNNING  ok
        THROTTLE     ready STOPPING throttle is for running services; orders is stopping
        THROTTLE     ready EXITED   throttle is for running services; orders is dead
        UNTHROTTLE   bare  RUNNING  orders is not throttled
        UNTHROTTLE   bare  STOPPING orders is not throttled
        UNTHROTTLE   bare  EXITED   orders is not throttled
        UNTHROTTLE   ready RUNNING  ok
        UNTHROTTLE   ready STOPPING ok
        UNTHROTTLE   ready EXITED   ok
        ROLLBACK     bare  RUNNING  orders has no earlier version that was healthy to roll back to
        ROLLBACK     bare  STOPPING orders has no earlier version that was healthy to roll back to
        ROLLBACK     bare  EXITED   orders has no earlier version that was healthy to roll back to
        ROLLBACK     ready RUNNING  ok
        ROLLBACK     ready STOPPING orders is stopping: wait until it has stopped
        ROLLBACK     ready EXITED   ok
        CLEAN_DISK   bare  RUNNING  orders does not say what may be deleted (`clean` in arena.toml)
        CLEAN_DISK   bare  STOPPING orders does not say what may be deleted (`clean` in arena.toml)
        CLEAN_DISK   bare  EXITED   orders does not say what may be deleted (`clean` in arena.toml)
        CLEAN_DISK   ready RUNNING  ok
        CLEAN_DISK   ready STOPPING ok
        CLEAN_DISK   ready EXITED   ok
        FREE_PORT    bare  RUNNING  no foreign process holds the port of orders
        FREE_PORT    bare  STOPPING no foreign process holds the port of orders
        FREE_PORT    bare  EXITED   no foreign process holds the port of orders
        FREE_PORT    ready RUNNING  ok
        FREE_PORT    ready STOPPING orders is stopping: wait until it has stopped
        FREE_PORT    ready EXITED   ok
        QUARANTINE   bare  RUNNING  quarantine is for a node, not for a service
        QUARANTINE   bare  STOPPING quarantine is for a node, not for a service
        QUARANTINE   bare  EXITED   quarantine is for a node, not for a service
        QUARANTINE   ready RUNNING  quarantine is for a node, not for a service
        QUARANTINE   ready STOPPING quarantine is for a node, not for a service
        QUARANTINE   ready EXITED   quarantine is for a node, not for a service
        UNQUARANTINE bare  RUNNING  unquarantine is for a node, not for a service
        UNQUARANTINE bare  STOPPING unquarantine is for a node, not for a service
        UNQUARANTINE bare  EXITED   unquarantine is for a node, not for a service
        UNQUARANTINE ready RUNNING  unquarantine is for a node, not for a service
        UNQUARANTINE ready STOPPING unquarantine is for a node, not for a service
        UNQUARANTINE ready EXITED   unquarantine is for a node, not for a service
    "#]]
    .assert_eq(&table);
}
