//! `arena run`: plays scenarios, judges what came of them, and leaves nothing behind but a record.
//!
//! A table of contents: the arena (`ground`), what is seen of it (`eyes`, `tell`), who hurts (`villain`), the run itself (`live`; `sim` on the
//! virtual clock), what is left (`clean`), what is kept (`record`), how the score is told (`score`). What is made of what is seen is
//! `arena_scenario::watch`, the judge `arena_scenario::judge`.

mod clean;
mod eyes;
mod ground;
pub(crate) mod live;
pub(crate) mod record;
mod score;
pub(crate) mod sim;
pub(crate) mod source;
mod tell;
mod villain;

use std::path::PathBuf;

use arena_bus::NatsArgs;
use arena_scenario::judge::Policy;
use clap::Args;

use crate::exit::{Exit, Failure};
use crate::screen::{self, Cell, Tone, talk};
use crate::up::data_dir::DataDirArgs;
use crate::up::signals::Signals;
use arena_scenario::record::{Ending, Mode, Record};
use live::Options;

/// `arena run`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena run dies-crash --sim                  a curated one (arena scenarios list), in the simulator
  arena run --sim --policy none               all curated ones: what stays ill when nobody heals?
  arena run dies-crash --live                 on real processes, in an arena of its own
  arena run my.toml --live --seed 7 --json    the record goes to stdout, too
  arena run scenarios/ --live                 all files of a folder, one after the other
  arena run my.toml --live --attach           in the arena that runs
  arena run my.toml --live --policy none      does it stay ill when nobody heals?

Exit codes: 0 it met its goal, 1 it did not, 2 usage, 3 there is no such scenario, 5 no steady state, 130 interrupted.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(crate) struct RunArgs {
    /// Files, folders, or names of curated scenarios; with --sim and none, all curated ones
    #[arg(required_unless_present = "sim", value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// On real processes
    #[arg(long, conflicts_with = "sim")]
    live: bool,
    /// In the simulator: the same cores on a virtual clock
    #[arg(long)]
    sim: bool,
    /// Another seed than the scenario's. A generated arena whose parts the scenario names stays as it is
    #[arg(long)]
    seed: Option<u64>,
    /// Print the record as JSON; of several a list
    #[arg(long)]
    json: bool,
    /// In the arena that runs, when it is the scenario's
    #[arg(long, conflicts_with = "sim")]
    attach: bool,
    /// Where the record goes; of several a folder [default: `runs` in the data folder]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Who heals: felix (the remediator; also: rules), none (nobody) or reference (the runner, which knows the truth); with --sim any policy
    #[arg(long, default_value = "felix", value_name = "NAME")]
    policy: String,
    #[command(flatten)]
    simulated: sim::SimArgs,
    #[command(flatten)]
    data: DataDirArgs,
    #[command(flatten)]
    nats: NatsArgs,
}

/// Who heals on real processes.
fn live_policy(name: &str) -> Result<Policy, Failure> {
    match name {
        "felix" | "rules" => Ok(Policy::Felix),
        "none" => Ok(Policy::None),
        "reference" => Ok(Policy::Reference),
        other => Err(Exit::Usage.because(format!(
            "{other} does not heal real processes\n  mend: use felix, none or reference; or --sim, which has more"
        ))),
    }
}

/// One of several runs: its record, or why there is none.
type Played = (String, Result<Record, String>);

/// Runs it.
pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    if args.sim {
        return sim::run(&args).await;
    }
    if !args.live {
        return Err(Exit::Usage.because(
            "say where: --live plays it on real processes, --sim in the simulator\n  mend: add --sim, and it takes no time",
        ));
    }
    let sources = source::find(&args.scenarios)?;
    let options = Options {
        policy: live_policy(&args.policy)?,
        attach: args.attach.then(|| args.nats.clone()),
        named: false,
    };
    let mut signals = Signals::listen()?;
    if let [one] = sources.as_slice() {
        return run_one(&args, one, &options, &mut signals).await;
    }
    let mut all = Vec::new();
    for one in &sources {
        match play(&args, one, &options, &mut signals).await {
            Ok(record) => all.push((one.name.clone(), Ok(record))),
            Err(failure) if failure.exit == Exit::Interrupted => {
                print_all(&args, &all)?;
                return Err(failure);
            }
            Err(failure) => {
                talk!("{}: {:#}", one.name, failure.error);
                all.push((one.name.clone(), Err(format!("{:#}", failure.error))));
            }
        }
    }
    tell_all(&args, &all)
}

async fn run_one(
    args: &RunArgs,
    source: &source::Source,
    options: &Options,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let record = play(args, source, options, signals).await?;
    conclude(args, &source.name, &record)
}

/// Prints a record where that is asked for; the exit code tells its ending.
fn conclude(args: &RunArgs, name: &str, record: &Record) -> Result<(), Failure> {
    if args.json {
        screen::print_json(record)?;
    }
    match record.ending {
        Ending::Met => Ok(()),
        Ending::Failed => Err(Exit::Failed.because(format!("{name} did not meet its goal"))),
        Ending::NoSteadyState => Err(Exit::Timeout.because(format!("{name}: {}", record.why))),
    }
}

async fn play(
    args: &RunArgs,
    source: &source::Source,
    options: &Options,
    signals: &mut Signals,
) -> Result<Record, Failure> {
    let scenario = source.read()?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let scenario = scenario
        .seeded(seed)
        .map_err(|mistake| Exit::Usage.because(mistake))?;
    if scenario.seed != seed {
        talk!(
            "{}: it names who is in its arena, and keeps its seed {}",
            scenario.name,
            scenario.seed
        );
    }
    talk!(
        "{}: {} (seed {}, policy {})",
        scenario.name,
        scenario.summary,
        scenario.seed,
        options.policy.as_str()
    );
    let record = live::play(&scenario, options, interrupted(signals)).await?;
    tell(&record);
    keep(args, &record)?;
    Ok(record)
}

/// Writes a record to where it was asked for; where that cannot be, to where records go by default. Gives its path.
fn keep(args: &RunArgs, record: &Record) -> Result<PathBuf, Failure> {
    let path = match &args.record {
        Some(path) if args.scenarios.len() == 1 && !path.is_dir() => path.clone(),
        Some(folder) => folder.join(format!("{}.json", record.scenario.name)),
        None => record::place(record, &args.data.path()?),
    };
    if let Err(failure) = record::write(record, &path) {
        // A play takes a minute; what came of it is not lost for a name.
        let kept = record::place(record, &args.data.path()?);
        record::write(record, &kept)?;
        let what = format!("{failure:#}\n  it is in {} instead", kept.display());
        return Err(Exit::Failed.because(what));
    }
    talk!("record: {}", path.display());
    Ok(path)
}

/// Waits for a signal that asks for the end.
pub(crate) async fn interrupted(signals: &mut Signals) -> Failure {
    let signal = signals.next().await;
    talk!("{signal}: cleaning up");
    Exit::Interrupted.because("interrupted")
}

/// The verdict, for a person.
fn tell(record: &Record) {
    for one in record.verdict.iter().flat_map(|verdict| &verdict.criteria) {
        let word = match (one.passed, one.required) {
            (true, _) => "ok    ",
            (false, true) => "FAILED",
            (false, false) => "no    ",
        };
        talk!("  {word} {:<13} {}", one.name, one.reason);
    }
    if record.mode == Mode::Live {
        let left = if record.clean_up.clean {
            "ok    "
        } else {
            "FAILED"
        };
        talk!("  {left} {:<13} arena {}", "clean", record.clean_up.arena);
    }
    if let Some(score) = &record.score {
        score::tell(score);
    }
    let word = if record.ending == Ending::Met {
        "MET"
    } else {
        "NOT MET"
    };
    let why = if record.why.is_empty() {
        String::new()
    } else {
        format!(": {}", record.why)
    };
    talk!("{} {word}{why}", record.scenario.name);
}

/// Those that were played, as a list or a table.
fn print_all(args: &RunArgs, all: &[Played]) -> Result<(), Failure> {
    if args.json {
        let records: Vec<serde_json::Value> = all.iter().map(as_json).collect::<Result<_, _>>()?;
        screen::print_json(&records)?;
    } else {
        let rows: Vec<Vec<Cell>> = all.iter().map(row).collect();
        screen::print(&screen::table(
            &[
                "scenario", "result", "score", "detected", "healed", "actions", "why",
            ],
            &rows,
        ))?;
    }
    Ok(())
}

/// Prints them; the exit code tells whether all met their goal.
fn tell_all(args: &RunArgs, all: &[Played]) -> Result<(), Failure> {
    print_all(args, all)?;
    let met = |one: &&Played| {
        one.1
            .as_ref()
            .is_ok_and(|record| record.ending == Ending::Met)
    };
    let count = all.iter().filter(met).count();
    if count == all.len() {
        return Ok(());
    }
    Err(Exit::Failed.because(format!("{count} of {} met their goal", all.len())))
}

/// A record, or of what could not be played its name and why.
fn as_json((name, played): &Played) -> Result<serde_json::Value, serde_json::Error> {
    match played {
        Ok(record) => serde_json::to_value(record),
        Err(why) => {
            Ok(serde_json::json!({ "ending": "error", "scenario": { "name": name }, "why": why }))
        }
    }
}

fn row((name, played): &Played) -> Vec<Cell> {
    let dash = || "-".to_owned();
    let record = match played {
        Ok(record) => record,
        Err(why) => {
            let first = why.lines().next().unwrap_or_default();
            let dashes = std::iter::repeat_with(|| Cell::from(dash())).take(4);
            let mut row = vec![name.as_str().into(), Cell("ERROR".to_owned(), Tone::Bad)];
            row.extend(dashes);
            row.push(first.into());
            return row;
        }
    };
    let time =
        |ms: Option<u64>| ms.map_or_else(dash, |ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100));
    let verdict = record.verdict.as_ref();
    let result = match record.ending {
        Ending::Met => Cell("MET".to_owned(), Tone::Good),
        Ending::Failed => Cell("NOT MET".to_owned(), Tone::Bad),
        Ending::NoSteadyState => Cell("UNSTEADY".to_owned(), Tone::Bad),
    };
    let score = record.score.as_ref();
    let score = score.map_or_else(dash, |score| format!("{:.1}", score.composite));
    vec![
        name.as_str().into(),
        result,
        score.into(),
        time(verdict.and_then(|verdict| verdict.detect_ms)).into(),
        time(verdict.and_then(|verdict| verdict.heal_ms)).into(),
        record.facts.actions.len().to_string().into(),
        record.why.as_str().into(),
    ]
}
