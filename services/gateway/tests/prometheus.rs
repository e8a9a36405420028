//! `/metrics` before those who read it: promtool, and a real Prometheus with the configuration of docs/prometheus. Where they are not
//! installed the test says so loudly and passes; with `ARENA_REQUIRE_TOOLS` set, as in CI, it fails.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use arena_bus::{Bus, NatsArgs, Role};
use arena_proto::{
    Column, NodeName, NodeStatus, ProbeVerdict, ProcessState, Schema, ServiceClass, ServiceDetail,
    ServiceInfo, ServiceName, ServiceSample, ServiceStatus, Telemetry, Timestamp,
};
use arena_testkit::{NatsServer, free_port, temp_dir, wait_for};
use common::{GatewayProcess, arena, entity, opened, resolved};
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/prometheus");

/// Whether the program is there; where it must be and is not, the test fails.
fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(
        found || std::env::var_os("ARENA_REQUIRE_TOOLS").is_none(),
        "{program} is missing: apt-get install prometheus prometheus-alertmanager"
    );
    if !found {
        eprintln!(
            "*** NOT TESTED: {program} is missing (apt-get install prometheus prometheus-alertmanager) ***"
        );
    }
    found
}

/// Runs a tool that judges, and gives what it says.
fn check(program: &str, arguments: &[&str], input: &str) {
    let folder = temp_dir();
    let path = folder.path().join("input");
    std::fs::write(&path, input).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(FOLDER)
        .stdin(std::fs::File::open(&path).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {said}{errors}"
    );
    // A lint finding is no failure to every version.
    assert!(input.is_empty() || errors.is_empty(), "{errors}");
}

/// An agent as the bus sees it: a node with one service, that tells on and on.
async fn agent(nats: &NatsServer) -> tokio::task::JoinHandle<()> {
    let args = NatsArgs {
        nats_url: nats.url(),
    };
    let bus = Bus::connect(&args, Role::Node, "test").await.unwrap();
    let (node, orders) = (entity().node, ServiceName::new("orders").unwrap());
    let schema = Schema {
        node: node.clone(),
        columns: vec![Column {
            service: Some(orders.clone()),
            metric: "cpu_percent".to_owned(),
        }],
        services: vec![ServiceInfo {
            observed: Vec::new(),
            class: ServiceClass::Service,
            name: orders,
            depends_on: Vec::new(),
        }],
    };
    let status: NodeStatus = status(&node);
    bus.put_schema(&schema).await.unwrap();
    bus.put_status(&status).await.unwrap();
    tokio::spawn(async move {
        for seq in 1.. {
            let telemetry = Telemetry {
                node: node.clone(),
                boot_id: 7,
                seq,
                schema_id: schema.id(),
                time: Timestamp::from_unix_millis(1_700_000_000_000),
                values: vec![12.5],
                services: [ServiceSample {
                    state: ProcessState::Running,
                    probe: ProbeVerdict::Passing,
                    pid: Some(42),
                    generation: 1,
                    restarts: 3,
                    since: Timestamp::from_unix_millis(1_700_000_000_000),
                    exit_code: None,
                }]
                .into(),
            };
            bus.publish_telemetry(&telemetry).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
    })
}

fn status(node: &NodeName) -> NodeStatus {
    let service = ServiceStatus {
        name: ServiceName::new("orders").unwrap(),
        state: ProcessState::Running,
        probe: ProbeVerdict::Passing,
        pid: Some(42),
        generation: 1,
        restarts: 3,
        port: None,
        proxy_port: None,
        depends_on: Vec::new(),
        since: Timestamp::from_unix_millis(1_700_000_000_000),
        exit_code: None,
        message: String::new(),
        detail: ServiceDetail::default(),
    };
    NodeStatus {
        quarantined: false,
        restart_owner: None,
        fence: 0,
        node: node.clone(),
        boot_id: 7,
        pid: 1,
        state: ProcessState::Running,
        chaos: true,
        services: vec![service],
        at: Timestamp::from_unix_millis(1_700_000_000_000),
    }
}

#[test]
fn the_configuration_of_the_manual_is_one() {
    if is_installed("promtool") {
        check("promtool", &["check", "config", "prometheus.yml"], "");
        check("promtool", &["test", "rules", "rules_test.yml"], "");
    }
    if is_installed("amtool") {
        check("amtool", &["check-config", "alertmanager.yml"], "");
    }
}

/// Rules speak of metrics that there are, by labels that they have.
#[test]
fn each_rule_is_about_a_metric_that_the_manual_lists() {
    let rules = std::fs::read_to_string(Path::new(FOLDER).join("rules.yml")).unwrap();
    let manual = include_str!("../../../docs/metrics.md");
    let words = rules.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let own = ["arena_service", "arena_symptom"];
    let metrics = words.filter(|word| word.starts_with("arena_") && !own.contains(word));
    let metrics: Vec<&str> = metrics.collect();
    assert!(metrics.len() > 8, "{metrics:?}");
    for metric in metrics {
        assert!(manual.contains(&format!("| `{metric}` |")), "{metric}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_it_and_answers() {
    let (nats, operator) = arena().await;
    let agent = agent(&nats).await;
    let gateway = GatewayProcess::start(&nats, &[], &[]).await;
    operator.publish(&opened("inc-1"), None).await.unwrap();
    operator.publish(&resolved("inc-1"), None).await.unwrap();
    operator.publish(&opened("inc-2"), None).await.unwrap();
    let page = wait_for("the arena on the page", async || {
        let page = gateway.text("/metrics", "text/plain")?;
        let is_whole = page
            .contains("arena_service_cpu_ratio{node=\"node-1\",service=\"orders\"} 0.125")
            && page.contains("arena_incidents_open{symptom=\"cpu_high\"} 1");
        is_whole.then_some(page)
    })
    .await;
    if is_installed("promtool") {
        check("promtool", &["check", "metrics"], &page);
    }
    if !is_installed("prometheus") {
        return;
    }
    let prometheus = Prometheus::start(&gateway).await;
    let up = "arena_node_up{node=\"node-1\"}";
    prometheus.wait(up, "1").await;
    prometheus
        .wait("arena_service_up{service=\"orders\"}", "1")
        .await;
    prometheus.wait("arena_service_restarts_total", "3").await;
    prometheus.wait("sum(arena_incidents_open)", "1").await;
    prometheus
        .wait(
            "sum(arena_gateway_http_requests_total{route=\"/metrics\"}) > bool 1",
            "1",
        )
        .await;

    // Silence: down, and of its services nothing that is stale.
    agent.abort();
    prometheus.wait(up, "0").await;
    prometheus.wait("absent(arena_service_up)", "1").await;
    assert_eq!(prometheus.value("up{job=\"arena\"}").as_deref(), Some("1"));
}

/// A Prometheus with the manual's configuration, but for the ports and a faster pace.
struct Prometheus {
    child: Child,
    port: u16,
    _folder: arena_testkit::TempDir,
}

impl Prometheus {
    async fn start(gateway: &GatewayProcess) -> Self {
        let folder = temp_dir();
        let read = |name: &str| std::fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
        let target = format!("127.0.0.1:{}", gateway.port);
        let config = read("prometheus.yml")
            .replace("127.0.0.1:4280", &target)
            .replace(": 5s", ": 1s");
        assert!(config.contains(&target));
        common::file(folder.path(), "prometheus.yml", &config);
        common::file(folder.path(), "rules.yml", &read("rules.yml"));
        let port = free_port();
        let child = Command::new("prometheus")
            .current_dir(folder.path())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--log.level=error"])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let prometheus = Self {
            child,
            port,
            _folder: folder,
        };
        prometheus.wait("vector(1)", "1").await;
        prometheus
    }

    /// The value of the first series that a query finds.
    fn value(&self, query: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port);
        let response = ureq::get(&url).query("query", query).call();
        let text = response.ok()?.body_mut().read_to_string().ok()?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    }

    async fn wait(&self, query: &str, value: &str) {
        wait_for(&format!("{query} to be {value}"), async || {
            (self.value(query).as_deref() == Some(value)).then_some(())
        })
        .await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
