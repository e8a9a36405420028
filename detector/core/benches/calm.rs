//! How many messages of calm nodes the detector takes a second, on one core: each node with two services, 1 Hz, noise on every
//! column. Beside it the same without the short ways, and how long it takes until every node is known.
//!
//! `cargo bench -p arena-detector-core`. What the messages cost to make is not in it.

#[path = "../../../services/cli/benches/common/machine.rs"]
mod machine;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arena_detector_core::{Detector, Input, Output, Policy};
use arena_proto::{
    Column, NodeName, ProbeVerdict, ProcessState, Schema, ServiceClass, ServiceInfo, ServiceName,
    ServiceSample, Telemetry, Timestamp,
};

const NODES: [usize; 5] = [3, 10, 100, 1_000, 10_000];
/// Messages in a measurement: some tenths of a second.
const MESSAGES: usize = 1_000_000;
/// So many times fewer without the short ways.
const THOROUGH_SHARE: usize = 20;
const REPEATS: usize = 5;

/// The columns of a node, and of a service of the shop, with what they read when all is well.
const OF_NODE: [(&str, f32); 6] = [
    ("cpu_percent", 20.0),
    ("memory_used_percent", 40.0),
    ("disk_used_percent", 30.0),
    ("load1", 0.5),
    ("network_receive_bytes_hz", 9e4),
    ("network_transmit_bytes_hz", 8e4),
];
const OF_SERVICE: [(&str, f32); 13] = [
    ("cpu_percent", 4.0),
    ("memory_bytes", 8e6),
    ("open_files", 19.0),
    ("threads", 2.0),
    ("cpu_wait_percent", 1.0),
    ("request_rate_hz", 20.0),
    ("error_percent", 0.1),
    ("latency_p50_ms", 3.0),
    ("latency_p95_ms", 8.0),
    ("upstream_error_percent", 0.1),
    ("upstream_latency_p95_ms", 6.0),
    ("storage_latency_p95_ms", 5.0),
    ("storage_used_percent", 3.0),
];

struct Node {
    schema: Arc<Schema>,
    telemetry: Telemetry,
    calm: Vec<f32>,
}

fn node(at: usize, now: Timestamp) -> anyhow::Result<Node> {
    let name = NodeName::new(format!("node-{at}"))?;
    let services = [
        ["edge", "orders"],
        ["orders", "payments"],
        ["payments", "ledger"],
    ][at % 3];
    let calls = |service: &str| -> &[&str] {
        match service {
            "edge" => &["orders"],
            "orders" => &["payments"],
            "payments" => &["ledger"],
            _ => &[],
        }
    };
    let mut columns: Vec<(Column, f32)> = Vec::new();
    let mut add = |service: Option<&ServiceName>, metrics: &[(&str, f32)]| {
        columns.extend(metrics.iter().map(|(metric, value)| {
            let column = Column {
                service: service.cloned(),
                metric: (*metric).to_owned(),
            };
            (column, *value)
        }));
    };
    add(None, &OF_NODE);
    let mut infos = Vec::new();
    for service in services {
        let called = calls(service).iter().map(|name| ServiceName::new(*name));
        let info = ServiceInfo {
            name: ServiceName::new(service)?,
            depends_on: called.collect::<Result<_, _>>()?,
            observed: Vec::new(),
            class: ServiceClass::Service,
        };
        add(Some(&info.name), &OF_SERVICE);
        infos.push(info);
    }
    let (columns, calm): (Vec<Column>, Vec<f32>) = columns.into_iter().unzip();
    let sample = ServiceSample {
        state: ProcessState::Running,
        probe: ProbeVerdict::Passing,
        pid: Some(100),
        generation: 1,
        restarts: 0,
        since: now - Duration::from_mins(1),
        exit_code: None,
    };
    let schema = Schema {
        node: name.clone(),
        columns,
        services: infos,
    };
    let telemetry = Telemetry {
        node: name,
        boot_id: 1,
        seq: 0,
        schema_id: schema.id(),
        time: now,
        values: calm.clone(),
        services: vec![sample; 2].into(),
    };
    Ok(Node {
        schema: Arc::new(schema),
        telemetry,
        calm,
    })
}

/// Nodes, a detector, and the time it is there.
struct Fleet {
    nodes: Vec<Node>,
    detector: Detector,
    now: Timestamp,
    /// State of a small generator of noise.
    noise: u64,
}

impl Fleet {
    fn new(count: usize, detector: Detector) -> anyhow::Result<Self> {
        let now = Timestamp::from_unix_millis(1_000_000_000);
        let nodes = (0..count)
            .map(|at| node(at, now))
            .collect::<anyhow::Result<_>>()?;
        let mut fleet = Self {
            nodes,
            detector,
            now,
            noise: 1,
        };
        fleet.detector.step(now, Input::Started);
        Ok(fleet)
    }

    #[expect(clippy::disallowed_methods, reason = "a duration is measured here")]
    /// A tick of all nodes: messages are made, then heard; gives how long the hearing took.
    fn second(&mut self) -> Duration {
        self.now = self.now + Duration::from_secs(1);
        for node in &mut self.nodes {
            node.telemetry.seq += 1;
            node.telemetry.time = self.now;
            for (value, calm) in node.telemetry.values.iter_mut().zip(&node.calm) {
                self.noise = self
                    .noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let share = f32::from(u16::try_from(self.noise >> 48).unwrap_or(0)) / 65536.0;
                *value = calm * (0.9 + 0.2 * share);
            }
        }
        let begun = Instant::now();
        let mut outputs = self.detector.step(self.now, Input::Tick);
        for node in &mut self.nodes {
            let heard = self.detector.hear(self.now, &node.telemetry, &node.schema);
            outputs.extend(heard);
        }
        for output in outputs {
            match output {
                Output::SendCanary(number) => {
                    self.detector.step(self.now, Input::CanaryHeard(number));
                }
                Output::Observer(_) => {}
                Output::Publish(event) => panic!("calm nodes have no incident: {event:?}"),
            }
        }
        begun.elapsed()
    }
}

/// Nanoseconds a message, and how long the first message of every node took together.
fn measure(count: usize, messages: usize, thorough: bool) -> anyhow::Result<(f64, Duration)> {
    let policy = Policy::parse("policy.toml", Policy::DEFAULT_TOML)?;
    let detector = if thorough {
        Detector::thorough(policy)
    } else {
        Detector::new(policy)
    };
    let mut fleet = Fleet::new(count, detector)?;
    let first = fleet.second();
    for _ in 0..5 {
        fleet.second();
    }
    let seconds = messages.div_ceil(count);
    let spent: Duration = (0..seconds).map(|_| fleet.second()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a measured mean")]
    let messages = (seconds * count) as f64;
    Ok((spent.as_secs_f64() * 1e9 / messages, first))
}

fn main() -> anyhow::Result<()> {
    println!("{}", machine::describe());
    println!("command: cargo bench -p arena-detector-core");
    println!("median of {REPEATS} (least, most), by turns\n");
    println!(
        "  nodes | ns a message             | without short ways     | ratio | first message of all"
    );
    for count in NODES {
        let mut runs = Vec::new();
        for _ in 0..REPEATS {
            let (short, first) = measure(count, MESSAGES, false)?;
            let (thorough, _) = measure(count, MESSAGES / THOROUGH_SHARE, true)?;
            runs.push((short, thorough, first.as_secs_f64() * 1e3));
        }
        let short = spread(runs.iter().map(|run| run.0));
        let thorough = spread(runs.iter().map(|run| run.1));
        let first = spread(runs.iter().map(|run| run.2));
        println!(
            "{count:7} | {:7.0} ({:6.0}, {:6.0}) | {:6.0} ({:6.0}, {:6.0}) | {:5.1} | {:.1} ms",
            short[1],
            short[0],
            short[2],
            thorough[1],
            thorough[0],
            thorough[2],
            thorough[1] / short[1],
            first[1],
        );
    }
    Ok(())
}

/// Least, median and most.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    ]
}
