//! The REST API of a whole arena: real agents, a real recorder, a real injector; each endpoint well, and each kind of mistake.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use arena_testkit::{Arena, ArenaBuilder, Frozen, wait_for};
use serde_json::{Value, json};

const ONE_NODE: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "orders"
command = ["arena-workload", "orders", "--port", "{port}"]
port = 8000
health = { http = "/healthz", interval = "200ms", timeout = "200ms", failures = 3 }

[[node.service]]
name = "payments"
command = ["arena-workload", "payments", "--port", "{port}"]
port = 8100
health = { http = "/healthz", interval = "200ms", timeout = "200ms", failures = 3 }
"#;

struct World {
    arena: Arena,
    base: String,
}

/// An answer: its status, where it points, and its body.
#[derive(Debug)]
struct Answer {
    status: u16,
    location: String,
    body: Value,
}

impl World {
    async fn start(chaos: bool) -> Self {
        let mut builder = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena-gateway"), ONE_NODE)
            .env("OTEL_SDK_DISABLED", "true")
            .gateway();
        if chaos {
            builder = builder.arg("--chaos");
        }
        let arena = builder.start();
        let base = arena.gateway_url();
        let world = Self { arena, base };
        wait_for("the gateway to know both services as running", async || {
            let services = world.get("/api/v1/services");
            let list = services.body.as_array()?.clone();
            let running = list.iter().filter(|it| it["state"] == "RUNNING");
            (running.count() == 2).then_some(())
        })
        .await;
        world
    }

    fn ask(&self, method: &str, path: &str, key: Option<&str>, body: Option<&Value>) -> Answer {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build()
            .into();
        let body = body.map_or_else(String::new, Value::to_string);
        let mut response = agent.run(request.body(body).unwrap()).unwrap();
        let location = response.headers().get("location");
        Answer {
            status: response.status().as_u16(),
            location: location.map_or_else(String::new, |it| it.to_str().unwrap().to_owned()),
            body: serde_json::from_str(&response.body_mut().read_to_string().unwrap())
                .unwrap_or_default(),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None, None)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.ask(method, path, None, Some(body))
    }

    fn post(&self, path: &str) -> Answer {
        self.ask("POST", path, None, None)
    }

    fn service(&self, name: &str) -> Value {
        self.get(&format!("/api/v1/services/node-1/{name}")).body
    }

    async fn until_state(&self, name: &str, state: &str) {
        wait_for(&format!("{name} to be {state}"), async || {
            (self.service(name)["state"] == state).then_some(())
        })
        .await;
    }

    async fn until_done(&self, location: &str) -> Value {
        wait_for(&format!("the end of {location}"), async || {
            let command = self.get(location).body;
            (command["state"] == "SUCCEEDED").then_some(command)
        })
        .await
    }

    /// What the status does not allow is refused with its sentence.
    fn every_refusal_is_the_sentence_of_the_status(&self, service: &str) -> usize {
        let view = self.service(service);
        let actions = view["actions"].as_array().unwrap();
        let refused = actions.iter().filter(|action| action["allowed"] == false);
        let mut count = 0;
        for action in refused {
            let name = action["action"].as_str().unwrap();
            let answer = self.post(&format!("/api/v1/services/node-1/{service}/actions/{name}"));
            assert_eq!(answer.status, 409, "{name}: {answer:?}");
            assert_eq!(answer.body["detail"], action["reason"], "{name}");
            assert_eq!(answer.body["type"], "/docs/problems#refused");
            count += 1;
        }
        count
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_service_is_done_once_or_refused_with_the_sentence_of_the_status() {
    let world = World::start(false).await;
    assert!(world.every_refusal_is_the_sentence_of_the_status("orders") > 0);
    let key = Some("one-wish");
    let path = "/api/v1/services/node-1/orders/actions/stop";
    let body = json!({"reason": "a test", "params": {}});
    let first = world.ask("POST", path, key, Some(&body));
    assert_eq!(first.status, 202, "{first:?}");
    world.until_done(&first.location).await;
    // The same once more, when the guard would refuse it.
    let again = world.ask("POST", path, key, Some(&body));
    assert_eq!((again.status, &again.location), (202, &first.location));
    let other = "/api/v1/services/node-1/payments/actions/stop";
    assert_eq!(world.ask("POST", other, key, None).status, 409);
    world.until_state("orders", "STOPPED").await;
    assert!(world.every_refusal_is_the_sentence_of_the_status("orders") > 0);
    let start = world.post("/api/v1/services/node-1/orders/actions/start");
    let done = world.until_done(&start.location).await;
    assert_eq!(done["target"], "node-1/orders");
    let quarantine = world.post("/api/v1/nodes/node-1/actions/quarantine");
    assert_eq!(quarantine.status, 202, "{quarantine:?}");

    let mistakes = [
        ("/api/v1/services/node-1/ordrs/actions/stop", 404),
        ("/api/v1/services/node-1/orders/actions/explode", 404),
        ("/api/v1/services/node-1/orders/actions/quarantine", 404),
        ("/api/v1/services/NODE/orders/actions/stop", 400),
        ("/api/v1/nodes/node-7/actions/quarantine", 404),
    ];
    for (path, status) in mistakes {
        let answer = world.post(path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(!answer.body["detail"].as_str().unwrap().is_empty());
    }
    let unknown = world.get("/api/v1/commands/cmd-none");
    assert_eq!(unknown.status, 404, "{unknown:?}");
    let meant = world.post("/api/v1/services/node-2/orders/actions/stop");
    assert_eq!(meant.body["mend"], "did you mean node-1/orders?");
    let faults = json!({"fault": "hang", "target": "node-1/orders", "for": "5s"});
    let off = world.send("POST", "/api/v1/faults", &faults);
    assert_eq!(off.status, 409, "{off:?}");
    assert!(off.body.to_string().contains("--chaos"), "{off:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_made_and_undone_and_decisions_are_kept() {
    let world = World::start(true).await;
    for path in [
        "about",
        "status",
        "nodes",
        "nodes/node-1",
        "services",
        "control",
        "approvals",
        "faults",
        "faults/catalogue",
        "villain",
        "score?since=1h",
        "efficacy",
        "incidents?state=open",
        "runs",
    ] {
        let answer = world.get(&format!("/api/v1/{path}"));
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    make_and_undo_a_fault(&world).await;
    decide(&world);
    let villain = json!({"policy": "random", "budget": 1, "for": "1m", "every": "30s"});
    let started = world.send("POST", "/api/v1/villain", &villain);
    assert_eq!(started.status, 200, "{started:?}");
    assert_eq!(world.send("POST", "/api/v1/villain", &villain).status, 409);
    assert_eq!(
        world.ask("DELETE", "/api/v1/villain", None, None).status,
        200
    );
    let lever = world.send("PUT", "/api/v1/control/lever", &json!({"lever": "STOPPED"}));
    assert_eq!(lever.body["lever"], "STOPPED", "{lever:?}");
    wait_for("the status to know the lever", async || {
        (world.get("/api/v1/status").body["lever"] == "STOPPED").then_some(())
    })
    .await;
    assert!(world.every_refusal_is_the_sentence_of_the_status("orders") > 5);
    a_frozen_agent_is_the_first_reason(&world).await;

    let verdict = json!({"verdict": "APPROVED"});
    let mistakes = [
        ("GET", "incidents?limit=0", None, 400),
        ("GET", "incidents?state=SICK", None, 400),
        ("GET", "incidents?before=inc-none", None, 404),
        ("GET", "incidents/inc-none", None, 404),
        ("GET", "faults/flt-none", None, 404),
        ("GET", "runs/..%2Farena", None, 404),
        ("GET", "score?since=soon", None, 400),
        ("POST", "approvals/inc-none", Some(&verdict), 404),
        ("PUT", "control/lever", Some(&verdict), 400),
    ];
    for (method, path, body, status) in mistakes {
        let answer = world.ask(method, &format!("/api/v1/{path}"), None, body);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

/// The lever is stopped, and the guard would say so.
async fn a_frozen_agent_is_the_first_reason(world: &World) {
    let agents = world.arena.processes_of("arena-node");
    assert!(!agents.is_empty());
    let frozen = Frozen::new(agents);
    wait_for("the agent to be silent", async || {
        let node = world.get("/api/v1/nodes/node-1").body;
        node["unknown_since"].is_string().then_some(())
    })
    .await;
    let actions = &world.service("orders")["actions"];
    let why = actions[0]["reason"].as_str().unwrap();
    assert!(
        why.starts_with("the agent of node-1 does not answer"),
        "{why}"
    );
    assert!(world.every_refusal_is_the_sentence_of_the_status("orders") > 5);
    drop(frozen);
}

async fn make_and_undo_a_fault(world: &World) {
    let wish = json!({"fault": "latency", "target": "node-1/orders", "for": "60s"});
    let bad = world.send("POST", "/api/v1/faults", &wish);
    assert_eq!(bad.status, 400, "{bad:?}");
    let wish = json!({"fault": "network-delay", "target": "node-1/orders", "for": "60s", "params": {"latency": "50ms"}});
    let made = world.send("POST", "/api/v1/faults", &wish);
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["state"], "ACTIVE");
    wait_for("the fault to be told", async || {
        (world.get(&made.location).status == 200).then_some(())
    })
    .await;
    let reverted = world.ask("DELETE", &made.location, None, None);
    assert_eq!(reverted.body["ids"], json!([made.body["id"]]));
    // The injector reads `all` as every fault.
    let named = world.ask("DELETE", "/api/v1/faults/all", None, None);
    assert_eq!(named.status, 404, "{named:?}");
    let all = world.ask("DELETE", "/api/v1/faults", None, None);
    assert_eq!(all.status, 200, "{all:?}");
    let none = world.ask("DELETE", "/api/v1/faults/flt-none", None, None);
    assert_eq!(none.status, 404, "{none:?}");
}

fn decide(world: &World) {
    let mode = world.send("PUT", "/api/v1/control/mode", &json!({"mode": "OBSERVE"}));
    assert_eq!(mode.body["mode"], "OBSERVE", "{mode:?}");
    let risk = json!({"mode": "AUTO", "risk": "LOW"});
    let mode = world.send("PUT", "/api/v1/control/mode", &risk);
    assert_eq!(mode.body["modes"]["low"], "AUTO", "{mode:?}");
    let pauses = "/api/v1/control/pauses/node-1/orders";
    let pause = world.send("PUT", pauses, &json!({"reason": "mine", "for": "10m"}));
    assert_eq!(pause.body["pauses"][0]["reason"], "mine", "{pause:?}");
    let resumed = world.ask("DELETE", pauses, None, None);
    assert_eq!(resumed.body["pauses"], json!([]));
    assert_eq!(world.ask("DELETE", pauses, None, None).status, 404);
}
