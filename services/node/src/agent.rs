//! Puts the agent together: folders, what a predecessor left, sidecar, core, link; and takes it apart again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use arena_bus::NatsArgs;
use arena_chassis::Chassis;
use arena_config::arena::NodeSpec;
use arena_node_core::{Boot, Found, Input, JournalEntry, Node, Saved};
use arena_proto::{NodeName, ServiceName};
use arena_supervisor::{Identity, Process, stop, with_environment};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::actions::evidence::History;
use crate::actions::throttle::Throttles;
use crate::edges::{Edges, Lookout};
use crate::effects::Effects;
use crate::engine::{self, Engine, INPUTS_MAX};
use crate::faults::Faults;
use crate::faults::telemetry::TelemetryFaults;
use crate::link::Link;
use crate::logs;
use crate::makes_watch::MakesWatch;
use crate::port_watch::PortWatch;
use crate::probe::Prober;
use crate::processes::Processes;
use crate::publish::LETTERS_MAX;
use crate::sampling::{ExtraMembers, Sampler};
use crate::sidecar::{Routes, Sidecar};
use crate::spec::{self, Program};
use crate::store::{self, Folders, Store};
use crate::view::Views;

/// Samples that may wait for the bus: one that is late is of no use.
const SAMPLES_MAX: usize = 4;

/// The agent of one node: starts, probes, samples and heals its services.
#[derive(Debug, clap::Parser)]
#[command(
    name = "arena-node",
    version,
    after_help = "Examples:\n  arena-node --node node-1 --state-dir /tmp/node-1\n  \
                  arena-node --node node-1 --config arena.toml --state-dir /tmp/node-1 --chaos"
)]
pub(crate) struct Args {
    /// Which node of the arena this is
    #[arg(long)]
    node: NodeName,
    /// The arena; the built-in shop when left out
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where logs, the state and the undo journal are
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    /// Accept faults
    #[arg(long)]
    chaos: bool,
    #[command(flatten)]
    nats: NatsArgs,
}

/// Runs the agent until it is told to stop.
pub(crate) async fn run(args: Args, chassis: Chassis) -> anyhow::Result<()> {
    let spec = spec::load(args.config.as_deref(), &args.node)?;
    let folders = Folders::create(&args.state_dir)?;
    let _lock = folders.lock()?;
    let sockets = folders.sockets();
    tracing::info!(node = %spec.name, services = spec.services.len(), "starting");
    let result = serve(spec, folders, args.chaos, args.nats, chassis).await;
    // The services are gone, and their sockets with them; what cannot be removed is empty and harmless.
    let _ = std::fs::remove_dir_all(sockets);
    result
}

async fn serve(
    spec: NodeSpec,
    folders: Folders,
    chaos: bool,
    nats: NatsArgs,
    chassis: Chassis,
) -> anyhow::Result<()> {
    let (state, journal) = store::load(&folders)?;
    let (sidecar, listening) = Sidecar::bind(&spec, &state.ports, chassis.clock).await?;
    let programs = Arc::new(spec::programs(&spec, &sidecar, &folders));
    let (processes, throttles) = (Processes::default(), Throttles::new(folders.throttles()));
    let boot = reconcile(state.core, journal, &programs, &sidecar, &processes).await;
    let (inputs, received) = mpsc::channel(INPUTS_MAX);
    let (letters, letterbox) = mpsc::channel(LETTERS_MAX);
    let (measured, readings) = mpsc::channel(SAMPLES_MAX);
    let node = Node::new(spec::core_config(&spec, chaos, &sidecar));
    let (clock, boot_id) = (chassis.clock, boot_id(&chassis));
    let (views, shown) = watch::channel(engine::view(&node, clock.now(), boot_id));
    let (members, history) = (ExtraMembers::default(), History::default());

    let routes = Routes::default();
    let (connected, edges) = (Arc::new(Notify::new()), Edges::default());
    let _legs = listening.serve(&routes, &connected);
    let mut background = watch_services(&programs, &shown, &inputs, chaos);
    let ports = spec::reached_at(&spec, &sidecar);
    background.spawn(Lookout::new(ports, connected, shown.clone(), edges.clone()).run());
    let sampler = Sampler::new(
        clock,
        &spec,
        &programs,
        Arc::clone(&sidecar),
        members.clone(),
        edges,
        shown.clone(),
    )?;
    let telemetry_faults = TelemetryFaults::new(boot_id, sampler.schema(), chassis.clock);
    let link = Link {
        chassis: chassis.clone(),
        nats,
        node: spec.name.clone(),
        boot_id,
        inputs: inputs.clone(),
        letters: letterbox,
        samples: readings,
        views: shown,
        routes,
        telemetry_faults: telemetry_faults.clone(),
    };
    let link = tokio::spawn(link.run());
    background.spawn(sampler.run(measured, history.clone()));
    let faults = Faults {
        node: spec.name.clone(),
        clock,
        programs,
        sidecar: Arc::clone(&sidecar),
        members,
        processes,
        folders: folders.clone(),
        inputs: inputs.clone(),
        telemetry: telemetry_faults,
    };
    let engine = Engine {
        node,
        name: spec.name.clone(),
        boot_id,
        inputs: received,
        effects: Effects::new(faults, history, throttles, inputs.clone()),
        prober: Prober::new(inputs.clone()),
        store: Store::start(folders, sidecar.ports(), inputs)?,
        letters,
        views,
        chassis,
    };
    engine.run(boot).await;
    drop(background);
    link.await.context("the link to the bus")
}

fn watch_services(
    programs: &Arc<BTreeMap<ServiceName, Program>>,
    shown: &Views,
    inputs: &mpsc::Sender<Input>,
    chaos: bool,
) -> JoinSet<()> {
    let mut background = JoinSet::new();
    background.spawn(logs::rotate(log_files(programs)));
    background.spawn(PortWatch::new(programs, shown.clone(), inputs.clone()).run());
    if chaos {
        background.spawn(MakesWatch::new(programs, shown.clone(), inputs.clone()).run());
    }
    background
}

fn log_files(programs: &BTreeMap<ServiceName, Program>) -> Vec<PathBuf> {
    let programs = programs.values();
    programs.map(|program| program.spawn.log.clone()).collect()
}

/// Different for each start, so that readers of telemetry see a restart.
fn boot_id(chassis: &Chassis) -> u64 {
    let nanos = chassis.clock.now().unix_nanos().unsigned_abs();
    nanos ^ (u64::from(std::process::id()) << 48)
}

/// What of a predecessor's is still there. A process that nobody knows of any more (the state file is older than it), or
/// that cannot reach its dependencies, is ended.
async fn reconcile(
    saved: Saved,
    journal: Vec<JournalEntry>,
    programs: &BTreeMap<ServiceName, Program>,
    sidecar: &Sidecar,
    processes: &Processes,
) -> Boot {
    let mut found = Vec::new();
    for (service, program) in programs {
        let known = saved.services.get(service).and_then(|saved| saved.process);
        let alive = known.and_then(|known| Process::adopt(known.pid, known.start_time));
        match alive {
            Some(process) if !sidecar.has_moved(service) => {
                let process = processes.insert(&process);
                found.push(Found {
                    service: service.clone(),
                    process,
                });
            }
            Some(process) => {
                tracing::warn!(%service, "cannot reach its sidecar any more: starting it anew");
                stop(&process, std::time::Duration::ZERO).await;
            }
            None => end_strays(service, program).await,
        }
    }
    Boot {
        saved,
        found,
        journal,
    }
}

async fn end_strays(service: &ServiceName, program: &Program) {
    let socket = program.control_socket.display().to_string();
    for Identity { pid, start_time } in with_environment("ARENA_CONTROL_SOCKET", &socket) {
        if let Some(process) = Process::adopt(pid, start_time) {
            tracing::warn!(%service, pid, "left over by an agent before this one: ending it");
            stop(&process, std::time::Duration::ZERO).await;
        }
    }
}
