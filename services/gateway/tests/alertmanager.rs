//! A real Prometheus sees what only a service's own metrics show, a real Alertmanager tells the gateway, and Felix heals it: the whole
//! way, on real processes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use arena_testkit::prometheus::Prometheus;
use arena_testkit::{Arena, ArenaBuilder, temp_dir, wait_for};
use serde_json::Value;

/// A service that is well by every measure but one of its own: the queue of its first process is long. A new process begins with an
/// empty one.
const QUEUE: &str = r#"
import http.server, os, sys

port, marker = int(sys.argv[1]), sys.argv[2]
is_first = not os.path.exists(marker)
open(marker, "w").close()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"queue_depth %d\n" % (100 if is_first else 1)
        self.send_response(200)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"#;

/// The service's rule, and one that is about nothing that the arena knows.
const RULES: &str = r#"
groups:
- name: arena
  rules:
  - alert: QueueTooLong
    expr: queue_depth > 50
    labels: { severity: warning }
    annotations: { summary: "{{ $value }} wait in the queue" }
  - alert: MoonIsFull
    expr: vector(1)
    labels: { job: moon }
"#;

/// What is built in, for a Prometheus that needs seconds where others need minutes.
fn playbooks() -> String {
    let built_in = include_str!("../../../remediator/playbooks.toml");
    built_in.replace("verify_within = \"7m\"", "verify_within = \"8s\"")
}

struct Shown {
    gateway: String,
}

impl Shown {
    fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.gateway);
        let text = ureq::get(&url)
            .call()
            .ok()?
            .body_mut()
            .read_to_string()
            .ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The alert of that name, when it is in this state.
    fn alert(&self, name: &str, state: &str) -> Option<Value> {
        let list = self.get("/api/v1/alerts")?;
        let mut alerts = list["alerts"].as_array()?.iter();
        let alert = alerts.find(|alert| alert["name"] == name)?;
        (alert["state"] == state).then(|| alert.clone())
    }
}

/// The arena, and the service's port.
fn start(folder: &Path) -> (Arena, u16) {
    let script = folder.join("queue.py");
    std::fs::write(&script, QUEUE).unwrap();
    let playbooks_file = folder.join("playbooks.toml");
    std::fs::write(&playbooks_file, playbooks()).unwrap();
    let config = format!(
        r#"
[[node]]
name = "node-1"

[[node.service]]
name = "mailer"
command = ["python3", "{}", "{{port}}", "{}"]
port = 8000
health = {{ http = "/", interval = "200ms", timeout = "1s", failures = 3 }}
"#,
        script.display(),
        folder.join("marker").display(),
    );
    let binary = Path::new(env!("CARGO_BIN_EXE_arena-gateway")).with_file_name("arena");
    let arena = ArenaBuilder::new(binary.to_str().unwrap(), &config)
        .gateway()
        .env("ARENA_PLAYBOOKS", playbooks_file.to_str().unwrap())
        .start();
    let port = arena
        .config()
        .lines()
        .find_map(|line| line.strip_prefix("port = "));
    let port = port.unwrap().parse().unwrap();
    (arena, port)
}

#[tokio::test]
async fn what_prometheus_alone_sees_is_healed() {
    let folder = temp_dir();
    let (arena, port) = start(folder.path());
    let scrape = format!(
        "scrape_configs:\n- job_name: mail\n  static_configs:\n  - targets: ['127.0.0.1:{port}']\n"
    );
    let shown = Shown {
        gateway: arena.gateway_url(),
    };
    let webhook = format!("{}/api/v1/alerts", shown.gateway);
    let Some(_prometheus) = Prometheus::try_start(&scrape, RULES, &webhook) else {
        return;
    };
    let firing = wait_for("Alertmanager to tell", async || {
        shown.alert("QueueTooLong", "FIRING")
    })
    .await;
    assert_eq!(firing["entity"], "node-1/mailer", "{firing}");
    assert_eq!(
        firing["message"],
        format!("by instance=\"127.0.0.1:{port}\"")
    );
    let healed = wait_for("the incident to be over", async || {
        let listed = arena.json(&["incidents", "--json"]);
        let incident = listed.as_array()?.first()?.clone();
        (incident["state"] == "RESOLVED").then_some(incident)
    })
    .await;
    assert_eq!(healed["symptom"], "alert_firing", "{healed}");
    assert_eq!(healed["resolution"], "REMEDIATED", "{healed}");
    assert_eq!(healed["entity"], "node-1/mailer");
    let resolved = wait_for("the alert to be over", async || {
        shown.alert("QueueTooLong", "RESOLVED")
    })
    .await;
    assert_eq!(resolved["incident"], healed["id"], "{resolved}");

    // What is about nobody is seen, and nothing is done about it.
    let moon = wait_for("the other alert", async || {
        shown.alert("MoonIsFull", "FIRING")
    })
    .await;
    assert_eq!(
        (&moon["matched"], &moon["incident"]),
        (&Value::Bool(false), &Value::Null)
    );
    let all = arena.json(&["incidents", "--json"]);
    assert_eq!(all.as_array().map(Vec::len), Some(1), "{all}");
}
