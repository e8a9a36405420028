//! Services that are sick in themselves, several at once: each is seen, healed by what truly cures it, and told as it was. Real
//! processes, faults asked for by the `arena` binary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use arena_testkit::{Arena, ArenaBuilder, wait_for};
use serde_json::Value;

use crate::TURNS;

/// What ails each service, what it shows, and what has to cure it. Each is on a node of its own, so that nobody takes them for one trouble,
/// and has a name of its own, so that none is another's replica: of those only half may have faults at once.
const SICKNESSES: &[[&str; 4]] = &[
    ["memory", "memory-leak", "memory_high", "restart"],
    ["files", "fd-leak", "open_files_high", "restart"],
    ["threads", "thread-leak", "threads_high", "restart"],
    ["deadlock", "deadlock", "probe_failed", "restart"],
    ["disk", "disk-full", "disk_low", "clean_disk"],
];

fn config() -> String {
    // The shop's ledger makes every fault that is wanted here.
    let node = |[name, ..]: &[&str; 4]| {
        format!(
            r#"
[[node]]
name = "node-{name}"

[[node.service]]
name = "{name}"
command = ["arena-workload", "ledger", "--port", "{{port}}"]
port = 8000
clean = ["scratch/*"]
health = {{ http = "/healthz", interval = "200ms", timeout = "1s", failures = 3 }}
"#
        )
    };
    SICKNESSES.iter().map(node).collect()
}

fn run(arena: &Arena, arguments: &[&str]) {
    let output = arena.run(arguments);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "arena {arguments:?}: {said}");
}

/// Each incident in a line, when all are resolved.
fn healed(arena: &Arena) -> Option<Vec<String>> {
    let listed = arena.json(&["incidents", "--json"]);
    let incidents = listed.as_array().unwrap();
    if incidents.len() < SICKNESSES.len() {
        return None;
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for incident in incidents {
        if incident["state"] != "RESOLVED" {
            return None;
        }
        let actions = incident["actions"].as_array().unwrap().iter();
        let actions: Vec<String> = actions.map(|action| word(&action["action"])).collect();
        lines.push(format!(
            "{} {} {} {}",
            word(&incident["entity"]),
            word(&incident["symptom"]),
            actions.join(" "),
            word(&incident["resolution"])
        ));
    }
    lines.sort();
    Some(lines)
}

#[tokio::test]
async fn each_is_cured_by_what_truly_cures_it() {
    let _turn = TURNS.one().await;
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), &config())
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .start();
    // Nobody is there to be asked whether a disk may be cleaned.
    run(&arena, &["mode", "--risk", "high", "auto"]);
    for [name, fault, ..] in SICKNESSES {
        let target = format!("node-{name}/{name}");
        run(&arena, &["inject", fault, &target, "--for", "5m"]);
    }
    let lines = wait_for("all to be healed", async || healed(&arena)).await;
    let mut expected: Vec<String> = SICKNESSES
        .iter()
        .map(|[name, _, symptom, action]| {
            format!("node-{name}/{name} {symptom} {action} REMEDIATED")
        })
        .collect();
    expected.sort();
    assert_eq!(lines, expected);
    wait_for("no fault to be left", async || {
        (arena.json(&["status", "--json"])["faults_active"] == 0).then_some(())
    })
    .await;
    let folder = arena.data_dir().join("nodes/node-disk/work/disk");
    assert!(!folder.join("quota").exists());
}
