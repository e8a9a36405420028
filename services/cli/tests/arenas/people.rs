//! What people do with the tool they have in their fingers: the real `nats` CLI.
//!
//! Where it is not installed the test says so loudly and passes; with `ARENA_REQUIRE_TOOLS` set, as in CI, it fails.

use std::path::Path;
use std::process::{Command, Stdio};

use arena_testkit::{Arena, ArenaBuilder, wait_for};

use crate::TURNS;

const ONE_NODE: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "orders"
command = ["arena-workload", "orders", "--port", "{port}"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "200ms", failures = 3 }
"#;

fn start() -> Arena {
    ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), ONE_NODE)
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .start()
}

/// Is this tool here? If not, says what is not tested for want of it.
fn have(tool: &str, probe: &[&str], mend: &str) -> bool {
    let found = Command::new(tool)
        .args(probe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        std::env::var_os("ARENA_REQUIRE_TOOLS").is_none(),
        "{tool} is not here: {mend}"
    );
    eprintln!("\n*** NOT TESTED: {tool} {probe:?} does not run here. {mend} ***\n");
    false
}

/// The `nats` CLI on this arena's bus, with `arena` on its PATH for `--translate`.
fn nats_command(arena: &Arena, arguments: &[&str]) -> Command {
    let folder = Path::new(env!("CARGO_BIN_EXE_arena"))
        .parent()
        .expect("a binary has a folder");
    let path = format!(
        "{}:{}",
        folder.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut command = Command::new("nats");
    command
        .args(["--server", &arena.nats_url])
        .args(arguments)
        .env("PATH", path)
        // `arena decode` asks the bus for the names of the columns.
        .env("NATS_URL", &arena.nats_url);
    command
}

fn nats(arena: &Arena, arguments: &[&str]) -> String {
    let output = nats_command(arena, arguments).output().expect("nats runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "nats {arguments:?}: {said}{errors}"
    );
    said
}

fn incident_count(arena: &Arena) -> usize {
    arena
        .json(&["incidents", "--json"])
        .as_array()
        .map_or(0, Vec::len)
}

fn pid_of_orders(arena: &Arena) -> serde_json::Value {
    arena.json(&["status", "--json"])["nodes"][0]["services"][0]["pid"].clone()
}

#[tokio::test]
async fn the_nats_cli_reads_and_writes_the_bus() {
    let _turn = TURNS.one().await;
    let mend = "Install it: go install github.com/nats-io/natscli/nats@latest.";
    if !have("nats", &["--version"], mend) {
        return;
    }
    let arena = start();
    the_services_api_lists_everybody(&arena);
    telemetry_reads_through_translate(&arena);
    a_fault_by_hand_becomes_an_incident_that_reads(&arena).await;
    a_command_by_hand_is_done(&arena).await;
    assert!(nats(&arena, &["kv", "get", "status", "node-1", "--raw"]).contains("\"RUNNING\""));
}

fn the_services_api_lists_everybody(arena: &Arena) {
    let services = nats(arena, &["micro", "ls"]);
    for name in ["node", "detector", "remediator", "injector", "recorder"] {
        assert!(services.contains(name), "{services}");
    }
    assert!(nats(arena, &["micro", "info", "recorder"]).contains("incidents"));
    nats(arena, &["micro", "stats", "recorder"]);
}

fn telemetry_reads_through_translate(arena: &Arena) {
    let translate = ["--translate", "arena decode {{Subject}}"];
    let subscribe = ["sub", "arena.telemetry.>", "--count", "2"];
    let telemetry = nats(arena, &[&subscribe[..], &translate].concat());
    assert!(
        telemetry.contains("orders") && telemetry.contains("cpu_percent"),
        "{telemetry}"
    );
}

async fn a_fault_by_hand_becomes_an_incident_that_reads(arena: &Arena) {
    let mut listening = nats_command(arena, &["sub", "arena.incident.>", "--count", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats runs");
    let fault = r#"{"op":"APPLY","fault":"crash","service":"orders","ttl":"30s"}"#;
    // The listener may not listen yet: a crash that it misses is followed by another.
    wait_for("the listener to hear an incident", async || {
        let before = incident_count(arena);
        nats(arena, &["pub", "arena.fault.node-1", fault]);
        wait_for("the incident", async || {
            (incident_count(arena) > before).then_some(())
        })
        .await;
        wait_for("the cure", async || {
            arena
                .run(&["status", "--exit-code"])
                .status
                .success()
                .then_some(())
        })
        .await;
        listening.try_wait().expect("it can be asked")
    })
    .await;
    let heard = listening.wait_with_output().expect("it has ended");
    let heard = String::from_utf8_lossy(&heard.stdout);
    assert!(
        heard.contains(r#""kind":"OPENED""#) && heard.contains("process_exited"),
        "{heard}"
    );
}

async fn a_command_by_hand_is_done(arena: &Arena) {
    let before = pid_of_orders(arena);
    nats(
        arena,
        &[
            "pub",
            "arena.command.node-1",
            r#"{"action":"RESTART","service":"orders"}"#,
        ],
    );
    wait_for("the restart", async || {
        (pid_of_orders(arena) != before).then_some(())
    })
    .await;
}
