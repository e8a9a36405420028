//! The report of a benchmark: what all its runs say together. docs/bench.md tells every field; fields are added, never renamed.
//!
//! Invariant: but for `machine` it is the same for the same jobs, whatever the number of threads.

mod pairs;
mod rows;

use serde::Serialize;

use crate::job::{Job, Matrix, Outcome, Trial};
use crate::work::Done;
pub use pairs::Pair;
pub use rows::{Row, ScenarioRow};

/// Changes when a reader of the last one would misread it.
pub const FORMAT: u32 = 1;

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Of this file.
    pub format: u32,
    /// Every run that could be made was begun; false after an interrupt.
    pub complete: bool,
    /// What was played.
    pub suite: String,
    /// With these seeds each.
    pub seeds: Vec<u64>,
    /// At these levels of telemetry noise, in percent.
    pub noise: Vec<u32>,
    /// What was healed was hurt once more, and had to be healed again.
    pub encore: bool,
    /// The network between the arena's parts, by the name of its preset.
    pub network: String,
    /// Runs that were planned, with those that were left out.
    pub planned: usize,
    /// Of these, left out because no such scenario can be: each of `skipped`, for each policy.
    pub left_out: usize,
    /// Each policy at each level of noise, over all scenarios.
    pub policies: Vec<Row>,
    /// The same by scenario.
    pub scenarios: Vec<ScenarioRow>,
    /// Each two policies, on the same scenarios and seeds.
    pub pairs: Vec<Pair>,
    /// What was left out for every policy, because no such scenario can be.
    pub skipped: Vec<Skipped>,
    /// Runs that were begun and came to no end.
    pub broken: Vec<Broken>,
    /// Each run.
    pub runs: Vec<Trial>,
    /// Where and how fast; the one part that differs from run to run.
    pub machine: Option<Machine>,
}

/// A scenario that cannot be played with this seed and this noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Its name.
    pub scenario: String,
    /// With this seed.
    pub seed: u64,
    /// At this level of noise.
    pub noise: u32,
    /// Why, in words.
    pub why: String,
}

/// A run that came to no end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Of this scenario.
    pub scenario: String,
    /// With this seed.
    pub seed: u64,
    /// With this healer.
    pub policy: String,
    /// At this level of noise.
    pub noise: u32,
    /// Why, in words.
    pub why: String,
}

/// Where it was run, and how fast it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// Of the program.
    pub version: String,
    /// What was typed.
    pub command: String,
    /// When, RFC 3339, UTC.
    pub at: String,
    /// How many CPUs it has.
    pub cpus: usize,
    /// All of its memory; null where nobody can say.
    pub memory_mib: Option<u64>,
    /// The kernel's release.
    pub kernel: String,
    /// Its load average over a minute, before.
    pub load1_before: Option<f64>,
    /// The same at the end.
    pub load1_after: Option<f64>,
    /// Threads that played.
    pub threads: usize,
    /// How long it took, in seconds.
    pub wall_seconds: f64,
    /// How much time passed in all runs together, in seconds.
    pub virtual_seconds: f64,
    /// The one divided by the other.
    pub virtual_seconds_per_second: f64,
}

impl Report {
    /// Of what was planned and what was done.
    #[must_use]
    pub fn of(
        matrix: &Matrix,
        jobs: &[Job],
        skipped: Vec<Skipped>,
        done: Vec<Done<Outcome>>,
    ) -> Self {
        let complete = done.len() == jobs.len();
        // A variant that cannot be played was planned for each policy.
        let left_out = skipped.len() * matrix.policies.len();
        let (mut runs, mut broken) = (Vec::new(), Vec::new());
        for one in done {
            let Some(job) = jobs.get(one.job) else {
                continue;
            };
            match one.result {
                Ok(outcome) => runs.push(Trial::of(job, outcome)),
                Err(why) => broken.push(Broken {
                    scenario: job.scenario.name.clone(),
                    seed: job.seed,
                    policy: job.policy.clone(),
                    noise: job.noise,
                    why,
                }),
            }
        }
        Self {
            format: FORMAT,
            complete,
            suite: matrix.suite.clone(),
            seeds: matrix.seeds.clone(),
            noise: matrix.noise.clone(),
            encore: matrix.encore,
            network: matrix.network.clone(),
            planned: jobs.len() + left_out,
            left_out,
            policies: rows::by_policy(matrix, &runs),
            scenarios: rows::by_scenario(matrix, &runs),
            pairs: pairs::of(matrix, &runs),
            skipped,
            broken,
            runs,
            machine: None,
        }
    }

    /// How much time passed in all runs together, in milliseconds.
    #[must_use]
    pub fn virtual_ms(&self) -> u64 {
        self.runs.iter().map(|run| run.outcome.virtual_ms).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::job::Measure;
    use crate::work::fixtures::{matrix, play};
    use crate::work::{Orders, run_all};

    fn report(threads: usize) -> Report {
        let matrix = matrix(
            &["dies-crash", "hang-edge", "control-quiet"],
            &["rules", "none", "reference"],
            &[0, 20],
        );
        let (jobs, skipped) = matrix.jobs();
        let orders = Orders {
            threads,
            stop: &AtomicBool::new(false),
            done: &|_| {},
        };
        let done = run_all(&jobs, &orders, |job| {
            if job.seed == 3 && job.policy == "reference" && job.noise == 20 {
                return Err("it broke".to_owned());
            }
            Ok(play(job))
        });
        Report::of(&matrix, &jobs, skipped, done.expect("threads"))
    }

    #[test]
    fn the_json_is_the_same_bytes_whatever_the_number_of_threads() {
        let text = |threads| serde_json::to_string_pretty(&report(threads)).expect("JSON");
        let one = text(1);
        for threads in [2, 4, 9] {
            assert!(text(threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn each_policy_has_a_row_a_level_of_noise_and_one_a_scenario() {
        let report = report(2);
        assert!(report.complete);
        assert_eq!((report.policies.len(), report.scenarios.len()), (6, 18));
        assert_eq!(report.broken.len(), 3);
        assert_eq!(report.runs.len() + report.broken.len(), report.planned);
        let row = |policy: &str, noise| {
            let found = |row: &&Row| row.policy == policy && row.noise == noise;
            report.policies.iter().find(found).expect("a row")
        };
        let none = row("none", 0);
        // Nothing is to be healed in the control: it is not among the healed.
        assert_eq!(
            none.healed.map(|share| (share.n, share.count)),
            Some((6, 0))
        );
        assert_eq!(none.met.map(|share| share.n), Some(9));
        let recover = |policy| row(policy, 0).measures[&Measure::RecoverMs].mean;
        assert!((recover("rules") - 5200.0).abs() < 1e-6);
        assert!(
            (recover("none") - 60_000.0).abs() < 1e-6,
            "a miss is the limit"
        );
    }

    #[test]
    fn policies_are_compared_on_the_same_seeds() {
        let report = report(2);
        let pair = |left: &str, right: &str, noise| {
            let found =
                |pair: &&Pair| pair.left == left && pair.right == right && pair.noise == noise;
            report.pairs.iter().find(found).expect("a pair")
        };
        let both = pair("rules", "reference", 20);
        // The reference's third seed broke: both count without it.
        assert_eq!(both.runs, 6);
        let recover = &both.difference[&Measure::RecoverMs];
        // The longer name heals later by 4 s for each seed: the spread between seeds is not in it.
        assert!((recover.mean + 4000.0).abs() < 1e-6);
        assert!(recover.is_clear());
        assert_eq!(report.pairs.len(), 6);
    }

    #[test]
    fn what_is_left_out_was_planned() {
        // It makes what the noise is made of itself.
        let matrix = matrix(&["telemetry-loss-node"], &["rules", "none"], &[20]);
        let (jobs, skipped) = matrix.jobs();
        let report = Report::of(&matrix, &jobs, skipped, Vec::new());
        assert_eq!((report.planned, report.left_out), (6, 6));
    }

    #[test]
    fn what_was_interrupted_says_so() {
        let matrix = matrix(&["dies-crash"], &["rules"], &[0]);
        let (jobs, skipped) = matrix.jobs();
        let result = Ok(play(&jobs[0]));
        let report = Report::of(&matrix, &jobs, skipped, vec![Done { job: 0, result }]);
        assert!(!report.complete);
        assert_eq!((report.planned, report.runs.len()), (3, 1));
        let one = report.policies[0].measures[&Measure::RecoverMs];
        assert_eq!((one.n, one.low), (1, None), "one run has no interval");
    }
}
