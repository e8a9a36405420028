//! `arena bench`: every scenario of a suite, with every seed, under every policy.

use std::path::PathBuf;
use std::sync::Arc;

use arena_lab::{Matrix, NOISE_PERCENT_MAX, Report};
use clap::Args;

use super::{SEED_MAX, files, suite, tell, work};
use crate::exit::Failure;
use crate::screen::{self, talk};
use crate::up::signals::Signals;

/// Seeds of one benchmark; the intervals are as narrow as anybody needs them long before.
const SEEDS_MAX: i64 = 10_000;

/// `arena bench`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena bench                                          the curated scenarios, 20 seeds, rules
  arena bench --policy rules,noop,random --out report  compare policies; bench.json and report.html
  arena bench --suite generated:100 --seeds 5          new scenarios
  arena bench --suite my-scenarios --noise 0,10,20,40  against worse and worse telemetry
  arena bench --suite controls --json > controls.json  is anything done where nothing is wrong?

The same suite, seeds, policies and noise give the same numbers, whatever --jobs is.
Ctrl-C keeps what was done until then. docs/bench.md tells how to read the report.

Exit codes: 0 all runs were made, 1 some came to no end, 2 usage, 3 no such suite, 130 interrupted.")]
pub(crate) struct BenchArgs {
    /// What is played: curated, controls, generated:N, files, folders, or curated ones by name
    #[arg(
        long,
        value_name = "SUITE,...",
        value_delimiter = ',',
        default_value = "curated"
    )]
    suite: Vec<String>,
    /// With how many seeds each scenario is played
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=SEEDS_MAX))]
    seeds: u32,
    /// The first seed; generated suites are made of it, too
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=SEED_MAX.unsigned_abs()))]
    seed: u64,
    /// Who heals: rules (the remediator), none, noop, random, restart or reference (knows the truth)
    #[arg(
        long,
        value_name = "POLICY,...",
        value_delimiter = ',',
        default_value = "rules"
    )]
    policy: Vec<String>,
    /// How bad the telemetry is, in percent: lost, told twice, and late by 20 ms a percent
    #[arg(long, value_name = "PERCENT,...", value_delimiter = ',', default_value = "0", value_parser = clap::value_parser!(u32).range(..=i64::from(NOISE_PERCENT_MAX)))]
    noise: Vec<u32>,
    /// The network between the arena's parts: quiet, lossy, wan or chaos
    #[arg(long, value_name = "PRESET", default_value = "quiet")]
    network: String,
    /// What was healed is hurt once more, and has to be healed again
    #[arg(long)]
    encore: bool,
    /// Threads [default: one a core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// A folder for bench.json and report.html
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Runs it.
pub(crate) async fn run(args: BenchArgs) -> Result<(), Failure> {
    super::check_healers(&args.policy)?;
    crate::run::sim::network(&args.network)?;
    let levels: Vec<String> = args.noise.iter().map(ToString::to_string).collect();
    super::check_once("level of noise", &levels)?;
    if let Some(folder) = &args.out {
        files::prepare(folder)?;
    }
    let matrix = Matrix {
        suite: args.suite.join(", "),
        scenarios: suite::find(&args.suite, args.seed)?,
        seeds: super::seeds(args.seed, args.seeds),
        policies: args.policy.clone(),
        noise: args.noise.clone(),
        encore: args.encore,
        network: args.network.clone(),
    };
    let (jobs, skipped) = matrix.jobs();
    let jobs = Arc::new(jobs);
    let signals = Signals::listen()?;
    talk!(
        "{} scenarios x {} seeds x {} policies x {} levels of noise: {} runs",
        matrix.scenarios.len(),
        matrix.seeds.len(),
        matrix.policies.len(),
        matrix.noise.len(),
        jobs.len() + skipped.len() * matrix.policies.len()
    );
    let mut worked =
        work::work(signals, &jobs, args.jobs.map(usize::from), arena_lab::play).await?;
    let broken = worked.broken();
    let done = std::mem::take(&mut worked.done);
    let mut report = Report::of(&matrix, &jobs, skipped, done);
    let machine = worked.machine(report.virtual_ms());
    work::tell_speed(&machine);
    report.machine = Some(machine);
    tell::not_played(&report);
    tell_and_keep(&args, &report)?;
    work::ending(worked.interrupted, broken)
}

fn tell_and_keep(args: &BenchArgs, report: &Report) -> Result<(), Failure> {
    if let Some(folder) = &args.out {
        let (data, page) = (folder.join("bench.json"), folder.join("report.html"));
        files::write(&data, &files::json(report)?)?;
        files::write(&page, &arena_lab::html(report)?)?;
        talk!("report: {} and {}", page.display(), data.display());
    }
    if args.json {
        return Ok(screen::print(&files::json(report)?)?);
    }
    Ok(screen::print(&tell::bench(report))?)
}
