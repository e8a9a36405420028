//! `arena replay`: a simulated run is played again and compared, event by event and field by field; a run on real processes is told again, in its order and,
//! if wanted, at its pace.
//!
//! Absent on purpose: any judgement. A replay says whether the bytes are the same, and the story what happened.

mod compare;
mod differs;
mod story;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use arena_scenario::record::{FORMAT, Mode, Record};
use clap::Args;

use crate::exit::{Exit, Failure};
use crate::screen::talk;
use crate::up::data_dir::DataDirArgs;

/// Records that are named when none fits.
const NAMED_MAX: usize = 5;

/// `arena replay`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena replay dies-crash-1795252175137       by its name in the data folder's runs
  arena replay run.json                       a file; of a simulated run its events lie beside it
  arena replay run.json --step                line by line, with Enter
  arena replay run.json --from 5s --until 20s --speed 2

A simulated run is played again: `identical`, or the first event or field that differs.

Exit codes: 0 identical, or told again; 1 it differs; 2 usage; 3 there is no such run.")]
pub(crate) struct ReplayArgs {
    /// A record's file, or its name in the data folder
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    story: StoryArgs,
    #[command(flatten)]
    data: DataDirArgs,
}

/// How a story is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoryArgs {
    /// Only what happened from then on, since the run began
    #[arg(long, value_name = "DURATION", value_parser = arena_config::duration::parse)]
    from: Option<Duration>,
    /// Only what happened until then
    #[arg(long, value_name = "DURATION", value_parser = arena_config::duration::parse)]
    until: Option<Duration>,
    /// Wait for Enter after each line
    #[arg(long, conflicts_with = "speed")]
    step: bool,
    /// At this many times real time; without it all at once
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    speed: Option<f64>,
}

impl StoryArgs {
    /// Somebody wants to hear it.
    const fn is_asked_for(&self) -> bool {
        self.from.is_some() || self.until.is_some() || self.step || self.speed.is_some()
    }
}

/// From a hundredth of real time to a million times it.
fn speed(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.01..=1e6).contains(&factor) {
        Ok(factor)
    } else {
        Err("use a factor from 0.01 to 1000000".to_owned())
    }
}

/// Runs it.
pub(crate) async fn run(args: ReplayArgs) -> Result<(), Failure> {
    let path = find(&args.run, &args.data.path()?)?;
    let record = read(&path)?;
    match record.mode {
        Mode::Live => story::tell(&record, &args.story).await,
        Mode::Sim => {
            let compared = compare::compare(&record, &path);
            if args.story.is_asked_for() {
                story::tell(&record, &args.story).await?;
            }
            compared
        }
    }
}

/// A file, or a name in the data folder.
fn find(run: &str, data_dir: &Path) -> Result<PathBuf, Failure> {
    let path = PathBuf::from(run);
    if path.is_file() {
        return Ok(path);
    }
    let folder = data_dir.join("runs");
    let name = run.strip_suffix(".json").unwrap_or(run);
    let kept = folder.join(format!("{name}.json"));
    if !run.contains('/') && kept.is_file() {
        return Ok(kept);
    }
    let mut known: Vec<String> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|file| file.strip_suffix(".json").map(str::to_owned))
        .collect();
    known.sort();
    let like: Vec<&str> = known
        .iter()
        .map(String::as_str)
        .filter(|known| known.starts_with(name))
        .take(NAMED_MAX)
        .collect();
    let mend = match (like.as_slice(), known.last()) {
        ([], None) => "`arena run SCENARIO --sim` makes one".to_owned(),
        ([], Some(last)) => format!("name a file, or a run of that folder, as {last}"),
        (like, _) => format!("did you mean {}?", like.join(", ")),
    };
    Err(Exit::NotRunning.because(format!(
        "there is no file {run}, and no such run in {}\n  mend: {mend}",
        folder.display()
    )))
}

fn read(path: &Path) -> Result<Record, Failure> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rubbish = |why: &dyn std::fmt::Display| {
        Exit::Usage.because(format!(
            "{} is not the record of a run: {why}\n  mend: name a file that `arena run` has written",
            path.display()
        ))
    };
    // The format first: a record of another one need not be readable otherwise.
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|why| rubbish(&why))?;
    let format = value.get("format").and_then(serde_json::Value::as_u64);
    match format {
        None => return Err(rubbish(&"it has no `format`")),
        Some(format) if format != u64::from(FORMAT) => {
            return Err(Exit::Usage.because(format!(
                "{} has format {format}, and this arena reads {FORMAT}\n  mend: replay it with the arena that wrote it",
                path.display()
            )));
        }
        Some(_) => {}
    }
    let record: Record = serde_json::from_value(value).map_err(|why| rubbish(&why))?;
    talk!(
        "{} (seed {}), {}: {}",
        record.scenario.name,
        record.scenario.seed,
        match record.mode {
            Mode::Live => "on real processes",
            Mode::Sim => "simulated",
        },
        record.scenario.summary
    );
    Ok(record)
}
