//! The two doors by which other systems tell something, on a real bus: payloads as Alertmanager posts them, and telemetry as a script
//! does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use arena_bus::{NatsArgs, Partitions, Role};
use arena_proto::{AlertState, NodeName, NodeStatus, ProcessState};
use arena_testkit::{NatsServer, wait_for};
use common::{GatewayProcess, arena};
use serde_json::{Value, json};

/// A gateway that has reached the bus: before that it takes nothing.
async fn on_the_bus(nats: &NatsServer) -> GatewayProcess {
    let gateway = GatewayProcess::start(nats, &[], &[]).await;
    wait_for("the gateway to reach the bus", async || {
        gateway.get("/api/v1/alerts")
    })
    .await;
    gateway
}

/// Posts, and gives status and body.
fn post(gateway: &GatewayProcess, path: &str, body: &str) -> (u16, Value) {
    let url = format!("http://127.0.0.1:{}{path}", gateway.port);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let mut response = agent
        .post(&url)
        .header("content-type", "application/json")
        .send(body)
        .unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    (response.status().as_u16(), body)
}

fn alerts(alerts: &[Value]) -> String {
    json!({
        "version": "4", "groupKey": "{}", "truncatedAlerts": 2, "status": "firing", "receiver": "arena",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://localhost:9093",
        "alerts": alerts,
    })
    .to_string()
}

fn alert(status: &str, labels: &Value) -> Value {
    let ends_at = if status == "firing" {
        "0001-01-01T00:00:00Z"
    } else {
        "2026-01-31T12:05:00.5Z"
    };
    json!({
        "status": status, "labels": labels, "annotations": {}, "startsAt": "2026-01-31T12:00:00.123456789+01:00",
        "endsAt": ends_at, "generatorURL": "", "fingerprint": "4b1c9d0e2f3a5b6c",
    })
}

#[tokio::test]
async fn alerts_are_kept_and_a_gateway_that_starts_again_knows_them() {
    let (nats, operator) = arena().await;
    let gateway = on_the_bus(&nats).await;
    let labels = json!({"alertname": "HighLatency", "arena_node": "edge-9"});
    // Nobody has heard of that node: the alert is seen, and is nobody's.
    let (status, counts) = post(
        &gateway,
        "/api/v1/alerts",
        &alerts(&[alert("firing", &labels)]),
    );
    assert_eq!(status, 200, "{counts}");
    assert_eq!(
        counts,
        json!({"taken": 1, "repeated": 0, "unmatched": 1, "truncated": 2, "over_limit": 0})
    );
    let told = gateway.get("/api/v1/alerts").unwrap();
    assert_eq!(told["alerts"][0]["matched"], false);
    assert_eq!(
        told["alerts"][0]["message"],
        "arena_node=\"edge-9\" is not a known node or service"
    );

    // It is known from its first post on, and then the alert is its.
    let (status, _) = post(
        &gateway,
        "/api/v1/telemetry",
        &json!({"node": "edge-9"}).to_string(),
    );
    assert_eq!(status, 202);
    let (_, counts) = post(
        &gateway,
        "/api/v1/alerts",
        &alerts(&[alert("firing", &labels)]),
    );
    assert_eq!(
        (&counts["repeated"], &counts["unmatched"]),
        (&json!(1), &json!(0))
    );
    gateway.kill();
    let gateway = on_the_bus(&nats).await;
    let (_, counts) = post(
        &gateway,
        "/api/v1/alerts",
        &alerts(&[alert("firing", &labels)]),
    );
    assert_eq!(counts["repeated"], 1);
    let (_, counts) = post(
        &gateway,
        "/api/v1/alerts",
        &alerts(&[alert("resolved", &labels)]),
    );
    assert_eq!(counts["taken"], 1);
    let kept = operator.alerts().await.unwrap();
    assert_eq!((kept.len(), kept[0].state), (1, AlertState::Resolved));
    assert_eq!(kept[0].entity.as_ref().unwrap().to_string(), "edge-9");

    // What is no payload changes nothing, and says where.
    let whole = alerts(&[alert("firing", &labels)]);
    let (status, problem) = post(&gateway, "/api/v1/alerts", &whole[..whole.len() / 2]);
    assert_eq!(status, 400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("line 1 column"),
        "{problem}"
    );
    assert_eq!(operator.alerts().await.unwrap(), kept);

    let url = format!("http://127.0.0.1:{}/api/v1/alerts", gateway.port);
    let text = ureq::post(&url)
        .header("content-type", "text/plain")
        .send(&whole);
    assert!(text.unwrap_err().to_string().contains("415"));
}

#[tokio::test]
async fn what_cannot_be_handed_on_is_not_taken() {
    let (mut nats, operator) = arena().await;
    let gateway = on_the_bus(&nats).await;
    let labels = json!({"alertname": "HighLatency"});
    let body = alerts(&[alert("firing", &labels)]);
    nats.stop().await;
    let refused = wait_for("the gateway to miss the bus", async || {
        let (status, problem) = post(&gateway, "/api/v1/alerts", &body);
        (status == 503).then_some(problem)
    })
    .await;
    assert!(
        refused["mend"].as_str().unwrap().contains("again"),
        "{refused}"
    );
    let (status, _) = post(
        &gateway,
        "/api/v1/telemetry",
        &json!({"node": "edge-9"}).to_string(),
    );
    assert_eq!(status, 503);
    nats.restart().await;
    wait_for("the bus to be there again", async || {
        (post(&gateway, "/api/v1/alerts", &body).0 == 200).then_some(())
    })
    .await;
    assert_eq!(operator.alerts().await.unwrap().len(), 1);
}

fn cpu(value: f64) -> String {
    json!({
        "node": "edge-9",
        "services": [{"name": "web", "state": "RUNNING"}],
        "samples": [{"service": "web", "metric": "cpu_percent", "value": value}],
    })
    .to_string()
}

#[tokio::test]
async fn a_post_is_on_the_bus_as_if_an_agent_had_said_it() {
    let (nats, operator) = arena().await;
    let mut telemetry = operator.telemetry(Partitions::all()).await.unwrap();
    let gateway = on_the_bus(&nats).await;
    let (status, problem) = post(&gateway, "/api/v1/telemetry", &cpu(97.3));
    assert_eq!(status, 202, "{problem}");
    let (message, schema) = telemetry.next().await.unwrap();
    assert_eq!((message.node.as_str(), message.seq), ("edge-9", 1));
    assert_eq!(
        (&schema.columns[0].metric[..], message.values[0]),
        ("cpu_percent", 97.3)
    );
    let status = operator.statuses().await.unwrap().remove(0);
    assert!(!status.has_agent() && status.services[0].detail.no_agent);
    assert_eq!(status.boot_id, message.boot_id);

    // Another gateway is another boot of the node.
    gateway.kill();
    let gateway = on_the_bus(&nats).await;
    assert_eq!(post(&gateway, "/api/v1/telemetry", &cpu(1.0)).0, 202);
    let (again, _) = telemetry.next().await.unwrap();
    assert_ne!(again.boot_id, message.boot_id);
    assert_eq!(
        (again.seq, again.services[0].since),
        (1, message.services[0].since)
    );

    let (status, problem) = post(
        &gateway,
        "/api/v1/telemetry",
        &cpu(1.0).replace("cpu_percent", "CPU"),
    );
    assert_eq!(status, 400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .starts_with("samples[0].metric"),
        "{problem}"
    );
}

#[tokio::test]
async fn a_name_that_an_agent_has_is_refused() {
    let (nats, operator) = arena().await;
    let gateway = on_the_bus(&nats).await;
    assert_eq!(post(&gateway, "/api/v1/telemetry", &cpu(1.0)).0, 202);
    let args = NatsArgs {
        nats_url: nats.url(),
    };
    let agent = arena_bus::Bus::connect(&args, Role::Node, "node")
        .await
        .unwrap();
    let ours = operator.statuses().await.unwrap().remove(0);
    let theirs = NodeStatus {
        pid: 4711,
        state: ProcessState::Running,
        node: NodeName::new("edge-9").unwrap(),
        ..ours
    };
    agent.put_status(&theirs).await.unwrap();
    let problem = wait_for("the gateway to hear of the agent", async || {
        let (status, problem) = post(&gateway, "/api/v1/telemetry", &cpu(1.0));
        (status == 409).then_some(problem)
    })
    .await;
    assert_eq!(
        problem["detail"],
        "edge-9 has an agent, which speaks for it"
    );
}
