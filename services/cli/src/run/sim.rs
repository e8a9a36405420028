//! `arena run --sim`: scenarios in the simulator, on the virtual clock. The record is as on real processes, and the event log lies beside it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;
use arena_chassis::Clock;
use arena_scenario::Scenario;
use arena_scenario::record::{
    CleanUp, FORMAT, Head, Milestones, Mode, Record, Simulated, Versions,
};
use arena_sim::log::LogLevel;
use arena_sim::net::{Network, PRESETS};
use arena_sim::{Played, Setup, SetupError, policy};
use clap::Args;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::tell::Teller;
use super::{RunArgs, conclude, interrupted, keep, print_all, record, source, tell, tell_all};
use crate::exit::{Exit, Failure};
use crate::screen::talk;
use crate::up::signals::Signals;

/// What only a simulated run can be given.
#[derive(Debug, Clone, Args)]
pub(crate) struct SimArgs {
    /// The network between the parties: quiet, lossy, wan or chaos
    #[arg(
        long,
        default_value = "quiet",
        value_name = "PRESET",
        requires = "sim",
        conflicts_with = "live"
    )]
    pub network: String,
    /// After a heal, make the faults once more: it must heal again
    #[arg(long, requires = "sim", conflicts_with = "live")]
    pub encore: bool,
}

/// What a simulated run is made with, as a record keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Of all that the scenario leaves to chance.
    pub seed: u64,
    /// Who heals.
    pub policy: String,
    /// The network.
    pub network: String,
    /// Once more after a heal.
    pub encore: bool,
}

impl Plan {
    /// As a record has it.
    pub(crate) fn of(sim: &Simulated) -> Self {
        Self {
            seed: sim.seed,
            policy: sim.policy.clone(),
            network: sim.network.clone(),
            encore: sim.encore,
        }
    }

    /// Plays a scenario so, and keeps every event.
    pub(crate) fn play(&self, scenario: Scenario) -> Result<Played, Failure> {
        let healer = policy::healer(&self.policy, self.seed).map_err(refused)?;
        let mut setup = Setup::new(scenario, healer);
        setup.seed = self.seed;
        setup.network = network(&self.network)?;
        setup.encore = self.encore;
        setup.log = LogLevel::Full;
        arena_sim::play(setup).map_err(refused)
    }
}

pub(crate) fn network(name: &str) -> Result<Network, Failure> {
    Network::named(name).ok_or_else(|| {
        let known: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
        let known = known.join(", ");
        Exit::Usage.because(format!(
            "there is no network {name}\n  mend: use one of {known}"
        ))
    })
}

/// A setup that cannot be played is a mistake of who asked for it.
fn refused(error: SetupError) -> Failure {
    Exit::Usage.because(error)
}

/// Runs it. An interrupt ends the play that is under way; of several, those before it are told.
pub(super) async fn run(args: &RunArgs) -> Result<(), Failure> {
    // Before anything is told: a name that there is not.
    policy::healer(&args.policy, 0).map_err(refused)?;
    network(&args.simulated.network)?;
    let sources = if args.scenarios.is_empty() {
        source::all_curated()
    } else {
        source::find(&args.scenarios)?
    };
    let mut signals = Signals::listen()?;
    if let [one] = sources.as_slice() {
        let record = play(args, one, &mut signals).await?;
        return conclude(args, &one.name, &record);
    }
    let mut all = Vec::new();
    for one in &sources {
        match play(args, one, &mut signals).await {
            Ok(record) => all.push((one.name.clone(), Ok(record))),
            Err(failure) if failure.exit == Exit::Interrupted => {
                print_all(args, &all)?;
                return Err(failure);
            }
            Err(failure) => {
                talk!("{}: {:#}", one.name, failure.error);
                all.push((one.name.clone(), Err(format!("{:#}", failure.error))));
            }
        }
    }
    tell_all(args, &all)
}

async fn play(
    args: &RunArgs,
    source: &source::Source,
    signals: &mut Signals,
) -> Result<Record, Failure> {
    let scenario = source.read()?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let scenario = scenario
        .seeded(seed)
        .map_err(|mistake| Exit::Usage.because(mistake))?;
    let plan = Plan {
        seed,
        policy: args.policy.clone(),
        network: args.simulated.network.clone(),
        encore: args.simulated.encore,
    };
    talk!(
        "{}: {} (seed {}, policy {})",
        scenario.name,
        scenario.summary,
        plan.seed,
        plan.policy
    );
    let played = tokio::select! {
        played = on_a_thread(plan.clone(), scenario) => played?,
        failure = interrupted(signals) => return Err(failure),
    };
    Teller::default().tell(&played.story);
    let record = made(&plan, &played)?;
    tell(&record);
    let path = keep(args, &record)?;
    write_events(&played, &events_beside(&path))?;
    Ok(record)
}

/// A thread and not a task: who interrupts does not wait for it.
async fn on_a_thread(plan: Plan, scenario: Scenario) -> Result<Played, Failure> {
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new()
        .name("play".to_owned())
        .spawn(move || {
            // Nobody listens any more after an interrupt.
            let _ = tell.send(plan.play(scenario));
        })?;
    told.await
        .map_err(|_| Exit::Failed.because("the run ended without a word"))?
}

/// The record of it.
pub(crate) fn made(plan: &Plan, played: &Played) -> Result<Record, Failure> {
    let load1 = record::load1();
    Ok(Record {
        format: FORMAT,
        ending: played.ending,
        why: played.why.clone(),
        mode: Mode::Sim,
        sim: Some(Simulated {
            seed: plan.seed,
            policy: plan.policy.clone(),
            network: plan.network.clone(),
            encore: plan.encore,
            sha256: played.log.sha256.clone(),
            events: played.log.events,
            virtual_ms: played.virtual_ms,
            build: build()?,
        }),
        scenario: Head::of(&played.scenario),
        scenario_toml: played.scenario.to_toml(),
        attached: false,
        versions: Versions {
            arena: env!("CARGO_PKG_VERSION").to_owned(),
        },
        machine: record::machine(load1),
        began_at: Clock::new().now(),
        milestones: Milestones::of(&played.story),
        verdict: played.verdict.clone(),
        score: played.score.clone(),
        // Nothing is left of what never was.
        clean_up: CleanUp {
            clean: true,
            arena: "simulated".to_owned(),
            ..CleanUp::default()
        },
        timeline: played.story.clone(),
        facts: played.facts.clone(),
    })
}

/// Where the event log of a record is: `NAME.events.jsonl` beside `NAME.json`.
pub(crate) fn events_beside(record: &Path) -> PathBuf {
    record.with_extension("events.jsonl")
}

fn write_events(played: &Played, path: &Path) -> Result<(), Failure> {
    let mut text = String::new();
    for line in &played.log.lines {
        text.push_str(line);
        text.push('\n');
    }
    std::fs::write(path, text)
        .with_context(|| format!("cannot write the event log {}", path.display()))?;
    Ok(())
}

/// This program, told from every other build: the beginning of its file's SHA-256. Read once: of a debug build that takes seconds.
pub(crate) fn build() -> Result<String, Failure> {
    static BUILD: OnceLock<String> = OnceLock::new();
    if let Some(known) = BUILD.get() {
        return Ok(known.clone());
    }
    let read = || -> std::io::Result<Vec<u8>> { std::fs::read(std::env::current_exe()?) };
    let bytes = read().context("cannot read this program's own file")?;
    let digest = Sha256::digest(bytes);
    let [first, second, ..] = digest.as_slice().as_chunks::<4>().0 else {
        return Err(Exit::Failed.because("a digest is longer than that"));
    };
    let (first, second) = (u32::from_be_bytes(*first), u32::from_be_bytes(*second));
    let digest = format!("{first:08x}{second:08x}");
    Ok(BUILD.get_or_init(|| digest).clone())
}
