//! The comparison of one scenario, and the table of all.
//!
//! Invariant: what is known to differ, and why, stands in [`PRINCIPLE`]; a row in it that does not differ any more is a mistake.

use std::fmt::Write as _;

use arena_faults::FaultName;

use crate::outcome::{Outcome, Spread, Summary};

/// Telemetry comes once a second: what is seen one sample earlier or later is the same.
pub(crate) const SAMPLING_PERIOD_MS: u64 = 1_000;

/// Scenarios in which the simulator is another world than a machine, and why it must be.
pub(crate) const PRINCIPLE: &[(&str, &str)] = &[];

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    fault: FaultName,
    scenario: &'static str,
    live: Summary,
    sim: Summary,
    /// In words; empty where both are the same.
    differences: Vec<String>,
    principle: Option<&'static str>,
}

impl Compared {
    pub(crate) fn new(
        (fault, scenario): (FaultName, &'static str),
        live: &[Outcome],
        sim: &[Outcome],
    ) -> Self {
        let (live, sim) = (Summary::of(live), Summary::of(sim));
        let principle = PRINCIPLE.iter().find(|(name, _)| *name == scenario);
        Self {
            fault,
            scenario,
            differences: differences(&live, &sim),
            live,
            sim,
            principle: principle.map(|(_, why)| *why),
        }
    }

    /// What is wrong with this row, for a person; `None` where it is as it must be.
    pub(crate) fn complaint(&self) -> Option<String> {
        let (fault, scenario) = (self.fault.as_str(), self.scenario);
        match (self.differences.is_empty(), self.principle) {
            (true, None) | (false, Some(_)) => None,
            (false, None) => Some(format!(
                "{fault} ({scenario}): {}",
                self.differences.join("; ")
            )),
            (true, Some(_)) => Some(format!(
                "{fault} ({scenario}) does not differ any more: it has no place in PRINCIPLE"
            )),
        }
    }
}

/// One who has no run has nothing to say, which is no agreement.
pub(crate) fn differences(live: &Summary, sim: &Summary) -> Vec<String> {
    if live.runs == 0 || sim.runs == 0 {
        return vec![format!("live runs: {}, simulated: {}", live.runs, sim.runs)];
    }
    let mut found = Vec::new();
    if live.is_met() != sim.is_met() {
        found.push(format!("verdict {} and {}", verdict(live), verdict(sim)));
    }
    if live.roots.is_disjoint(&sim.roots) {
        found.push(format!("root {} and {}", root(live), root(sim)));
    }
    let apart = match (live.detect_ms, sim.detect_ms) {
        (None, None) => false,
        (Some(live), Some(sim)) => live.median.abs_diff(sim.median) > SAMPLING_PERIOD_MS,
        (Some(_), None) | (None, Some(_)) => true,
    };
    if apart {
        let (live, sim) = (time(live.detect_ms), time(sim.detect_ms));
        found.push(format!("time to detect {live} and {sim}"));
    }
    found
}

/// In Markdown.
pub(crate) fn table(rows: &[Compared]) -> String {
    let mut text = String::from(
        "| fault | scenario | verdict, live | simulated | root, live | simulated | detected after s, live | simulated | healed after s, live | simulated | the same |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let same = match (row.differences.is_empty(), row.principle) {
            (true, _) => "yes".to_owned(),
            (false, Some(why)) => format!("no ({}): {why}", row.differences.join("; ")),
            (false, None) => format!("**no**: {}", row.differences.join("; ")),
        };
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} | {} | {} | {} | {} | {} | {same} |",
            row.fault.as_str(),
            row.scenario,
            verdict(&row.live),
            verdict(&row.sim),
            root(&row.live),
            root(&row.sim),
            time(row.live.detect_ms),
            time(row.sim.detect_ms),
            time(row.live.heal_ms),
            time(row.sim.heal_ms),
        );
    }
    text
}

fn verdict(summary: &Summary) -> String {
    let word = if summary.is_met() { "met" } else { "not met" };
    format!("{word} ({} of {})", summary.met, summary.runs)
}

fn root(summary: &Summary) -> String {
    let root = summary.root.as_ref();
    root.map_or_else(|| "nobody".to_owned(), ToString::to_string)
}

#[expect(clippy::cast_precision_loss, reason = "a run lasts minutes")]
fn time(spread: Option<Spread>) -> String {
    let seconds = |ms: u64| format!("{:.1}", ms as f64 / 1_000.0);
    spread.map_or_else(
        || "never".to_owned(),
        |spread| {
            let (least, most) = (seconds(spread.least), seconds(spread.most));
            format!("{} ({least} to {most})", seconds(spread.median))
        },
    )
}
