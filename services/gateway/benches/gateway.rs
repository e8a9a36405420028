//! What a thousand pages cost: memory, and how long an event takes from the bus to each of them, while others ask for answers.
//!
//! `just bench-gateway [SECONDS]`. A real nats-server, a bus on which three nodes tell once a second, and the real gateway; a thousand event
//! streams and the requests come from this program, which shares the machine's cores with them. Beside it, in the same run, a plain subscriber
//! to the same messages: what the bus itself takes. Each stream checks that it gets every number, once.

#[path = "gateway/load.rs"]
mod load;
#[path = "../../cli/benches/common/machine.rs"]
mod machine;
#[path = "gateway/stream.rs"]
mod stream;

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arena_bus::{Bus, NatsArgs, Role};
use arena_testkit::{NatsServer, free_port, wait_for};

use load::Asked;
use stream::{Publications, Read};

const SECONDS_DEFAULT: u64 = 30;
/// What is promised.
const STREAMS: usize = 1_000;
const REQUESTS_HZ: u32 = 200;
/// Between two incidents: more than Alertmanager at its busiest, and far enough apart for one to be with everybody before the next.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// What start-up leaves behind is over by then.
const SETTLE: Duration = Duration::from_secs(3);

fn main() -> anyhow::Result<()> {
    let given = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let seconds = match given {
        None => SECONDS_DEFAULT,
        Some(text) => text
            .parse()
            .with_context(|| format!("{text:?} is not a number of seconds"))?,
    };
    println!("{}", machine::describe());
    println!("command: cargo bench -p arena-gateway --bench gateway -- {seconds}");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(seconds))
}

/// The gateway. Killed with the value.
struct Gateway {
    child: Child,
    port: u16,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn measure(seconds: u64) -> anyhow::Result<()> {
    let nats = NatsServer::start().await;
    let args = NatsArgs {
        nats_url: nats.url(),
    };
    let bus = Bus::connect(&args, Role::Operator, "bench").await?;
    bus.ensure_streams().await?;
    let nodes = tokio::spawn(load::nodes(bus.clone()));
    let gateway = gateway(&nats).await?;
    tokio::time::sleep(SETTLE).await;
    let alone = memory_mib(gateway.child.id())?;

    let count = usize::try_from(seconds)? * 1_000 / usize::try_from(PUBLISH_EVERY.as_millis())?;
    let publications = Arc::new(Publications::new(count));
    let mut streams = tokio::task::JoinSet::new();
    for _ in 0..STREAMS {
        let stream = stream::open(gateway.port).await?;
        streams.spawn(stream::read(stream, publications.clone()));
    }
    tokio::time::sleep(SETTLE).await;
    let open = memory_mib(gateway.child.id())?;

    let plain = tokio::spawn(stream::subscribe(bus.clone(), publications.clone()));
    let asking = tokio::spawn(load::ask(gateway.port, REQUESTS_HZ, seconds));
    load::publish(&bus, &publications, PUBLISH_EVERY).await?;
    let asked = asking.await??;
    let mut reads = Vec::new();
    while let Some(read) = streams.join_next().await {
        reads.push(read??);
    }
    let plain = plain.await??;
    let busy = memory_mib(gateway.child.id())?;
    nodes.abort();

    println!(
        "\n{STREAMS} event streams, {REQUESTS_HZ} requests/s and {count} incidents over {seconds} s:"
    );
    println!(
        "memory of the gateway, MiB: {alone:.1} alone, {open:.1} with the streams open, {busy:.1} at the end"
    );
    report(&reads, count, plain);
    tell(&asked, seconds);
    Ok(())
}

fn report(reads: &[Read], count: usize, plain: Vec<f64>) {
    let missed: usize = reads
        .iter()
        .map(|read| count - read.latencies_ms.len())
        .sum();
    let gaps: u64 = reads.iter().map(|read| read.gaps).sum();
    let events: u64 = reads.iter().map(|read| read.events).sum();
    println!(
        "events read: {events}; incidents that a stream missed: {missed}; numbers missed or repeated: {gaps}"
    );
    println!("\nfrom before publishing to arrival, ms      least    median       p99      most");
    let all = reads
        .iter()
        .flat_map(|read| read.latencies_ms.iter().copied());
    line("each stream", all.collect());
    line("a plain subscriber to the bus", plain);
}

fn tell(asked: &Asked, seconds: u64) {
    line("request to answer", asked.latencies_ms.clone());
    println!(
        "requests: {} in {seconds} s, of which {} were not answered with 200",
        asked.latencies_ms.len(),
        asked.failed
    );
}

fn line(what: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let index = (values.len() * percent / 100).min(values.len().saturating_sub(1));
        values.get(index).copied().unwrap_or(f64::NAN)
    };
    println!(
        "{what:<38} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
        at(0),
        at(50),
        at(99),
        at(100)
    );
}

async fn gateway(nats: &NatsServer) -> anyhow::Result<Gateway> {
    let port = free_port();
    let child = Command::new(env!("CARGO_BIN_EXE_arena-gateway"))
        .args(["--nats-url", &nats.url()])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("the gateway does not start")?;
    let gateway = Gateway { child, port };
    wait_for("the gateway to know the past", async || {
        let answer = load::get(port, "/healthz").await.ok()?;
        answer.contains("\"caught_up\":true").then_some(())
    })
    .await;
    Ok(gateway)
}

/// The resident set.
fn memory_mib(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: f64 = kib.context("no VmRSS")?.trim().parse()?;
    Ok(kib / 1024.0)
}
