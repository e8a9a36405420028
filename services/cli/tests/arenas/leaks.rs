//! Who detects and who heals is told what a real incident would show, and never that a fault made it: everything that the roles of the
//! detector and the remediator may hear is searched while faults of many kinds are made, told of and cured.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use arena_bus::{Bus, LiveMessage, NatsArgs, Role};
use arena_faults::told;
use arena_testkit::{Arena, ArenaBuilder, wait_for};
use serde_json::Value;

use crate::TURNS;

/// A service for each fault, and a node for the one that is no service's.
const CONFIG: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "orders"
command = ["arena-workload", "inventory", "--port", "{port}"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "400ms", failures = 3 }

[[node.service]]
name = "payments"
command = ["arena-workload", "inventory", "--port", "{port}"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "400ms", failures = 3 }

[[node.service]]
name = "ledger"
command = ["arena-workload", "ledger", "--port", "{port}"]
port = 8000
clean = ["scratch/*"]
health = { http = "/healthz", interval = "200ms", timeout = "400ms", failures = 3 }

[[node.service]]
name = "web"
command = ["python3", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]
port = 8000
health = { http = "/", interval = "200ms", timeout = "400ms", failures = 3 }

[[node]]
name = "node-2"

[[node.service]]
name = "edge"
command = ["arena-workload", "inventory", "--port", "{port}"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "400ms", failures = 3 }
"#;

/// A fault, its target and parameters, and what cures it.
const FAULTS: &[(&[&str], &[&str])] = &[
    (&["port-squat", "node-1/orders"], &["free-port"]),
    (&["bad-config", "node-1/payments"], &["rollback"]),
    (&["disk-full", "node-1/ledger", "fill=1"], &["clean-disk"]),
    (
        &["memory-leak", "node-1/web", "rate=64", "ceiling=64"],
        &["restart"],
    ),
    (&["hang", "node-2/edge"], &["restart"]),
    (&["noisy-neighbour", "node-2", "cores=1"], &[]),
];

/// What tells that this is an arena in which faults may be made, and which ones: the same before, during and after a fault.
const CONSTANT: [&str; 2] = ["chaos", "makesFaults"];

/// The subjects that a role may listen to, as `nats.conf` has them, without its own inbox and what asks it for its health.
fn subjects(role: Role) -> Vec<String> {
    let config = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../nats.conf"));
    let user = format!("user: {}, ", role.as_str());
    let (_, of_role) = config.split_once(&user).expect("the role is in nats.conf");
    let (_, subjects) = of_role.split_once("subscribe: [").expect("it may listen");
    let (subjects, _) = subjects.split_once(']').expect("an end");
    let quoted = subjects.split('"').skip(1).step_by(2);
    quoted
        .filter(|subject| !subject.starts_with("_INBOX") && !subject.starts_with("$SRV"))
        .filter(|subject| !subject.starts_with("arena.api."))
        .map(str::to_owned)
        .collect()
}

/// All that a role has heard.
#[derive(Clone, Default)]
struct Ears(Arc<Mutex<Vec<LiveMessage>>>);

impl Ears {
    async fn listen(&self, arena: &Arena, role: Role) {
        let args = NatsArgs {
            nats_url: arena.nats_url.clone(),
        };
        let bus = Bus::connect(&args, role, "leaks").await.unwrap();
        for subject in subjects(role) {
            let mut messages = bus.watch_subject(&subject).await.unwrap();
            let (heard, bus) = (Arc::clone(&self.0), bus.clone());
            tokio::spawn(async move {
                while let Some(message) = messages.next().await {
                    heard.lock().unwrap().push(message);
                }
                drop(bus);
            });
        }
    }

    /// Waits until a message of such a subject has all of these words.
    async fn hear(&self, subject: &str, words: &[&str]) {
        wait_for(&format!("{words:?} on {subject}"), async || {
            let heard = self.0.lock().unwrap();
            let said = heard
                .iter()
                .filter(|message| message.subject.starts_with(subject));
            said.map(text)
                .any(|text| words.iter().all(|word| text.contains(word)))
                .then_some(())
        })
        .await;
    }
}

/// What a message says, but for what is always so.
fn text(message: &LiveMessage) -> String {
    let Ok(mut body) = serde_json::from_slice::<Value>(&message.body) else {
        return String::from_utf8_lossy(&message.body).into_owned();
    };
    forget_constant(&mut body);
    body.to_string()
}

fn forget_constant(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !CONSTANT.contains(&name.as_str()));
            fields.values_mut().for_each(forget_constant);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_constant),
        _ => {}
    }
}

async fn run(arena: &Arena, arguments: &[&str]) -> String {
    let done = async || {
        // A fault or an action is refused while its service is not ready for it.
        let output = arena.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(said)
    };
    wait_for(&format!("arena {}", arguments.join(" ")), done).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_may_be_heard_by_who_detects_and_heals_tells_of_a_fault() {
    let _turn = TURNS.one().await;
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), CONFIG)
        .env("OTEL_SDK_DISABLED", "true")
        .arg("--chaos")
        .start();
    // Decisions are told, and what is done is this test's doing.
    run(&arena, &["mode", "observe"]).await;
    let ears = Ears::default();
    for role in [Role::Detector, Role::Remediator] {
        ears.listen(&arena, role).await;
    }

    let mut ids = Vec::new();
    for (fault, _) in FAULTS {
        let words = [&["inject"], *fault, &["--for", "5m"]].concat();
        ids.push(run(&arena, &words).await);
    }
    let status = "$KV.status.node-1";
    ears.hear(status, &[r#""portHolder""#, "arena-workload inventory"])
        .await;
    for (fault, cures) in FAULTS {
        let target = fault[1];
        if cures.is_empty() {
            continue;
        }
        let seat = target.replace('/', ".");
        if fault[0] != "memory-leak" {
            ears.hear(&format!("arena.incident.{seat}"), &["OPENED"])
                .await;
            ears.hear(&format!("arena.plan.{seat}"), &[]).await;
        }
        for cure in *cures {
            run(&arena, &["do", cure, target, "--yes"]).await;
        }
    }
    run(&arena, &["revert", "all"]).await;
    wait_for("the arena to be well", async || {
        let output = arena.run(&["status", "--exit-code"]);
        output.status.success().then_some(())
    })
    .await;

    let heard = std::mem::take(&mut *ears.0.lock().unwrap());
    let mut leaks = BTreeSet::new();
    for message in &heard {
        let said = format!("{} {}", message.subject, text(message));
        for word in told(&said, &ids) {
            leaks.insert(format!("{word} in {said}"));
        }
    }
    assert_eq!(ids.len(), FAULTS.len());
    assert!(leaks.is_empty(), "{leaks:#?}");
    for subject in ["arena.telemetry", "arena.outcome", "$KV.status.node-2"] {
        let is_heard = heard
            .iter()
            .any(|message| message.subject.starts_with(subject));
        assert!(is_heard, "nothing was heard of {subject}");
    }
}
