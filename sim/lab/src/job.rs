//! What is to be played, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_scenario::{Expect, Scenario};
use serde::Serialize;

use crate::bench::Skipped;
use crate::course::Course;
use crate::noise::with_noise;

/// One run to make.
#[derive(Debug, Clone)]
pub struct Job {
    /// As it is played with the run's seed ([`Scenario::seeded`]), and with its noise.
    pub scenario: Arc<Scenario>,
    /// Of all chance in the run; the scenario's own may differ, as it lays the arena out.
    pub seed: u64,
    /// Who heals.
    pub policy: String,
    /// The level of telemetry noise, in percent.
    pub noise: u32,
    /// What was healed is hurt once more, and has to be healed again.
    pub encore: bool,
    /// The network between the arena's parts, by the name of a preset of the simulator.
    pub network: String,
}

/// What a run is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// From the fault until an incident names the right root, in ms.
    DetectMs,
    /// From the fault until users are well for good, in ms.
    RecoverMs,
    /// The first root that was named was right, in percent.
    LocalisationPercent,
    /// Actions that cured nothing.
    Needless,
    /// Actions at what is not to blame.
    Wrong,
    /// What actions cost users, in user-seconds.
    CollateralUserSeconds,
    /// Peak share of the rest that was hurt, in percent.
    ContainmentPercent,
    /// Incidents about nothing, a node and day.
    FalseIncidentsNodeDay,
    /// The referee's composite.
    Composite,
}

impl Measure {
    /// All, in the order of the tables.
    pub const ALL: [Self; 9] = [
        Self::Composite,
        Self::DetectMs,
        Self::RecoverMs,
        Self::LocalisationPercent,
        Self::Needless,
        Self::Wrong,
        Self::CollateralUserSeconds,
        Self::ContainmentPercent,
        Self::FalseIncidentsNodeDay,
    ];

    /// In a word, with the unit that [`Measure::shown`] gives.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::DetectMs => "detect s",
            Self::RecoverMs => "recover s",
            Self::LocalisationPercent => "root %",
            Self::Needless => "needless",
            Self::Wrong => "wrong",
            Self::CollateralUserSeconds => "collateral user-s",
            Self::ContainmentPercent => "spread %",
            Self::FalseIncidentsNodeDay => "false/node-day",
            Self::Composite => "score",
        }
    }

    /// In a sentence, for who meets it for the first time; docs/score.md has the formula.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::DetectMs => "From the first fault until an incident names what is to blame.",
            Self::RecoverMs => "From the first fault until users were well for good.",
            Self::LocalisationPercent => "The share of what is to blame that was named first.",
            Self::Needless => "Actions a run at what is to blame that cured nothing.",
            Self::Wrong => "Actions a run at what is not to blame.",
            Self::CollateralUserSeconds => {
                "User-seconds a run that misplaced actions may have cost."
            }
            Self::ContainmentPercent => "The greatest share of the rest that was hurt at once.",
            Self::FalseIncidentsNodeDay => "Incidents about nothing, for each node and day.",
            Self::Composite => "The composite of all of these, 0 to 100: more is better.",
        }
    }

    /// The least and the greatest value that can be.
    #[must_use]
    pub const fn range(self) -> (f64, f64) {
        match self {
            Self::LocalisationPercent | Self::ContainmentPercent | Self::Composite => (0.0, 100.0),
            _ => (0.0, f64::INFINITY),
        }
    }

    /// A value as people read it.
    #[must_use]
    pub fn shown(self, value: f64) -> f64 {
        match self {
            Self::DetectMs | Self::RecoverMs => value / 1000.0,
            _ => value,
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The goal of the scenario was met: healed, left alone, or a person called.
    pub met: bool,
    /// What was asked for and not fulfilled, by the names of the criteria; `no_steady_state` where nothing was made.
    pub failed: Vec<String>,
    /// What was measured; a time that was not reached is the scenario's limit, and what does not apply is not there.
    pub measures: BTreeMap<Measure, f64>,
    /// How much time passed in it.
    pub virtual_ms: u64,
    /// Of its event log.
    pub log_sha256: String,
    /// How it went; of that the JSON has nothing, as `arena run --sim` gives it for the same seed.
    #[serde(skip)]
    pub course: Course,
}

/// A run with what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// Which scenario.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Who healed.
    pub policy: String,
    /// The level of telemetry noise, in percent.
    pub noise: u32,
    /// What a good remediator does.
    pub expect: Expect,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Trial {
    pub(crate) fn of(job: &Job, outcome: Outcome) -> Self {
        Self {
            scenario: job.scenario.name.clone(),
            seed: job.seed,
            policy: job.policy.clone(),
            noise: job.noise,
            expect: job.scenario.truth.expect,
            outcome,
        }
    }

    /// What is the same for two policies that are compared.
    pub(crate) fn pairing(&self) -> (u32, &str, u64) {
        (self.noise, &self.scenario, self.seed)
    }

    pub(crate) fn measure(&self, measure: Measure) -> Option<f64> {
        self.outcome.measures.get(&measure).copied()
    }
}

/// Everything that is to be played.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// What the suite is called.
    pub suite: String,
    /// The scenarios, each with its own seed.
    pub scenarios: Vec<Scenario>,
    /// The seeds that each is played with.
    pub seeds: Vec<u64>,
    /// Who heals, in the order of the tables.
    pub policies: Vec<String>,
    /// Levels of telemetry noise, in percent.
    pub noise: Vec<u32>,
    /// What was healed is hurt once more, and has to be healed again.
    pub encore: bool,
    /// The network between the arena's parts, by the name of a preset of the simulator.
    pub network: String,
}

impl Matrix {
    /// All runs, in the order of the report; and what cannot be played so, with the reason.
    #[must_use]
    pub fn jobs(&self) -> (Vec<Job>, Vec<Skipped>) {
        let (mut jobs, mut skipped) = (Vec::new(), Vec::new());
        for noise in &self.noise {
            for scenario in &self.scenarios {
                let hazy = hazy(scenario, *noise);
                for seed in &self.seeds {
                    let seeded = hazy.as_ref().map_err(Clone::clone);
                    match seeded.and_then(|hazy| variant(hazy, *seed)) {
                        Ok(variant) => jobs.extend(self.of_variant(&variant, *seed, *noise)),
                        Err(why) => skipped.push(Skipped {
                            scenario: scenario.name.clone(),
                            seed: *seed,
                            noise: *noise,
                            why,
                        }),
                    }
                }
            }
        }
        (jobs, skipped)
    }

    fn of_variant(
        &self,
        variant: &Arc<Scenario>,
        seed: u64,
        noise: u32,
    ) -> impl Iterator<Item = Job> {
        self.policies.iter().map(move |policy| Job {
            scenario: Arc::clone(variant),
            seed,
            policy: policy.clone(),
            noise,
            encore: self.encore,
            network: self.network.clone(),
        })
    }
}

/// With other telemetry it is another scenario, which is checked as any other.
fn hazy(scenario: &Scenario, noise: u32) -> Result<Scenario, String> {
    let file = format!("{} with {noise} % noise", scenario.name);
    Scenario::parse(&file, &with_noise(scenario, noise).to_toml())
        .map_err(|mistake| mistake.to_string())
}

/// The same as `arena run --seed` plays.
fn variant(hazy: &Scenario, seed: u64) -> Result<Arc<Scenario>, String> {
    let seeded = hazy.seeded(seed);
    seeded.map(Arc::new).map_err(|mistake| mistake.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::fixtures::{curated, matrix};

    #[test]
    fn each_policy_plays_the_same_seeds() {
        let matrix = matrix(
            &["dies-crash", "control-quiet"],
            &["rules", "none"],
            &[0, 20],
        );
        let (jobs, skipped) = matrix.jobs();
        assert_eq!(skipped, []);
        assert_eq!(jobs.len(), 2 * 2 * 3 * 2);
        let of = |policy: &str| -> Vec<(String, u64, u32)> {
            let jobs = jobs.iter().filter(|job| job.policy == policy);
            jobs.map(|job| (job.scenario.name.clone(), job.seed, job.noise))
                .collect()
        };
        assert_eq!(of("rules"), of("none"));
    }

    #[test]
    fn what_cannot_be_played_so_is_told_and_the_rest_is_played() {
        // It makes what the noise is made of itself.
        let matrix = matrix(&["telemetry-loss-node", "dies-crash"], &["rules"], &[0, 20]);
        let (jobs, skipped) = matrix.jobs();
        assert_eq!((skipped.len(), jobs.len()), (3, 3 * 3));
        assert!(
            skipped[0].why.contains("telemetry-loss"),
            "{:?}",
            skipped[0]
        );
    }

    #[test]
    fn generated_ones_can_be_played_with_each_seed() {
        let mut matrix = matrix(&[], &["rules"], &[0]);
        matrix.scenarios = arena_scenario::generate(1, 30, None);
        matrix.seeds = vec![1, 2];
        let (jobs, skipped) = matrix.jobs();
        assert_eq!((jobs.len(), skipped), (60, Vec::new()));
    }

    #[test]
    fn the_noise_is_in_the_scenario() {
        let hazy = with_noise(&curated("dies-crash"), 20);
        assert_eq!(hazy.telemetry.loss_percent, 20);
    }
}
