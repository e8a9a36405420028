//! What is compared of a run, out of its record; and what most of several runs say.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::Entity;
use arena_scenario::judge::Part;
use arena_scenario::record::Record;
use serde::{Deserialize, Serialize};

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The judge's word.
    pub met: bool,
    /// Whom the first incident blames; none where none was opened.
    pub root: Option<Entity>,
    /// From the first fault until an incident was opened.
    pub detect_ms: Option<u64>,
    /// From the first fault until users were well for good.
    pub heal_ms: Option<u64>,
    /// Why the goal was not met; empty when it was.
    pub why: String,
}

/// What several runs of one scenario say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    /// How many runs.
    pub runs: usize,
    /// How many of them met their goal.
    pub met: usize,
    /// Whom most of them blame.
    pub root: Option<Entity>,
    /// Everybody whom at least one in [`CHANCE`] blames: where several show the same at once, chance has it who is the first.
    pub roots: BTreeSet<Option<Entity>>,
    /// None where most of them detected nothing.
    pub detect_ms: Option<Spread>,
    /// None where most of them were not healed.
    pub heal_ms: Option<Spread>,
}

/// Blamed by fewer than one in so many runs is nobody's root.
const CHANCE: usize = 4;

/// Least, middle and most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    pub least: u64,
    pub median: u64,
    pub most: u64,
}

impl Outcome {
    /// `None` where nothing was judged: that there was no steady state is the machine's trouble, and says nothing of the fault.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let verdict = record.verdict.as_ref()?;
        let injections = record.facts.faults.iter();
        let injections = injections.filter(|fault| fault.part == Part::Injection);
        let begun = injections.filter_map(|fault| fault.armed_ms).min()?;
        let incidents = record.facts.incidents.iter();
        let first = incidents
            .filter(|incident| incident.opened_ms >= begun)
            .min_by_key(|incident| incident.opened_ms);
        Some(Self {
            met: verdict.met,
            root: first.map(|incident| incident.root_cause.clone()),
            detect_ms: verdict.detect_ms,
            heal_ms: verdict.heal_ms,
            why: verdict.why_not(),
        })
    }
}

impl Summary {
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let mut blamed: BTreeMap<Option<&Entity>, usize> = BTreeMap::new();
        for outcome in outcomes {
            *blamed.entry(outcome.root.as_ref()).or_default() += 1;
        }
        let often = |count: usize| count * CHANCE >= outcomes.len();
        let roots = blamed.iter().filter(|(_, count)| often(**count));
        let roots = roots.map(|(root, _)| root.cloned()).collect();
        // Of several that are blamed equally often the first by name: `max_by_key` gives the last.
        let most = blamed.into_iter().rev().max_by_key(|(_, count)| *count);
        let spread = |time: fn(&Outcome) -> Option<u64>| {
            let known: Vec<u64> = outcomes.iter().filter_map(time).collect();
            (known.len() * 2 > outcomes.len()).then(|| Spread::of(known))?
        };
        Self {
            runs: outcomes.len(),
            met: outcomes.iter().filter(|outcome| outcome.met).count(),
            root: most.and_then(|(root, _)| root.cloned()),
            roots,
            detect_ms: spread(|outcome| outcome.detect_ms),
            heal_ms: spread(|outcome| outcome.heal_ms),
        }
    }

    /// The verdict of most of them; a tie is not met.
    pub(crate) const fn is_met(&self) -> bool {
        self.met * 2 > self.runs
    }
}

impl Spread {
    fn of(mut values: Vec<u64>) -> Option<Self> {
        values.sort_unstable();
        let (least, most) = (*values.first()?, *values.last()?);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self {
            least,
            median: u64::midpoint(lower, upper),
            most,
        })
    }
}
