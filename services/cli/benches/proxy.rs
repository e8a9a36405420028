//! What the sidecar costs: latency and throughput of one real service, asked directly, through its inbound leg, and through an
//! outbound and an inbound leg as services ask each other.
//!
//! `just bench-proxy [ROUNDS]`. The ways take turns in each round, so that what else the machine does hurts all of them: quote
//! the medians and ratios of one run, and read the spread of the rounds first. Client, proxy and service share the machine's
//! cores, so the throughput is that of the three together.

#[path = "common/machine.rs"]
mod machine;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use arena_bus::{Bus, NatsArgs, Role};
use arena_testkit::{Arena, ArenaBuilder, wait_for};
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const ROUNDS_DEFAULT: usize = 7;
/// One after another on one connection: enough for a 99th percentile.
const LATENCY_REQUESTS: usize = 3_000;
/// Connections at once for the throughput, well below the 256 requests that a leg takes.
const CONNECTIONS: usize = 32;
/// On each of them.
const THROUGHPUT_REQUESTS: usize = 400;
/// Before anything is measured: connections are open and code is warm.
const WARM_UP_REQUESTS: usize = 500;

/// A service that does next to nothing, so that the proxy shows; and one that knows the way to it.
const CONFIG: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "edge"
command = ["arena-workload", "edge", "--port", "{port}"]
port = 1
health = { http = "/healthz", interval = "1s" }

[[node.service]]
name = "caller"
command = ["sh", "-c", "echo reached at $ARENA_UPSTREAM_EDGE; exec sleep 100000"]
depends_on = ["edge"]
"#;

/// What one way gave in the rounds.
#[derive(Default)]
struct Way {
    name: &'static str,
    port: u16,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    per_second: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    // Cargo hands on `--bench`.
    let given = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let rounds = match given {
        None => ROUNDS_DEFAULT,
        Some(text) => text
            .parse()
            .with_context(|| format!("{text:?} is not a number of rounds"))?,
    };
    println!("{}", machine::describe());
    println!("command: cargo bench -p arena-cli --bench proxy -- {rounds}");
    println!(
        "{rounds} rounds; in each, by turns: {LATENCY_REQUESTS} requests one after another, then {CONNECTIONS} connections with \
         {THROUGHPUT_REQUESTS} each\n"
    );
    let arena = ArenaBuilder::new(env!("CARGO_BIN_EXE_arena"), CONFIG)
        .env("OTEL_SDK_DISABLED", "true")
        .start();
    // The runtime is not there yet when the arena starts, which blocks.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(&arena, rounds))
}

async fn measure(arena: &Arena, rounds: usize) -> anyhow::Result<()> {
    let mut ways = ways(arena).await?;
    for way in &ways {
        one_after_another(way.port, WARM_UP_REQUESTS).await?;
    }
    for round in 0..rounds {
        // Who begins has what the round before left in the caches, so each begins in turn.
        for turn in 0..ways.len() {
            let index = (round + turn) % ways.len();
            let way = &mut ways[index];
            let mut latencies = one_after_another(way.port, LATENCY_REQUESTS).await?;
            latencies.sort_by(f64::total_cmp);
            way.p50_us.push(latencies[latencies.len() / 2]);
            way.p99_us.push(latencies[latencies.len() * 99 / 100]);
            way.per_second.push(at_once(way.port).await?);
        }
    }
    report(&mut ways);
    Ok(())
}

async fn ways(arena: &Arena) -> anyhow::Result<Vec<Way>> {
    let args = NatsArgs {
        nats_url: arena.nats_url.clone(),
    };
    let bus = Bus::connect_once(&args, Role::Operator, "bench").await?;
    let statuses = bus.statuses().await?;
    let mut services = statuses.iter().flat_map(|node| &node.services);
    let edge = services.find(|service| service.name.as_str() == "edge");
    let edge = edge.context("no service edge")?;
    let outbound = wait_for("the outbound leg's port", async || {
        let told = arena.run(&["logs", "caller"]).stdout;
        let told = String::from_utf8_lossy(&told).into_owned();
        let (_, port) = told.trim().rsplit_once(':')?;
        port.parse().ok()
    })
    .await;
    let way = |name, port| Way {
        name,
        port,
        ..Way::default()
    };
    Ok(vec![
        way("direct", edge.port.context("no port")?),
        way("inbound leg", edge.proxy_port.context("no leg")?),
        way("outbound and inbound leg", outbound),
    ])
}

/// A kept-open connection.
async fn connect(port: u16) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // Its errors reach the request.
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(sender: &mut SendRequest<Empty<Bytes>>) -> anyhow::Result<()> {
    let request = Request::get("/healthz").header("host", "bench");
    sender.ready().await?;
    let answer = sender.send_request(request.body(Empty::new())?).await?;
    ensure!(answer.status() == 200, "{}", answer.status());
    answer.into_body().collect().await?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures this machine's time"
)]
fn now() -> Instant {
    Instant::now()
}

/// The latency of each of so many requests on one connection, in microseconds.
async fn one_after_another(port: u16, requests: usize) -> anyhow::Result<Vec<f64>> {
    let mut sender = connect(port).await?;
    let mut latencies = Vec::with_capacity(requests);
    for _ in 0..requests {
        let start = now();
        ask(&mut sender).await?;
        latencies.push(micros(start.elapsed()));
    }
    Ok(latencies)
}

/// Requests a second over all connections.
async fn at_once(port: u16) -> anyhow::Result<f64> {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(connect(port).await?);
    }
    let start = now();
    let mut asking = tokio::task::JoinSet::new();
    for mut sender in connections {
        asking.spawn(async move {
            for _ in 0..THROUGHPUT_REQUESTS {
                ask(&mut sender).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked??;
    }
    let requests = u32::try_from(CONNECTIONS * THROUGHPUT_REQUESTS)?;
    Ok(f64::from(requests) / start.elapsed().as_secs_f64())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000_000.0
}

/// Median, and the least and most of the rounds.
fn spread(values: &mut [f64]) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (
        values[values.len() / 2],
        values[0],
        values[values.len() - 1],
    )
}

fn report(ways: &mut [Way]) {
    println!(
        "{:<26} {:>28} {:>28} {:>30}",
        "median (least to most)", "p50, us", "p99, us", "requests/s"
    );
    let mut direct = None;
    for way in ways {
        let (p50, p99) = (spread(&mut way.p50_us), spread(&mut way.p99_us));
        let rate = spread(&mut way.per_second);
        let cell = |(median, least, most): (f64, f64, f64)| {
            format!("{median:.0} ({least:.0} to {most:.0})")
        };
        println!(
            "{:<26} {:>28} {:>28} {:>30}",
            way.name,
            cell(p50),
            cell(p99),
            cell(rate)
        );
        let (direct_p50, direct_p99, direct_rate) = *direct.get_or_insert((p50.0, p99.0, rate.0));
        println!(
            "{:<26} {:>28} {:>28} {:>30}",
            "  beside direct",
            format!("+{:.0}, {:.2}x", p50.0 - direct_p50, p50.0 / direct_p50),
            format!("+{:.0}, {:.2}x", p99.0 - direct_p99, p99.0 / direct_p99),
            format!("{:.2}x", rate.0 / direct_rate)
        );
    }
}
