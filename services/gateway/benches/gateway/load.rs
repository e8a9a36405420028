//! What goes on: nodes that tell, incidents, and somebody who asks.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use arena_bus::Bus;
use arena_proto::{
    Column, Entity, IncidentContext, IncidentEvent, IncidentEventKind, IncidentId, NodeName,
    NodeStatus, ProbeVerdict, ProcessState, Schema, ServiceDetail, ServiceName, ServiceStatus,
    Severity, Telemetry, Timestamp,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stream::{PREFIX, Publications};

/// As many as the default arena has, with about as many readings.
const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];
const SERVICES: [&str; 4] = ["edge", "orders", "payments", "ledger"];
const METRICS: usize = 12;

/// What is asked for, in turns.
const PATHS: [&str; 3] = ["/healthz", "/metrics", "/api/v1/samples?metric=cpu_percent"];

/// Nodes that tell once a second, for ever.
pub(crate) async fn nodes(bus: Bus) -> anyhow::Result<()> {
    let schemas = NODES.map(schema);
    for schema in &schemas {
        bus.put_schema(schema).await?;
        bus.put_status(&status(&schema.node)).await?;
    }
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    for seq in 1.. {
        ticks.tick().await;
        for schema in &schemas {
            let value = f32::from(u8::try_from(seq % 100)?) + 0.25;
            let telemetry = Telemetry {
                node: schema.node.clone(),
                boot_id: 1,
                seq,
                schema_id: schema.id(),
                time: Timestamp::EPOCH,
                values: vec![value; schema.columns.len()],
                services: [].into(),
            };
            bus.publish_telemetry(&telemetry).await?;
        }
    }
    Ok(())
}

fn schema(node: &str) -> Schema {
    let services = SERVICES.iter().map(|name| ServiceName::new(*name).ok());
    let columns = std::iter::once(None).chain(services).flat_map(|service| {
        (0..METRICS).map(move |number| Column {
            service: service.clone(),
            metric: match number {
                0 => "cpu_percent".to_owned(),
                number => format!("metric_{number}_ms"),
            },
        })
    });
    Schema {
        node: name(node),
        columns: columns.collect(),
        services: Vec::new(),
    }
}

fn name(node: &str) -> NodeName {
    NodeName::new(node).unwrap_or_else(|error| panic!("{error}"))
}

fn status(node: &NodeName) -> NodeStatus {
    let service = |name: &&str| ServiceStatus {
        name: ServiceName::new(*name).unwrap_or_else(|error| panic!("{error}")),
        state: ProcessState::Running,
        probe: ProbeVerdict::Passing,
        pid: Some(1),
        generation: 1,
        restarts: 0,
        port: None,
        proxy_port: None,
        depends_on: Vec::new(),
        since: Timestamp::EPOCH,
        exit_code: None,
        message: String::new(),
        detail: ServiceDetail::default(),
    };
    NodeStatus {
        node: node.clone(),
        boot_id: 1,
        pid: 1,
        state: ProcessState::Running,
        chaos: false,
        services: SERVICES.iter().map(service).collect(),
        at: Timestamp::EPOCH,
        quarantined: false,
        restart_owner: None,
        fence: 0,
    }
}

/// Publishes every incident, one after another.
pub(crate) async fn publish(
    bus: &Bus,
    publications: &Publications,
    every: Duration,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(every);
    for number in 0..publications.count() {
        ticks.tick().await;
        let entity = Entity::node(name(NODES[number % NODES.len()]));
        let event = IncidentEvent {
            kind: IncidentEventKind::Opened,
            id: IncidentId::new(format!("{PREFIX}{number}"))?,
            revision: 1,
            entity: entity.clone(),
            symptom: "cpu_high".to_owned(),
            severity: Severity::Error,
            signals: Vec::new(),
            root_cause: entity,
            reason: "cpu_percent 97 > 80 for 2 s".to_owned(),
            first_abnormal_at: Timestamp::EPOCH,
            opened_at: Timestamp::EPOCH,
            at: Timestamp::EPOCH,
            pid: None,
            generation: 1,
            context: IncidentContext::default(),
        };
        publications.begin(number);
        bus.publish(&event, None).await?;
    }
    Ok(())
}

/// What asking gave.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) latencies_ms: Vec<f64>,
    /// Not answered with 200.
    pub(crate) failed: usize,
}

/// Asks so often for so long, each time on a connection of its own, as scripts do.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures this machine's time"
)]
pub(crate) async fn ask(port: u16, requests_hz: u32, seconds: u64) -> anyhow::Result<Asked> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / requests_hz);
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..usize::try_from(seconds * u64::from(requests_hz))? {
        ticks.tick().await;
        let path = PATHS[number % PATHS.len()];
        requests.spawn(async move {
            let began = Instant::now();
            let answer = get(port, path).await;
            (began.elapsed().as_secs_f64() * 1e3, answer.is_ok())
        });
    }
    let mut asked = Asked::default();
    while let Some(done) = requests.join_next().await {
        let (latency_ms, is_ok) = done?;
        asked.latencies_ms.push(latency_ms);
        asked.failed += usize::from(!is_ok);
    }
    Ok(asked)
}

/// An answer's head and body; an error when it is none of 200.
pub(crate) async fn get(port: u16, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let is_ok = answer.starts_with("HTTP/1.1 200 ");
    is_ok.then_some(answer).context("not 200")
}
