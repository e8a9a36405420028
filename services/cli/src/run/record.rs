//! The record of a run: one JSON file, of which docs/runs.md tells every field. Fields are added, never renamed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arena_proto::Timestamp;
use arena_scenario::judge::{Facts, Verdict};
use arena_scenario::{Difficulty, Expect, Scenario};
use serde::Serialize;

use super::clean::CleanUp;
use super::view::Event;

/// Changes when a reader of the last one would misread it.
const FORMAT: u32 = 1;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ending {
    /// It met its goal, and left nothing behind.
    Met,
    /// It did not.
    Failed,
    /// It was not well before the first fault, so none was made.
    NoSteadyState,
}

/// The file.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    /// Of this file.
    pub format: u32,
    /// In a word.
    pub ending: Ending,
    /// Why, in a line; empty when it met its goal.
    pub why: String,
    /// Which scenario.
    pub scenario: Head,
    /// Played in an arena that was there before.
    pub attached: bool,
    /// What played it.
    pub versions: Versions,
    /// Where.
    pub machine: Machine,
    /// Every time in this file is in milliseconds since then.
    pub began_at: Timestamp,
    /// The first of each.
    pub milestones: Milestones,
    /// The judge's word; `None` without a steady state.
    pub verdict: Option<Verdict>,
    /// What was left behind.
    pub clean_up: CleanUp,
    /// The story.
    pub timeline: Vec<Event>,
    /// What the judge read.
    pub facts: Facts,
}

/// A scenario in short.
#[derive(Debug, Serialize)]
pub(crate) struct Head {
    pub name: String,
    pub summary: String,
    pub difficulty: Difficulty,
    pub expect: Expect,
    /// The one that it was played with.
    pub seed: u64,
}

/// Of the programs.
#[derive(Debug, Serialize)]
pub(crate) struct Versions {
    pub arena: &'static str,
}

/// What a run's times depend on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub cpus: usize,
    pub memory_mib: Option<u64>,
    pub kernel: String,
    /// Its load average over a minute: where that is far above `cpus`, times say little.
    pub load1_before: Option<f64>,
    pub load1_after: Option<f64>,
}

/// The first time of each; `None` where it did not happen.
#[derive(Debug, Default, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "these are keys of the file, and tell their unit"
)]
pub(crate) struct Milestones {
    pub steady_ms: Option<u64>,
    pub inject_ms: Option<u64>,
    pub detect_ms: Option<u64>,
    pub plan_ms: Option<u64>,
    pub act_ms: Option<u64>,
    pub clear_ms: Option<u64>,
    pub healed_ms: Option<u64>,
}

impl Milestones {
    /// By the story.
    pub(super) fn of(events: &[Event]) -> Self {
        let first = |kind: &str| {
            events
                .iter()
                .find(|event| event.kind == kind)
                .map(|event| event.at_ms)
        };
        // A plan that acts is told as an act.
        let plan = first("plan").into_iter().chain(first("act")).min();
        Self {
            steady_ms: first("steady"),
            inject_ms: first("inject"),
            detect_ms: first("detect"),
            plan_ms: plan,
            act_ms: first("act"),
            clear_ms: first("clear"),
            healed_ms: first("healed"),
        }
    }
}

impl Head {
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            summary: scenario.summary.clone(),
            difficulty: scenario.difficulty,
            expect: scenario.truth.expect,
            seed: scenario.seed,
        }
    }
}

impl Machine {
    /// `load1_before`: what [`load1`] said when the run began.
    pub(super) fn here(load1_before: Option<f64>) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory = read("/proc/meminfo");
        let total = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Self {
            cpus: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory_mib: kib.map(|kib| kib / 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load1_before,
            load1_after: load1(),
        }
    }
}

/// The machine's load average over a minute.
pub(super) fn load1() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

impl Record {
    pub(super) const FORMAT: u32 = FORMAT;

    /// Where it goes when nobody says: the data folder's `runs`.
    pub(super) fn place(&self, data_dir: &Path) -> PathBuf {
        let file = format!(
            "{}-{}.json",
            self.scenario.name,
            self.began_at.unix_millis()
        );
        data_dir.join("runs").join(file)
    }

    /// Writes it in one step: a reader sees all of it or nothing.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let write = || -> anyhow::Result<()> {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let unfinished = path.with_extension("json.new");
            fs::write(&unfinished, serde_json::to_vec_pretty(self)?)?;
            Ok(fs::rename(&unfinished, path)?)
        };
        write().with_context(|| format!("cannot write the run record {}", path.display()))
    }
}
