//! A villain on a real arena: started, shown and stopped by the commands that people have; and what they are told of the faults.

use arena_testkit::{Arena, ArenaBuilder, wait_for};
use serde_json::Value;

use crate::TURNS;

const ONE_NODE: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "orders"
command = ["arena-workload", "orders", "--port", "{port}"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "200ms", failures = 3 }

[[node.service]]
name = "sleeper"
command = ["sleep", "1000"]
"#;

fn start() -> Arena {
    ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), ONE_NODE)
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .start()
}

fn status(arena: &Arena) -> Value {
    arena.json(&["villain", "status", "--json"])
}

/// What a failed command said on stderr, and its exit code.
fn refused(arena: &Arena, arguments: &[&str]) -> (Option<i32>, String) {
    let output = arena.run(arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), told)
}

#[tokio::test]
async fn a_villain_is_started_shown_and_stopped() {
    let _turn = TURNS.one().await;
    let arena = start();
    assert_eq!(status(&arena)["state"], "STOPPED");
    assert_eq!(refused(&arena, &["villain", "stop"]).0, Some(3));

    let random = [
        "villain", "start", "random", "--seed", "7", "--faults", "gray", "--each", "60s",
    ];
    let output = arena.run(&random);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("random, seed 7: RUNNING"),
        "{told}"
    );
    let made = wait_for("its fault to be active", async || {
        let fault = status(&arena)["faults"][0].clone();
        (fault["state"] == "ACTIVE").then_some(fault)
    })
    .await;
    // Only a service that the sidecar carries requests for can take it.
    assert_eq!(made["target"], "node-1/orders");
    let (code, told) = refused(&arena, &random);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("a villain is there already: random (seed 7)"),
        "{told}"
    );

    let output = arena.run(&["villain", "stop"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && told.contains("REVERT_REQUESTED"),
        "{told}"
    );
    let status = status(&arena);
    assert_eq!(status["state"], "STOPPED");
    assert_eq!(status["faults"][0]["state"], "REVERTED");

    what_is_wrong_is_told_with_what_is_allowed(&arena);
    the_catalogue_says_who_can_take_what(&arena);
    a_node_is_a_target_too(&arena);
}

fn what_is_wrong_is_told_with_what_is_allowed(arena: &Arena) {
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["villain", "start", "random", "--at-once", "9"],
            1,
            "at_once is 9: allowed 1 to 8",
        ),
        (
            &["villain", "start", "random", "--faults", "hagn"],
            2,
            "a similar value exists: \'hang\'",
        ),
        (
            &["villain", "start", "scripted", "hang-egde"],
            3,
            "did you mean hang-edge?",
        ),
        (
            &["inject", "network-delay", "node-1/orders", "latency=1h"],
            1,
            "allowed 1ms to 30s",
        ),
        (&["inject", "hang", "node-1/oders"], 3, "node-1/orders"),
    ];
    for (arguments, code, told) in cases {
        let (exit, text) = refused(arena, arguments);
        assert_eq!(exit, Some(code), "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
}

fn the_catalogue_says_who_can_take_what(arena: &Arena) {
    let report = arena.json(&["faults", "gray", "--json"]);
    assert_eq!(report["arena"], true);
    let targets = &report["faults"][0]["targets"];
    assert_eq!(targets[0]["target"], "node-1/orders");
    assert_eq!(targets[0]["possible"], true);
    assert_eq!(targets[1]["possible"], false);
    let why = targets[1]["why_not"].as_str().unwrap_or_default();
    assert!(why.contains("an http health check"), "{why}");
    let all = arena.json(&["faults", "--json"]);
    assert_eq!(
        all["faults"].as_array().map(Vec::len),
        Some(arena_faults::CATALOGUE.len())
    );
}

fn a_node_is_a_target_too(arena: &Arena) {
    let output = arena.run(&["inject", "telemetry-delay", "node-1", "--for", "60s"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && told.contains("telemetry-delay on node-1 is ACTIVE"),
        "{told}"
    );
    assert!(arena.run(&["revert", "all"]).status.success());
    let (code, told) = refused(arena, &["inject", "hang", "node-1"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("write node-1/SERVICE"), "{told}");
}

#[test]
fn without_an_arena_there_is_the_catalogue_alone() {
    let command = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_arena"))
            .args(arguments)
            // Nobody listens there.
            .args(["--nats-url", "nats://127.0.0.1:9"])
            .output()
            .expect("arena runs");
        assert!(output.status.success(), "{output:?}");
        output
    };
    let report = command(&["faults", "--json"]);
    let report: Value = serde_json::from_slice(&report.stdout).expect("stdout is JSON");
    assert_eq!(report["arena"], false);
    assert_eq!(
        report["faults"][0]["targets"].as_array().map(Vec::len),
        Some(0)
    );
    let told = command(&["faults", "network-delay"]);
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        text.contains("1ms to 30s") && text.contains("at most the latency"),
        "{text}"
    );
    let aside = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(aside.contains("no arena is running"), "{aside}");
}
