//! What the sidecar costs: latency and throughput of one real service, asked directly, through its inbound leg, and through an
//! outbound and an inbound leg as services ask each other.
//!
//! `just bench-proxy [ROUNDS]`. The ways take turns in each round, so that what else the machine does hurts all of them: quote
//! the medians and ratios of one run, and read the spread of the rounds first. Client, proxy and service share the machine's
//! cores, so the throughput is that of the three together.

#[path = "../../cli/benches/common/machine.rs"]
mod machine;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use arena_bus::{Bus, NatsArgs, Role};
use arena_proto::ServiceStatus;
use arena_testkit::{NatsServer, free_port, temp_dir, wait_for};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

const ROUNDS_DEFAULT: usize = 7;
/// One after another on one connection: enough for a 99th percentile.
const LATENCY_REQUESTS: usize = 3_000;
/// Connections at once for the throughput, well below the 256 requests that a leg takes.
const CONNECTIONS: usize = 32;
/// On each of them.
const THROUGHPUT_REQUESTS: usize = 400;
/// Before anything is measured: connections are open and code is warm.
const WARM_UP_REQUESTS: usize = 500;

/// The first argument that makes this program the service instead.
const SERVE: &str = "serve";

/// A service that does next to nothing, so that the proxy shows; and one that knows the way to it. `PROGRAM` is this one.
const CONFIG: &str = r#"
[[node]]
name = "node-1"

[[node.service]]
name = "small"
command = ["PROGRAM", "serve", "{port}"]
port = PORT
health = { http = "/healthz", interval = "1s" }

[[node.service]]
name = "caller"
command = ["sh", "-c", "echo reached at $ARENA_UPSTREAM_SMALL; exec sleep 100000"]
depends_on = ["small"]
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

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, port] = arguments.as_slice()
        && first == SERVE
    {
        return serve(port.parse()?).await;
    }
    // Cargo hands on `--bench`.
    let given = arguments.iter().find(|given| !given.starts_with('-'));
    let rounds = match given {
        None => ROUNDS_DEFAULT,
        Some(text) => text
            .parse()
            .with_context(|| format!("{text:?} is not a number of rounds"))?,
    };
    println!("{}", machine::describe());
    println!("command: cargo bench -p arena-node --bench proxy -- {rounds}");
    println!(
        "{rounds} rounds; in each, by turns: {LATENCY_REQUESTS} requests one after another, then {CONNECTIONS} connections with \
         {THROUGHPUT_REQUESTS} each\n"
    );
    let (_agent, ways) = start().await?;
    measure(ways, rounds).await
}

/// The service: `ok`, whatever it is asked.
async fn serve(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = service_fn(async |_: Request<hyper::body::Incoming>| {
            anyhow::Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
        });
        let connection = hyper::server::conn::http1::Builder::new();
        tokio::spawn(connection.serve_connection(TokioIo::new(stream), answer));
    }
}

/// An agent, and what it lives on.
struct Agent {
    process: std::process::Child,
    folder: arena_testkit::TempDir,
    _nats: NatsServer,
}

/// As an operator would, whatever came of it: its services end with it.
impl Drop for Agent {
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let told = std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status();
        if told.is_ok_and(|told| told.success()) {
            let _ = self.process.wait();
        }
    }
}

/// Starts an agent with the service; gives the ways to it.
async fn start() -> anyhow::Result<(Agent, Vec<Way>)> {
    let nats = NatsServer::start().await;
    let args = NatsArgs {
        nats_url: nats.url(),
    };
    let bus = Bus::connect(&args, Role::Operator, "bench").await?;
    bus.ensure_streams().await?;
    let folder = temp_dir();
    let program = std::env::current_exe()?;
    let config = CONFIG
        .replace("PROGRAM", &program.display().to_string())
        .replace("PORT", &free_port().to_string());
    std::fs::write(folder.path().join("arena.toml"), config)?;
    let log = std::fs::File::create(folder.path().join("agent.log"))?;
    let process = std::process::Command::new(env!("CARGO_BIN_EXE_arena-node"))
        .args(["--node", "node-1", "--nats-url", &nats.url()])
        .arg("--config")
        .arg(folder.path().join("arena.toml"))
        .arg("--state-dir")
        .arg(folder.path().join("state"))
        .env("OTEL_SDK_DISABLED", "true")
        .stdin(std::process::Stdio::null())
        .stderr(log)
        .spawn()?;
    let agent = Agent {
        process,
        folder,
        _nats: nats,
    };
    let small = wait_for("the service", async || {
        let statuses = bus.statuses().await.unwrap_or_default();
        let mut services = statuses.into_iter().flat_map(|node| node.services);
        services.find(|service| service.name.as_str() == "small" && service.is_healthy())
    })
    .await;
    let outbound = wait_for("the outbound leg's port", async || {
        let log = agent.folder.path().join("state/logs/caller.log");
        let told = std::fs::read_to_string(log).ok()?;
        told.trim().rsplit_once(':')?.1.parse().ok()
    })
    .await;
    Ok((agent, ways(&small, outbound)?))
}

async fn measure(mut ways: Vec<Way>, rounds: usize) -> anyhow::Result<()> {
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

fn ways(small: &ServiceStatus, outbound: u16) -> anyhow::Result<Vec<Way>> {
    let way = |name, port| Way {
        name,
        port,
        ..Way::default()
    };
    Ok(vec![
        way("direct", small.port.context("no port")?),
        way("inbound leg", small.proxy_port.context("no leg")?),
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
        let Some((direct_p50, direct_p99, direct_rate)) = direct else {
            direct = Some((p50.0, p99.0, rate.0));
            continue;
        };
        println!(
            "{:<26} {:>28} {:>28} {:>30}",
            "  beside direct",
            format!("+{:.0}, {:.2}x", p50.0 - direct_p50, p50.0 / direct_p50),
            format!("+{:.0}, {:.2}x", p99.0 - direct_p99, p99.0 / direct_p99),
            format!("{:.2}x", rate.0 / direct_rate)
        );
    }
}
