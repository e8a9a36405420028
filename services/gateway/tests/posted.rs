//! A node that is only told of over HTTP, in a real arena: seen like any other, and left to people.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use arena_testkit::{Arena, ArenaBuilder, wait_for};
use serde_json::{Value, json};

/// What a script does once a second; more often, so that nobody waits.
struct Script {
    cpu: Arc<AtomicU32>,
    ended: Arc<AtomicBool>,
}

impl Script {
    fn start(gateway: &str) -> Self {
        let url = format!("{gateway}/api/v1/telemetry");
        let script = Self {
            cpu: Arc::new(AtomicU32::new(5)),
            ended: Arc::default(),
        };
        let (cpu, ended) = (script.cpu.clone(), script.ended.clone());
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let body = json!({
                    "node": "edge-9",
                    "services": [{"name": "web", "state": "RUNNING"}],
                    "samples": [{"service": "web", "metric": "cpu_percent", "value": cpu.load(Ordering::Relaxed)}],
                });
                // What is not taken is posted again, as the next one.
                let _ = ureq::post(&url)
                    .header("content-type", "application/json")
                    .send(body.to_string());
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        script
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// The incident of this symptom, when it is in this state.
fn incident(arena: &Arena, symptom: &str, state: &str) -> Option<Value> {
    let listed = arena.json(&["incidents", "--json"]);
    let mut incidents = listed.as_array()?.iter();
    let incident = incidents.find(|incident| incident["symptom"] == symptom)?;
    (incident["state"] == state).then(|| incident.clone())
}

#[tokio::test]
async fn a_node_without_an_agent_is_seen_and_left_to_people() {
    let binary = Path::new(env!("CARGO_BIN_EXE_arena-gateway")).with_file_name("arena");
    let config = "[[node]]\nname = \"node-1\"\n[[node.service]]\nname = \"idle\"\ncommand = [\"sleep\", \"1000\"]\n";
    let arena = ArenaBuilder::new(binary.to_str().unwrap(), config)
        .gateway()
        .start();
    let script = Script::start(&arena.gateway_url());
    wait_for("the node in the fleet", async || {
        let status = arena.json(&["status", "--json"]);
        let mut nodes = status["nodes"].as_array()?.iter();
        let node = nodes.find(|node| node["name"] == "edge-9")?.clone();
        assert_eq!(node["agent"], false);
        let off = |action: &Value| {
            action["allowed"] == false && action["reason"].as_str().unwrap().contains("no agent")
        };
        assert!(
            node["services"][0]["actions"].as_array()?.iter().all(off),
            "{node}"
        );
        (node["state"] == "RUNNING").then_some(())
    })
    .await;
    let refused = arena.run(&["do", "restart", "edge-9/web", "--yes"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("nothing can be done to web"),
        "{said}"
    );

    script.cpu.store(97, Ordering::Relaxed);
    wait_for("a person to be called", async || {
        incident(&arena, "cpu_high", "ESCALATED")
    })
    .await;
    let told = arena.run(&[
        "explain",
        "--json",
        incident(&arena, "cpu_high", "ESCALATED").unwrap()["id"]
            .as_str()
            .unwrap(),
    ]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(
        told.contains("nothing can be done to edge-9: it has no agent"),
        "{told}"
    );
    script.cpu.store(5, Ordering::Relaxed);
    wait_for("it to be over", async || {
        incident(&arena, "cpu_high", "RESOLVED")
    })
    .await;

    drop(script);
    let silent = wait_for("its silence", async || {
        incident(&arena, "node_silent", "ESCALATED")
    })
    .await;
    assert_eq!(silent["entity"], "edge-9");
}
