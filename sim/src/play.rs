//! A scenario from its steady state to its verdict.

use arena_scenario::Scenario;
use arena_scenario::judge::{self, Facts, Verdict};
use arena_scenario::record::{Ending, Line};
use arena_scenario::score::Score;
use arena_scenario::watch::View;

use crate::log::EventLog;
use crate::setup::{Setup, SetupError};
use crate::sim::Sim;

/// A run that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// As it was played.
    pub scenario: Scenario,
    /// In a word.
    pub ending: Ending,
    /// Why, in a line; empty when it met its goal.
    pub why: String,
    /// What the judge read.
    pub facts: Facts,
    /// The judge's word; `None` without a steady state.
    pub verdict: Option<Verdict>,
    /// The referee's numbers; `None` without a steady state.
    pub score: Option<Score>,
    /// The story.
    pub story: Vec<Line>,
    /// Everything that happened.
    pub log: EventLog,
    /// How long it took on the virtual clock.
    pub virtual_ms: u64,
}

/// Plays it. The same setup gives the same run, byte by byte in its log.
pub fn play(setup: Setup) -> Result<Played, SetupError> {
    let mut sim = Sim::new(setup)?;
    // A run ends by its limit at the latest; this is far beyond every one.
    let end = sim.now() + std::time::Duration::from_hours(24);
    sim.run_until(end)?;
    sim.finish()
}

impl Played {
    pub(crate) fn of(
        scenario: Scenario,
        mut view: View,
        played: bool,
        log: EventLog,
        virtual_ms: u64,
    ) -> Result<Self, SetupError> {
        let facts = view.end();
        let (verdict, score) = if played {
            let verdict = judge::judge(&scenario, &facts)?;
            (
                Some(verdict),
                Some(arena_referee::score(&scenario, &facts)?),
            )
        } else {
            (None, None)
        };
        let (ending, why) = match (&verdict, &score) {
            (Some(_), Some(score)) if score.passed => (Ending::Met, String::new()),
            // The judge sees what was told, the referee what was so.
            (Some(verdict), Some(score)) if verdict.met => (Ending::Failed, score.why_not()),
            (Some(verdict), _) => (Ending::Failed, verdict.why_not()),
            (None, _) => {
                let last = view.events.iter().rfind(|line| line.kind == "unsteady");
                let why = last.map_or_else(String::new, |line| line.what.clone());
                (Ending::NoSteadyState, why)
            }
        };
        Ok(Self {
            scenario,
            ending,
            why,
            facts,
            verdict,
            score,
            story: view.events,
            log,
            virtual_ms,
        })
    }
}
