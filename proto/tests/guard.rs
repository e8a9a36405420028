//! The guard's whole table: every action against every state.

use std::fmt::Write;

use arena_proto::{ActionKind, ProcessState, check_action};
use expect_test::expect;

#[test]
fn every_action_against_every_state() {
    let mut table = String::new();
    for action in ActionKind::ALL {
        for state in ProcessState::ALL {
            let verdict = match check_action(*action, "orders", *state) {
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
