//! The record of a run: one JSON file, of which docs/runs.md tells every field. Fields are added, never renamed.
//!
//! Absent on purpose: making one, and files (those of `arena run`).

use std::borrow::Cow;

use arena_proto::Timestamp;
use serde::{Deserialize, Serialize};

use crate::judge::{Facts, Verdict};
use crate::score::Score;
use crate::{Difficulty, Expect, Scenario};

/// Changes when a reader of the last one would misread it.
pub const FORMAT: u32 = 1;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunEnding))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It met its goal, and left nothing behind.
    Met,
    /// It did not.
    Failed,
    /// It was not well before the first fault, so none was made.
    NoSteadyState,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunRecord))]
pub struct Record {
    /// Of this file.
    pub format: u32,
    /// In a word.
    pub ending: Ending,
    /// Why, in a line; empty when it met its goal.
    pub why: String,
    /// On real processes or in the simulator.
    #[serde(default)]
    pub mode: Mode,
    /// Of a simulated run, all that it takes to play it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sim: Option<Simulated>,
    /// Which scenario.
    pub scenario: Head,
    /// The whole of it, TOML, as it was played; empty in a record of before there was this field.
    #[serde(default)]
    pub scenario_toml: String,
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
    /// The judge's word; null without a steady state.
    pub verdict: Option<Verdict>,
    /// The referee's numbers; null without a steady state, and in records from before there were any.
    #[serde(default)]
    pub score: Option<Score>,
    /// What was left behind.
    pub clean_up: CleanUp,
    /// The story.
    pub timeline: Vec<Line>,
    /// What the judge read.
    pub facts: Facts,
}

/// Where a run was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunMode))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// On real processes.
    #[default]
    Live,
    /// In the simulator.
    Sim,
}

/// What a simulated run was made with, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunSimulated))]
pub struct Simulated {
    /// Of all that the scenario leaves to chance.
    pub seed: u64,
    /// Who healed, by name.
    pub policy: String,
    /// The network, by name.
    pub network: String,
    /// The faults were to be made once more after a heal.
    pub encore: bool,
    /// Over the event log.
    pub sha256: String,
    /// How many events are in it.
    pub events: u64,
    /// How long it took on the virtual clock.
    pub virtual_ms: u64,
    /// Which build of `arena` it was: the beginning of its file's SHA-256. Only the same build promises the same bytes.
    pub build: String,
}

/// A scenario in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunScenario))]
pub struct Head {
    /// Its name.
    pub name: String,
    /// What it is about, in a line.
    pub summary: String,
    /// How hard it is.
    pub difficulty: Difficulty,
    /// What a good remediator does.
    pub expect: Expect,
    /// The one that it was played with.
    pub seed: u64,
}

/// Of the programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunVersions))]
pub struct Versions {
    /// Of all of them.
    pub arena: String,
}

/// What a run's times depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunMachine))]
pub struct Machine {
    /// How many CPUs it has.
    pub cpus: usize,
    /// All of its memory; null where nobody can say.
    pub memory_mib: Option<u64>,
    /// The kernel's release.
    pub kernel: String,
    /// Its load average over a minute: where that is far above `cpus`, times say little.
    pub load1_before: Option<f64>,
    /// The same at the end.
    pub load1_after: Option<f64>,
}

/// The first time of each; null where it did not happen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunMilestones))]
pub struct Milestones {
    /// All was well.
    pub steady_ms: Option<u64>,
    /// A fault was asked for.
    pub inject_ms: Option<u64>,
    /// An incident was opened.
    pub detect_ms: Option<u64>,
    /// A plan was made.
    pub plan_ms: Option<u64>,
    /// An action was commanded.
    pub act_ms: Option<u64>,
    /// A symptom cleared.
    pub clear_ms: Option<u64>,
    /// Users were well again.
    pub healed_ms: Option<u64>,
}

/// What is left of a run: nothing, if all is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunCleanUp))]
pub struct CleanUp {
    /// Nothing is left.
    pub clean: bool,
    /// `stopped`, or of an arena that was there before `healthy` or `unhealthy`.
    pub arena: String,
    /// Faults of which no node said that they are over.
    pub faults: Vec<String>,
    /// Processes that carry a fault's id or the arena's mark.
    pub processes: Vec<String>,
    /// Files of faults.
    pub files: Vec<String>,
    /// What went wrong with the cleaning itself.
    pub errors: Vec<String>,
}

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = RunLine))]
pub struct Line {
    /// When.
    pub at_ms: u64,
    /// One word: steady, inject, refused, over, detect, plan, act, outcome, clear, resolve, escalate, healed.
    pub kind: Cow<'static, str>,
    /// Of whom; empty where it is about all.
    pub entity: String,
    /// In words.
    pub what: String,
}

impl Milestones {
    /// By the story.
    #[must_use]
    pub fn of(lines: &[Line]) -> Self {
        let first = |kind: &str| {
            lines
                .iter()
                .find(|line| line.kind == kind)
                .map(|line| line.at_ms)
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
    /// Of a scenario.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            summary: scenario.summary.clone(),
            difficulty: scenario.difficulty,
            expect: scenario.truth.expect,
            seed: scenario.seed,
        }
    }
}
