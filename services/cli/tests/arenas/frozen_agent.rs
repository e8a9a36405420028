//! An agent that is frozen: what it last wrote is not what is, nothing is offered, and its faults are not told as over.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use arena_testkit::{Arena, ArenaBuilder, Frozen, wait_for};
use serde_json::Value;

use crate::{ONE_NODE, TURNS};

fn run(arena: &Arena, arguments: &[&str]) -> String {
    let output = arena.run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "arena {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn status(arena: &Arena) -> Value {
    arena.json(&["status", "--json"])
}

#[tokio::test]
async fn its_faults_are_overdue_and_nothing_is_offered_until_it_answers() {
    let _turn = TURNS.one().await;
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), ONE_NODE)
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .start();
    run(&arena, &["mode", "observe"]);
    run(&arena, &["inject", "hang", "laptop/web", "--for", "8s"]);
    let frozen = Frozen::new(arena.processes_of("arena-node"));
    let late = wait_for("the fault to be overdue", async || {
        let status = status(&arena);
        (status["faults"][0]["overdue"] == true).then_some(status)
    })
    .await;
    assert_eq!(late["faults"][0]["state"], "ACTIVE", "as it stood");
    assert_eq!(late["faults_active"], 1);
    let web = &late["nodes"][0]["services"][0];
    assert_eq!(web["state"], "NO_DATA");
    for action in web["actions"].as_array().unwrap() {
        let reason = "the agent of laptop does not answer: it would drop what it is asked";
        assert_eq!(action["allowed"], false);
        assert_eq!(action["reason"], reason, "{}", action["action"]);
    }
    assert!(run(&arena, &["status"]).contains("due to end at "));
    drop(frozen);
    wait_for("the fault to be over", async || {
        (status(&arena)["faults_active"] == 0).then_some(())
    })
    .await;
}
