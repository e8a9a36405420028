//! Many runs over all cores.
//!
//! Invariants: what comes out is in the order of the jobs, whatever the number of threads; a run that panics costs that run alone; once told to
//! stop no run begins, and those that are under way are finished.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How the work is to be done.
pub struct Orders<'a, T> {
    /// Threads; 0: one a core.
    pub threads: usize,
    /// Set: nothing more is begun.
    pub stop: &'a AtomicBool,
    /// Told after each run, by the thread that made it.
    pub done: &'a (dyn Fn(&Done<T>) + Sync),
}

/// One run that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done<T> {
    /// Its place in the list of jobs.
    pub job: usize,
    /// What came of it, or why it came to no end.
    pub result: Result<T, String>,
}

/// Plays all jobs; fewer come back when it was told to stop. Fails when there are no threads to be had.
pub fn run_all<J: Sync, T: Send>(
    jobs: &[J],
    orders: &Orders<'_, T>,
    play: impl Fn(&J) -> Result<T, String> + Sync,
) -> Result<Vec<Done<T>>, String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(orders.threads)
        .build()
        .map_err(|error| format!("cannot start {} threads: {error}", orders.threads))?;
    // Each thread takes the first job that nobody has taken: after an interrupt the jobs that were made are the first ones.
    let next = AtomicUsize::new(0);
    let work = |_: rayon::BroadcastContext<'_>| {
        let mut made = Vec::new();
        while !orders.stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else {
                break;
            };
            let result = guarded(|| play(job));
            let done = Done { job: index, result };
            (orders.done)(&done);
            made.push(done);
        }
        made
    };
    let mut all: Vec<Done<T>> = pool.broadcast(work).into_iter().flatten().collect();
    all.sort_by_key(|done| done.job);
    Ok(all)
}

/// What it says, or how it panicked.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // Nothing of a run outlives it, so nothing half-done is seen after a panic.
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(format!("it panicked: {}", message(panic.as_ref()))))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a word")
}

/// Scenarios and runs that tests are made of.
#[cfg(test)]
pub(crate) mod fixtures {
    use std::collections::BTreeMap;

    use arena_scenario::Scenario;

    use crate::course::{Course, Lane, Span};
    use crate::job::{Job, Matrix, Measure, Outcome};

    pub(crate) fn curated(name: &str) -> Scenario {
        let (_, text) = arena_scenario::curated()
            .iter()
            .find(|(known, _)| *known == name)
            .expect("a curated one");
        Scenario::parse(name, text).expect("valid")
    }

    pub(crate) fn matrix(scenarios: &[&str], policies: &[&str], noise: &[u32]) -> Matrix {
        Matrix {
            suite: "fixture".to_owned(),
            scenarios: scenarios.iter().map(|name| curated(name)).collect(),
            seeds: vec![1, 2, 3],
            policies: policies.iter().map(|name| (*name).to_owned()).collect(),
            noise: noise.to_vec(),
            encore: false,
            network: "quiet".to_owned(),
        }
    }

    /// Who has a longer name heals later; `none` never does. Each seed and percent of noise adds to it.
    pub(crate) fn play(job: &Job) -> Outcome {
        let healed = job.policy != "none";
        let seed = u32::try_from(job.seed).expect("small");
        let name = u32::try_from(job.policy.len()).expect("short");
        let recover_ms = if healed {
            1000 * name + 100 * seed + 50 * job.noise
        } else {
            60_000
        };
        let span = |lane, from_ms, to_ms| Span {
            lane,
            label: format!("{} <of> {}", lane.as_str(), job.scenario.name),
            from_ms,
            to_ms,
        };
        let end = u64::from(recover_ms) + 1000;
        Outcome {
            met: healed,
            failed: if healed {
                Vec::new()
            } else {
                vec!["healed_ms".to_owned()]
            },
            measures: BTreeMap::from([
                (Measure::DetectMs, 500.0 + f64::from(seed)),
                (Measure::RecoverMs, f64::from(recover_ms)),
                (Measure::Composite, if healed { 0.9 } else { 0.0 }),
            ]),
            virtual_ms: end,
            log_sha256: format!("{}-{}-{}", job.scenario.name, job.seed, job.policy),
            course: Course {
                spans: vec![
                    span(Lane::Fault, 0, end),
                    span(Lane::Incident, 500, u64::from(recover_ms)),
                    span(Lane::Action, 700, 900),
                ],
                healed_ms: healed.then_some(u64::from(recover_ms)),
                end_ms: end,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, Outcome};
    use fixtures::{matrix, play};

    fn run(
        threads: usize,
        play: impl Fn(&Job) -> Result<Outcome, String> + Sync,
    ) -> Vec<Done<Outcome>> {
        let matrix = matrix(&["dies-crash", "hang-edge"], &["rules", "none"], &[0]);
        let orders = Orders {
            threads,
            stop: &AtomicBool::new(false),
            done: &|_| {},
        };
        run_all(&matrix.jobs().0, &orders, play).expect("threads")
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let one = run(1, |job| Ok(play(job)));
        assert_eq!(one.len(), 12);
        for threads in [2, 3, 7, 16] {
            assert_eq!(run(threads, |job| Ok(play(job))), one, "{threads} threads");
        }
    }

    #[test]
    fn a_panic_costs_one_run_and_is_told() {
        let done = run(3, |job| {
            assert!(job.seed != 2 || job.policy != "none", "seed {}", job.seed);
            Ok(play(job))
        });
        let broken: Vec<&String> = done
            .iter()
            .filter_map(|one| one.result.as_ref().err())
            .collect();
        assert_eq!(done.len(), 12);
        assert_eq!(broken, ["it panicked: seed 2"; 2]);
    }

    #[test]
    fn once_stopped_nothing_begins_and_what_was_done_is_kept() {
        let matrix = matrix(&["dies-crash", "hang-edge"], &["rules", "none"], &[0]);
        for threads in [1, 3] {
            let (stop, told) = (AtomicBool::new(false), AtomicUsize::new(0));
            let orders = Orders {
                threads,
                stop: &stop,
                done: &|_| {
                    if told.fetch_add(1, Ordering::Relaxed) == 4 {
                        stop.store(true, Ordering::Relaxed);
                    }
                },
            };
            let done = run_all(&matrix.jobs().0, &orders, |job| Ok(play(job))).expect("threads");
            // Those that were under way are finished, and none before them is missing.
            assert!((5..5 + threads).contains(&done.len()), "{done:?}");
            assert!(done.iter().map(|one| one.job).eq(0..done.len()), "{done:?}");
        }
    }
}
