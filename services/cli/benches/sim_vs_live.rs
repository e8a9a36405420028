//! The same scenarios on real processes and in the simulator: verdict, root, time to detect and to heal, for every fault, in a table.
//!
//! `just sim-vs-live [--recorded] [--repeats N] [--jobs N] [FAULT...]`. It exits with 1 where verdict or root differ, or the medians of the
//! times to detect by more than a sampling period. What the live runs gave is kept in `tests/sim_vs_live/live.json`, which a test holds the
//! simulator to, and the table goes to docs/sim-vs-live.md.

#[path = "common/machine.rs"]
mod machine;

#[path = "../tests/sim_vs_live/compare.rs"]
mod compare;
#[path = "../tests/sim_vs_live/outcome.rs"]
mod outcome;
#[path = "../tests/sim_vs_live/players.rs"]
mod players;
#[path = "../tests/sim_vs_live/recorded.rs"]
mod recorded;
#[path = "../tests/sim_vs_live/suite.rs"]
mod suite;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use arena_faults::FaultName;
use arena_testkit::Arena;
use clap::Parser;
use compare::Compared;
use recorded::{Measured, Recorded};
use suite::{Row, SUITE};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sim-vs-live.md");
/// What stands below it is written here.
const MARK: &str = "<!-- Written by `just sim-vs-live`; do not edit from here. -->\n";

#[derive(Parser)]
struct Arguments {
    /// Play live again only what these faults are compared by [default: all]
    faults: Vec<String>,
    /// Play nothing live: only the simulator is played again
    #[arg(long)]
    recorded: bool,
    /// Live runs of each scenario
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Live runs at once; two on a small machine are each other's noisy neighbour
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Seeds of the simulator
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Cargo hands it on
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let wanted = wanted(&arguments)?;
    let command: Vec<String> = std::env::args().skip(1).collect();
    let command: Vec<&str> = command
        .iter()
        .map(String::as_str)
        .filter(|word| *word != "--bench")
        .collect();
    let command = format!("just sim-vs-live {}", command.join(" "));
    let by = machine::describe();
    println!("{by}\ncommand: {command}\n");
    let place = players::place(env!("CARGO_BIN_EXE_arena"));
    let (greedy, modest): (VecDeque<_>, VecDeque<_>) = wanted.into_iter().partition(is_greedy);
    play_live(&place, &arguments, greedy, 1, &by)?;
    play_live(&place, &arguments, modest, arguments.jobs, &by)?;
    let recorded = recorded::read()?;
    let simulated = players::simulated(&place, 1..=arguments.seeds)?;
    let rows: Vec<Compared> = SUITE
        .iter()
        .map(|row| {
            let live = recorded.get(row.1).map_or(&[][..], |known| &known.runs);
            let sim = simulated.get(row.1).map_or(&[][..], Vec::as_slice);
            Compared::new(*row, live, sim)
        })
        .collect();
    let table = compare::table(&rows);
    println!("{table}");
    write_page(&table, &measured_by(&recorded), arguments.seeds)?;
    let complaints: Vec<String> = rows.iter().filter_map(Compared::complaint).collect();
    for complaint in &complaints {
        println!("differs: {complaint}");
    }
    println!(
        "{} of {} the same",
        rows.len() - complaints.len(),
        rows.len()
    );
    Ok(ExitCode::from(u8::from(!complaints.is_empty())))
}

/// The scenarios to be played live.
fn wanted(arguments: &Arguments) -> anyhow::Result<VecDeque<Row>> {
    for fault in &arguments.faults {
        let known = arena_faults::Fault::named(fault).is_ok();
        ensure!(
            known,
            "no fault is called {fault:?}: `arena faults` lists them"
        );
    }
    if arguments.recorded {
        return Ok(VecDeque::new());
    }
    let all = arguments.faults.is_empty();
    let is_wanted =
        |fault: &FaultName| all || arguments.faults.iter().any(|one| one == fault.as_str());
    let rows = SUITE.iter().filter(|(fault, _)| is_wanted(fault));
    Ok(rows.copied().collect())
}

/// It takes the CPU of the whole machine: nothing is measured beside it.
fn is_greedy((fault, _): &Row) -> bool {
    matches!(
        fault,
        FaultName::CpuSpike | FaultName::NoisyNeighbour | FaultName::LoadSurge
    )
}

/// Plays each as often as asked for, and keeps what came of it as soon as it is known: an interrupted measurement is not lost.
fn play_live(
    place: &Arena,
    arguments: &Arguments,
    wanted: VecDeque<Row>,
    jobs: usize,
    by: &str,
) -> anyhow::Result<()> {
    let wanted = Mutex::new(wanted);
    let kept = Mutex::new(recorded::read()?);
    let next = || lock(&wanted).pop_front();
    let work = || -> anyhow::Result<()> {
        while let Some((_, scenario)) = next() {
            let mut measured = Measured {
                by: by.to_owned(),
                load1: Vec::new(),
                runs: Vec::new(),
            };
            for _ in 0..arguments.repeats {
                let (outcome, load1) = players::live(place, scenario)?;
                eprintln!("{scenario}: {outcome:?}, load {load1:?}");
                measured.runs.push(outcome);
                measured.load1.push(load1);
            }
            let mut kept = lock(&kept);
            kept.insert(scenario.to_owned(), measured);
            kept.retain(|name, _| SUITE.iter().any(|(_, known)| known == name));
            let text = serde_json::to_string_pretty(&*kept)? + "\n";
            std::fs::write(recorded::PATH, text)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker
                .join()
                .map_err(|_| anyhow::anyhow!("a live run panicked"))??;
        }
        Ok(())
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which machines and versions the live side is of, and how busy they were.
fn measured_by(recorded: &Recorded) -> String {
    let who: BTreeSet<&str> = recorded.values().map(|one| one.by.as_str()).collect();
    let loads = recorded.values().flat_map(|one| one.load1.iter().flatten());
    let mut loads: Vec<f64> = loads.copied().collect();
    loads.sort_by(f64::total_cmp);
    let mut text = String::new();
    for by in who {
        let _ = writeln!(text, "{by}");
    }
    if let (Some(least), Some(most)) = (loads.first(), loads.last()) {
        let median = loads[loads.len() / 2];
        let _ = writeln!(
            text,
            "load average before each run: {least} to {most}, median {median}"
        );
    }
    text
}

fn write_page(table: &str, by: &str, seeds: u64) -> anyhow::Result<()> {
    let page = std::fs::read_to_string(PAGE).context(PAGE)?;
    let (head, _) = page
        .split_once(MARK)
        .with_context(|| format!("{PAGE} has no line {MARK:?}"))?;
    let text = format!(
        "{head}{MARK}\n{table}\nThe live side was measured on\n\n```\n{by}```\n\nand the simulated one is the same scenarios with seeds 1 to {seeds}.\n"
    );
    Ok(std::fs::write(PAGE, text)?)
}
