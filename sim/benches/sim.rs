//! How fast the arena is simulated, and what it takes in memory: virtual seconds a second of CPU time, on one core.
//!
//! `just bench-sim [NODES...]`. Rules Felix is in the loop, every node tells its telemetry each second, users shop, and every two virtual
//! minutes a service crashes and is healed. Each size runs in a process of its own, so that its peak memory is its own; the stretches of one
//! process follow each other, after a warm-up. Beside it, by turns, the same arena with a detector that takes no short way past calm
//! messages: the log must be the same to the byte, and is compared.

#[path = "../../services/cli/benches/common/machine.rs"]
mod machine;

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use arena_proto::InjectRequest;
use arena_scenario::judge::IncidentFact;
use arena_scenario::{Scenario, Topology};
use arena_sim::{Healer, Setup, Sim, Villain};

/// That of the `arena` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NODES: [u32; 5] = [3, 10, 100, 1_000, 10_000];
/// Targets of the project, in virtual seconds a second.
const TARGETS: [(u32, f64); 3] = [(100, 10_000.0), (1_000, 1_000.0), (10_000, 50.0)];
/// Virtual time between two crashes.
const FAULT_EVERY: Duration = Duration::from_mins(2);
/// Everything has started, and whoever is not known yet is known.
const WARM_UP: Duration = Duration::from_mins(2);
const STRETCHES: usize = 5;
/// Virtual node-seconds in a stretch: some tenths of a second, but no less than one fault, and no more than [`FAULTS_MAX`].
const NODE_SECONDS: u64 = 480_000;
/// What the judge reads of a run (four samples a virtual second) grows with it, and is not what is measured here.
const FAULTS_MAX: u64 = 30;
/// The role that crashes: it is called, and it calls.
const VICTIM: &str = "payments";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match arguments.as_slice() {
        [mode, nodes] if mode == "short" || mode == "thorough" => {
            measure(nodes.parse()?, mode == "thorough")
        }
        [] => compare(&NODES),
        sizes => {
            let sizes: Result<Vec<u32>, _> = sizes.iter().map(|size| size.parse()).collect();
            compare(&sizes.context("give numbers of nodes")?)
        }
    }
}

/// An arena of the shop's roles, two services on most nodes.
fn setup(nodes: u32, thorough: bool) -> anyhow::Result<Setup> {
    let mut curated = arena_scenario::curated().iter();
    let quiet = curated.find(|(name, _)| *name == "control-quiet");
    let (name, text) = quiet.context("no quiet scenario")?;
    let mut scenario =
        Scenario::parse(name, text).map_err(|mistake| anyhow::anyhow!("{mistake}"))?;
    scenario.topology = Topology::Generated {
        nodes,
        replicas: (2 * nodes).div_ceil(5).min(nodes),
        batch: false,
    };
    // Nobody ends it before it was measured.
    scenario.limit = Duration::from_hours(1000);
    scenario.healed.within = scenario.limit;
    let mut setup = Setup::new(scenario, arena_sim::policy::healer("rules", 1)?);
    ensure!(matches!(setup.healer, Healer::Rules(_)), "the rules heal");
    setup.villain = Villain::Blind;
    setup.thorough = thorough;
    Ok(setup)
}

/// What one process tells: a line a stretch, and in the end its memory and its log.
fn measure(nodes: u32, thorough: bool) -> anyhow::Result<()> {
    let begun = cpu_s()?;
    let mut sim = Sim::new(setup(nodes, thorough)?)?;
    let set_up_s = cpu_s()? - begun;
    sim.run_until(sim.now() + WARM_UP)?;
    if !sim.is_playing() {
        let why = sim.finish()?.why;
        anyhow::bail!("no steady state after {WARM_UP:?}: {why}");
    }
    println!("start {} {}", set_up_s, cpu_s()? - begun - set_up_s);
    let faults = NODE_SECONDS / u64::from(nodes) / FAULT_EVERY.as_secs();
    let stretch = FAULT_EVERY * u32::try_from(faults.clamp(1, FAULTS_MAX))?;
    let mut victims = victims(nodes)?.into_iter().cycle();
    let mut crashes = Vec::new();
    for _ in 0..STRETCHES {
        let (begun, events) = (cpu_s()?, sim.events());
        let end = sim.now() + stretch;
        let before = crashes.len();
        while sim.now() < end {
            let victim = victims.next().context("nobody to crash")?;
            let request = InjectRequest {
                fault: "crash".to_owned(),
                target: victim.clone(),
                ttl_ms: 30_000,
                ..InjectRequest::default()
            };
            let reply = sim.inject(request);
            ensure!(reply.error.is_none(), "{reply:?}");
            crashes.push(Crash {
                victim,
                at_ms: sim.now_ms(),
            });
            sim.run_until(sim.now() + FAULT_EVERY)?;
        }
        let spent = cpu_s()? - begun;
        println!(
            "stretch {} {spent} {} {}",
            stretch.as_secs(),
            sim.events() - events,
            crashes.len() - before
        );
    }
    let played = sim.finish()?;
    let healed = crashes
        .iter()
        .filter(|crash| crash.is_healed(&played.facts.incidents));
    let (healed, made) = (healed.count(), crashes.len());
    ensure!(healed == made, "{healed} of {made} crashes were healed");
    println!(
        "end {} {} {}",
        peak_bytes()?,
        played.log.events,
        played.log.sha256
    );
    Ok(())
}

/// A crash that was made.
struct Crash {
    victim: String,
    at_ms: u64,
}

impl Crash {
    /// Before the next one an incident about it was opened, cleared by the detector, and resolved.
    fn is_healed(&self, incidents: &[IncidentFact]) -> bool {
        let next_ms = self.at_ms + u64::try_from(FAULT_EVERY.as_millis()).unwrap_or(u64::MAX);
        let mut own = incidents.iter().filter(|incident| {
            incident.root_cause.to_string() == self.victim && incident.opened_ms >= self.at_ms
        });
        let in_time = |ms: Option<u64>| ms.is_some_and(|ms| ms < next_ms);
        own.any(|incident| in_time(incident.cleared_ms) && in_time(incident.resolved_ms))
    }
}

/// Every replica of the role that crashes.
fn victims(nodes: u32) -> anyhow::Result<Vec<String>> {
    let setup = setup(nodes, false)?;
    let layout = arena_scenario::Layout::of(&setup.scenario.topology, setup.scenario.seed);
    let services = layout.services().filter(|entity| {
        entity
            .service
            .as_ref()
            .is_some_and(|name| name.as_str() == VICTIM)
    });
    Ok(services.map(|entity| entity.to_string()).collect())
}

/// CPU time of this process, which has one thread: what a core of its own would take, whatever else the machine does.
fn cpu_s() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos: f64 = text.split(' ').next().context("no CPU time")?.parse()?;
    Ok(nanos / 1e9)
}

fn peak_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}

/// What a process told.
#[derive(Default)]
struct Told {
    /// Virtual seconds a second.
    speeds: Vec<f64>,
    /// Events a second.
    events: Vec<f64>,
    /// Virtual seconds in a stretch, and faults in it.
    stretch: (f64, f64),
    start_s: f64,
    peak_bytes: f64,
    sha256: String,
}

fn run(nodes: u32, mode: &str) -> anyhow::Result<Told> {
    let output = Command::new(std::env::current_exe()?)
        .args([mode, &nodes.to_string()])
        .output()?;
    let talk = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{nodes} nodes: {talk}");
    let mut told = Told::default();
    for line in String::from_utf8(output.stdout)?.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["start", set_up, warm_up] => {
                told.start_s = set_up.parse::<f64>()? + warm_up.parse::<f64>()?;
            }
            ["stretch", virtual_s, spent, events, faults] => {
                let (virtual_s, spent): (f64, f64) = (virtual_s.parse()?, spent.parse()?);
                told.speeds.push(virtual_s / spent);
                told.events.push(events.parse::<f64>()? / spent);
                told.stretch = (virtual_s, faults.parse()?);
            }
            ["end", peak, _, sha256] => {
                told.peak_bytes = peak.parse()?;
                (*sha256).clone_into(&mut told.sha256);
            }
            _ => anyhow::bail!("{line}"),
        }
    }
    Ok(told)
}

fn compare(sizes: &[u32]) -> anyhow::Result<()> {
    println!("{}", machine::describe());
    println!("command: just bench-sim");
    println!(
        "one core, CPU time; rules heal; telemetry of every node each virtual second; a crash of a {VICTIM} every {FAULT_EVERY:?} of virtual time; \
         median of {STRETCHES} stretches after a warm-up of {WARM_UP:?} (least, most)\n"
    );
    println!(
        "  nodes | virtual s a CPU second (least, most) | target | us a node-second | events a second | without short ways | start s | peak MiB | KiB a node | stretch"
    );
    let mut least: Option<(u32, f64)> = None;
    for nodes in sizes {
        let short = run(*nodes, "short")?;
        let thorough = run(*nodes, "thorough")?;
        ensure!(
            short.sha256 == thorough.sha256,
            "{nodes} nodes: the short ways change the log"
        );
        let speed = spread(&short.speeds);
        let slow = spread(&thorough.speeds);
        let target = TARGETS.iter().find(|(size, _)| size == nodes);
        let target = target.map_or_else(|| "-".to_owned(), |(_, target)| format!("{target:.0}"));
        let (least_nodes, least_bytes) = *least.get_or_insert((*nodes, short.peak_bytes));
        let more = f64::from(*nodes) - f64::from(least_nodes);
        let grows = if more > 0.0 {
            format!("{:.0}", (short.peak_bytes - least_bytes) / more / 1024.0)
        } else {
            "-".to_owned()
        };
        println!(
            "{nodes:7} | {:10.0} ({:8.0}, {:8.0}) | {target:>6} | {:16.2} | {:15.0} | {:10.0} ({:4.1}x) | {:7.2} | {:8.0} | {grows:>10} | {:.0} s, {} faults",
            speed[1],
            speed[0],
            speed[2],
            1e6 / speed[1] / f64::from(*nodes),
            spread(&short.events)[1],
            slow[1],
            speed[1] / slow[1],
            short.start_s,
            short.peak_bytes / 1024.0 / 1024.0,
            short.stretch.0,
            short.stretch.1,
        );
    }
    Ok(())
}

/// Least, median and most.
fn spread(values: &[f64]) -> [f64; 3] {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => [0.0; 3],
        values => [
            values[0],
            values[values.len() / 2],
            values[values.len() - 1],
        ],
    }
}
