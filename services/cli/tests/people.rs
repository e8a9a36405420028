//! What people do with the tool they have in their fingers: the real `nats` CLI.
//!
//! Where it is not installed the test says so loudly and passes; with `ARENA_REQUIRE_TOOLS` set, as in CI, it fails.

use std::path::Path;
use std::process::{Command, Stdio};

use arena_testkit::{Arena, ArenaBuilder, wait_for};

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

fn nats(arena: &Arena, arguments: &[&str]) -> String {
    let mut command = Command::new("nats");
    // `--translate` looks for `arena` on the PATH.
    let folder = Path::new(env!("CARGO_BIN_EXE_arena"))
        .parent()
        .unwrap()
        .to_str()
        .unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let output = command
        .args(["--server", &arena.nats_url])
        .args(arguments)
        .env("PATH", path)
        // `arena decode` asks the bus for the names of the columns.
        .env("NATS_URL", &arena.nats_url)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "nats {arguments:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

#[tokio::test]
async fn the_nats_cli_reads_and_writes_the_bus() {
    if !have(
        "nats",
        &["--version"],
        "Install it: go install github.com/nats-io/natscli/nats@latest.",
    ) {
        return;
    }
    let arena = start();
    let services = nats(&arena, &["micro", "ls"]);
    for name in ["node", "detector", "remediator", "injector", "recorder"] {
        assert!(services.contains(name), "{services}");
    }
    assert!(nats(&arena, &["micro", "info", "recorder"]).contains("incidents"));
    nats(&arena, &["micro", "stats", "recorder"]);

    let telemetry = nats(
        &arena,
        &[
            "sub",
            "arena.telemetry.>",
            "--count",
            "2",
            "--translate",
            "arena decode {{Subject}}",
        ],
    );
    assert!(
        telemetry.contains("orders") && telemetry.contains("cpu_percent"),
        "{telemetry}"
    );

    let listening = Command::new("nats")
        .args([
            "--server",
            &arena.nats_url,
            "sub",
            "arena.incident.>",
            "--count",
            "1",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let fault = r#"{"op":"APPLY","fault":"crash","service":"orders","ttl":"30s"}"#;
    // The listener may not listen yet; a crash that it misses is followed by another.
    wait_for("an incident to be healed", async || {
        nats(&arena, &["pub", "arena.fault.node-1", fault]);
        let count = || {
            arena
                .json(&["incidents", "--json"])
                .as_array()
                .map_or(0, Vec::len)
        };
        let before = count();
        wait_for("the incident", async || {
            (count() > before || before > 1).then_some(())
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
        (count() >= 2).then_some(())
    })
    .await;
    let heard = listening.wait_with_output().unwrap();
    let heard = String::from_utf8_lossy(&heard.stdout).into_owned();
    assert!(
        heard.contains(r#""kind":"OPENED""#) && heard.contains("process_exited"),
        "{heard}"
    );

    let pid =
        |arena: &Arena| arena.json(&["status", "--json"])["nodes"][0]["services"][0]["pid"].clone();
    let before = pid(&arena);
    nats(
        &arena,
        &[
            "pub",
            "arena.command.node-1",
            r#"{"action":"RESTART","service":"orders"}"#,
        ],
    );
    wait_for("the restart asked for by hand", async || {
        (pid(&arena) != before).then_some(())
    })
    .await;
    assert!(nats(&arena, &["kv", "get", "status", "node-1", "--raw"]).contains("\"RUNNING\""));
}
