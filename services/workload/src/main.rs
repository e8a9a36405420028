//! A small shop in five roles, its users and its neighbour: `edge -> orders -> payments, inventory -> ledger`, `traffic`,
//! and `batch`, a job that wants CPU.
//!
//! One process is one role. It works alone (an upstream that the environment does not name is answered with 503), under a
//! node agent it takes its wiring from the environment and answers on a control socket. See docs/workload.md.
//! Absent on purpose: logs beyond plain lines on stderr, traces, threads beyond the one of the event loop, the ledger's and
//! those of faults and of `batch`: eleven of these run on a laptop beside everything else.

mod batch;
mod clock;
mod control;
mod faults;
mod ledger;
mod meter;
mod quota;
mod reply;
mod server;
mod shop;
mod traffic;
mod upstream;
mod work;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arena_faults::limits::CORES_MAX;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::Control;
use crate::faults::{Faults, Gate, Sites};
use crate::ledger::Ledger;
use crate::shop::{Role, Shop};
use crate::traffic::Traffic;
use crate::upstream::Upstreams;

/// After SIGTERM, requests under way have this long; whoever stops a service waits at least twice that before SIGKILL.
const DRAIN: Duration = Duration::from_secs(1);

/// One service of the shop.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Examples:
  arena-workload ledger --port 18105 --data /tmp/ledger
  ARENA_UPSTREAM_LEDGER=http://127.0.0.1:18105 arena-workload payments --port 18103
  arena-workload batch --burn 8
  ARENA_UPSTREAM_EDGE=http://127.0.0.1:18101 arena-workload traffic --rate 50"
)]
struct Args {
    /// What it is.
    role: Role,
    /// Port on 127.0.0.1; 0 takes a free one and prints it. `traffic` and `batch` need none.
    #[arg(long, env = "PORT")]
    port: Option<u16>,
    /// Folder of the ledger's file.
    #[arg(long, env = "ARENA_STATE_DIR", default_value = ".")]
    data: PathBuf,
    /// Requests served at once; more are answered with 503.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    max_in_flight: u32,
    /// Of `traffic`: checkouts a second; 0 pauses.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=1000))]
    rate: u32,
    /// Of `traffic`: the same seed buys the same carts in the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Of `batch`: threads that compute without end; 0 is idle.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=CORES_MAX))]
    burn: u64,
    /// Unix socket for the node agent.
    #[arg(long, env = "ARENA_CONTROL_SOCKET")]
    control_socket: Option<PathBuf>,
    /// The node's name, as the agent gives it; part of the ledger's file name.
    #[arg(long, env = "ARENA_NODE", default_value = "local")]
    node: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("arena-workload: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    // Before anything is served, so that no signal finds the default handler.
    let signals = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let tasks = TaskTracker::new();
    start(&args, &stopping, &tasks).await?;
    tasks.close();
    wait_for_signal(signals).await;
    stopping.cancel();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        eprintln!("some requests took longer than {} s", DRAIN.as_secs());
    }
    eprintln!("stopped");
    Ok(())
}

/// Starts the role's tasks. All end once `stopping` is cancelled.
async fn start(
    args: &Args,
    stopping: &CancellationToken,
    tasks: &TaskTracker,
) -> anyhow::Result<()> {
    let ledger = match args.role {
        Role::Ledger => Some(open_ledger(args)?),
        _ => None,
    };
    let gate = Arc::new(Gate::default());
    let mut sites = Sites {
        gate: args.port.map(|_| Arc::clone(&gate)),
        storage: ledger.as_ref().map(Ledger::sites),
        surge: None,
    };
    let upstreams = Upstreams::from_environment(args.role.upstreams())?;
    let places = usize::try_from(args.max_in_flight)?;
    let shop = Arc::new(Shop::new(args.role, upstreams, ledger, places));
    let traffic = (args.role == Role::Traffic)
        .then(|| Arc::new(Traffic::new(Arc::clone(&shop), args.rate, args.seed)));
    sites.surge = traffic.as_ref().map(|traffic| traffic.surge());

    if let Some(path) = &args.control_socket {
        let listener = control::listen(path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        let control = Arc::new(Control {
            faults: Faults::new(sites),
            shop: Arc::clone(&shop),
            traffic: traffic.clone(),
        });
        let answer = move |request| Arc::clone(&control).answer(request);
        tasks.spawn(server::serve(listener, answer, stopping.clone()));
    }
    if let Some(port) = args.port {
        let listener = listen(port).await?;
        if let Some(traffic) = &traffic {
            let traffic = Arc::clone(traffic);
            let answer = move |request| {
                let answer = traffic.answer(&request);
                Arc::clone(&gate).wrap(std::future::ready(answer))
            };
            tasks.spawn(server::serve(listener, answer, stopping.clone()));
        } else {
            let answer = move |request| Arc::clone(&gate).wrap(Arc::clone(&shop).answer(request));
            tasks.spawn(server::serve(listener, answer, stopping.clone()));
        }
    } else {
        let portless = matches!(args.role, Role::Traffic | Role::Batch);
        anyhow::ensure!(portless, "give --port, or set PORT");
    }
    if args.role == Role::Batch {
        batch::start(args.burn).context("cannot start a thread")?;
    }
    if let Some(traffic) = traffic {
        tasks.spawn(traffic.run(stopping.clone()));
    }
    Ok(())
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
    eprintln!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Replicas on several nodes may share a folder, so the file is named after its writer.
fn open_ledger(args: &Args) -> anyhow::Result<Ledger> {
    let port = args.port.unwrap_or(0);
    let path = args.data.join(format!("ledger-{}-{port}.log", args.node));
    let ledger =
        Ledger::open(path.clone()).with_context(|| format!("cannot open {}", path.display()))?;
    eprintln!("entries go to {}", path.display());
    Ok(ledger)
}

async fn wait_for_signal(
    (mut terminate, mut interrupt): (tokio::signal::unix::Signal, tokio::signal::unix::Signal),
) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
