//! A tournament: each villain against each healer, in the built-in arena, on the same seeds.
//!
//! The score of a bout is the share of their time in which users were served well, as they really felt it: the healer wants all of it, the villain
//! none. Nothing is asked for but that, so a healer that does nothing has a score, too. docs/bench.md tells the rest. Absent on purpose: the
//! scripted villain, which plays a scenario: that is a benchmark. Invariant: every pair meets the same seeds, so that differences are
//! those of the players.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{VillainRequest, VillainStopWhen};
use arena_scenario::{Expect, Scenario};
use arena_sim::{Setup, Villain, policy};
use serde::Serialize;

use crate::arena::number;
use crate::bench::{FORMAT, Machine};
use crate::stats::Estimate;
use crate::work::Done;

/// Who can hurt in a tournament.
pub const VILLAINS: [&str; 2] = ["random", "adaptive"];
/// After the villain's time: its faults are reverted, and what lasts on is the healer's.
const SETTLE: Duration = Duration::from_secs(30);
/// How long a villain may hurt: the longest scenario, less what comes after.
pub const LENGTH_MAX: Duration = Duration::from_mins(8);
/// Where it is played; `limit` and `within` are replaced by the tournament's length.
const ARENA: &str = r#"
name = "tournament"
summary = "The built-in shop, which a villain hurts for as long as it may."
difficulty = "hard"
[truth]
expect = "no-action"
"#;

/// Who plays, how often.
#[derive(Debug, Clone)]
pub struct Tournament {
    /// Of [`VILLAINS`].
    pub villains: Vec<String>,
    /// Healers by name.
    pub felix: Vec<String>,
    /// Bouts of each pair.
    pub rounds: u32,
    /// Of the first round; each following one has the next.
    pub seed: u64,
    /// How long a villain hurts, at most [`LENGTH_MAX`].
    pub length: Duration,
}

/// One bout to play.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Bout {
    /// Who hurts.
    pub villain: String,
    /// Who heals.
    pub felix: String,
    /// Of every chance.
    pub seed: u64,
    #[serde(skip)]
    length: Duration,
}

/// What came of a bout.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoutResult {
    /// Of the users' time, how much they were served well in, in percent.
    pub served_percent: f64,
    /// Users that were not served well, times seconds.
    pub lost_user_seconds: f64,
    /// Faults that were made.
    pub faults: usize,
    /// Actions that were commanded.
    pub actions: usize,
    /// How much time passed in it.
    pub virtual_ms: u64,
    /// Of its event log.
    pub log_sha256: String,
}

/// A pair of players over all rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// Who hurts.
    pub villain: String,
    /// Who heals.
    pub felix: String,
    /// The share of their time in which users were served well, in percent; null without a bout.
    pub served_percent: Option<Estimate>,
    /// Faults of a bout.
    pub faults: Option<Estimate>,
    /// Actions of a bout.
    pub actions: Option<Estimate>,
}

/// Two healers against the same villain, on the same seeds: the first minus the second.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Versus {
    /// Who hurts.
    pub villain: String,
    /// One healer.
    pub left: String,
    /// The other.
    pub right: String,
    /// Percent points of users' time.
    pub served_percent: Option<Estimate>,
}

/// One bout with what came of it, or why it came to no end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Round {
    /// Which.
    #[serde(flatten)]
    pub bout: Bout,
    /// What came of it.
    pub result: Option<BoutResult>,
    /// Why nothing did.
    pub broken: Option<String>,
}

/// All of it; but for `machine` the same for the same tournament, whatever the number of threads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standings {
    /// Of this file.
    pub format: u32,
    /// Every bout was played; false after an interrupt.
    pub complete: bool,
    /// Bouts that were planned.
    pub planned: usize,
    /// How long a villain hurts, in ms.
    pub length_ms: u64,
    /// Each pair.
    pub cells: Vec<Cell>,
    /// Each two healers against each villain.
    pub versus: Vec<Versus>,
    /// Each bout.
    pub bouts: Vec<Round>,
    /// Where and how fast.
    pub machine: Option<Machine>,
}

impl Standings {
    /// How much time passed in all bouts together, in milliseconds.
    #[must_use]
    pub fn virtual_ms(&self) -> u64 {
        let played = self.bouts.iter().filter_map(|round| round.result.as_ref());
        played.map(|result| result.virtual_ms).sum()
    }
}

impl Tournament {
    /// All bouts, round by round: what is played until an interrupt compares all pairs.
    #[must_use]
    pub fn bouts(&self) -> Vec<Bout> {
        let mut bouts = Vec::new();
        for round in 0..u64::from(self.rounds) {
            for villain in &self.villains {
                bouts.extend(self.felix.iter().map(|felix| Bout {
                    villain: villain.clone(),
                    felix: felix.clone(),
                    seed: self.seed.saturating_add(round),
                    length: self.length.min(LENGTH_MAX),
                }));
            }
        }
        bouts
    }

    /// What all bouts say together.
    #[must_use]
    pub fn standings(&self, bouts: &[Bout], done: Vec<Done<BoutResult>>) -> Standings {
        let complete = done.len() == bouts.len();
        let mut rounds = Vec::new();
        for one in done {
            let Some(bout) = bouts.get(one.job).cloned() else {
                continue;
            };
            let (result, broken) = match one.result {
                Ok(result) => (Some(result), None),
                Err(why) => (None, Some(why)),
            };
            rounds.push(Round {
                bout,
                result,
                broken,
            });
        }
        let (mut cells, mut versus) = (Vec::new(), Vec::new());
        for villain in &self.villains {
            for (index, left) in self.felix.iter().enumerate() {
                cells.push(cell(villain, left, &rounds));
                let others = &self.felix[index + 1..];
                versus.extend(
                    others
                        .iter()
                        .map(|right| compare(villain, left, right, &rounds)),
                );
            }
        }
        Standings {
            format: FORMAT,
            complete,
            planned: bouts.len(),
            length_ms: u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX),
            cells,
            versus,
            bouts: rounds,
            machine: None,
        }
    }
}

/// What was measured in the bouts of a pair, by seed.
fn of_pair(
    villain: &str,
    felix: &str,
    rounds: &[Round],
    measure: impl Fn(&BoutResult) -> f64,
) -> BTreeMap<u64, f64> {
    let own = rounds
        .iter()
        .filter(|round| round.bout.villain == villain && round.bout.felix == felix);
    own.filter_map(|round| Some((round.bout.seed, measure(round.result.as_ref()?))))
        .collect()
}

fn cell(villain: &str, felix: &str, rounds: &[Round]) -> Cell {
    let estimate = |range, measure: &dyn Fn(&BoutResult) -> f64| {
        let values = of_pair(villain, felix, rounds, measure);
        Some(Estimate::of(&[values.into_values().collect()])?.within(range))
    };
    let counted = (0.0, f64::INFINITY);
    let many = |count: usize| number(u64::try_from(count).unwrap_or(u64::MAX));
    Cell {
        villain: villain.to_owned(),
        felix: felix.to_owned(),
        served_percent: estimate((0.0, 100.0), &|result| result.served_percent),
        faults: estimate(counted, &|result| many(result.faults)),
        actions: estimate(counted, &|result| many(result.actions)),
    }
}

fn compare(villain: &str, left: &str, right: &str, rounds: &[Round]) -> Versus {
    let of = |felix| of_pair(villain, felix, rounds, |result| result.served_percent);
    let (one, other) = (of(left), of(right));
    let both = one
        .iter()
        .filter_map(|(seed, value)| Some(value - other.get(seed)?));
    Versus {
        villain: villain.to_owned(),
        left: left.to_owned(),
        right: right.to_owned(),
        served_percent: Estimate::of(&[both.collect()]),
    }
}

/// The arena of a bout: it ends by its time alone.
fn scenario(bout: &Bout) -> Result<Scenario, String> {
    let arena = Scenario::parse("tournament", ARENA);
    let mut scenario = arena
        .and_then(|arena| arena.seeded(bout.seed))
        .map_err(|error| error.to_string())?;
    debug_assert_eq!(scenario.truth.expect, Expect::NoAction);
    scenario.limit = bout.length + SETTLE;
    scenario.healed.within = scenario.limit.saturating_sub(scenario.healed.hold);
    Ok(scenario)
}

/// Plays a bout in the simulator; the error says why it could not.
pub fn play_bout(bout: &Bout) -> Result<BoutResult, String> {
    let scenario = scenario(bout)?;
    let healer = policy::healer(&bout.felix, bout.seed).map_err(|error| error.to_string())?;
    // Its defaults, but for its time, and it goes on whatever it did: else who calls a person would be spared the rest.
    let request = VillainRequest {
        seed: Some(bout.seed),
        for_ms: u64::try_from(bout.length.as_millis()).ok(),
        stop_when: Some(VillainStopWhen::default()),
        ..VillainRequest::default()
    };
    let villain = match bout.villain.as_str() {
        "random" => Villain::Random(request),
        "adaptive" => Villain::Adaptive(request),
        other => return Err(format!("there is no villain {other}")),
    };
    let setup = Setup {
        villain,
        ..Setup::new(scenario, healer)
    };
    let played = arena_sim::play(setup).map_err(|error| error.to_string())?;
    let Some(score) = played.score else {
        return Err(format!("no steady state: {}", played.why));
    };
    let facts = &played.facts;
    let watched = Duration::from_millis(facts.end_ms.saturating_sub(facts.play_ms));
    let users = facts
        .steady_rate_hz
        .unwrap_or_else(|| f64::from(played.scenario.load.rate));
    let all = users * watched.as_secs_f64();
    let served: f64 = if all > 0.0 {
        1.0 - score.lost_user_seconds / all
    } else {
        0.0
    };
    Ok(BoutResult {
        served_percent: 100.0 * served.max(0.0),
        lost_user_seconds: score.lost_user_seconds,
        // All are the villain's: the load is steady, and the telemetry perfect.
        faults: facts.faults.iter().filter(|fault| fault.is_made()).count(),
        actions: facts.actions.len(),
        virtual_ms: played.virtual_ms,
        log_sha256: played.log.sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tournament() -> Tournament {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Tournament {
            villains: names(&VILLAINS),
            felix: names(&["rules", "noop"]),
            rounds: 3,
            seed: 7,
            length: Duration::from_mins(2),
        }
    }

    /// Rules are better by 10, and the seeds differ by more.
    fn result(bout: &Bout) -> Result<BoutResult, String> {
        if bout.villain == "adaptive" && bout.felix == "noop" && bout.seed == 9 {
            return Err("it panicked".to_owned());
        }
        let seed = u32::try_from(bout.seed).expect("small");
        let better = if bout.felix == "rules" { 10.0 } else { 0.0 };
        Ok(BoutResult {
            served_percent: f64::from(seed) * 8.0 + better,
            lost_user_seconds: 1.0,
            faults: 4,
            actions: 2,
            virtual_ms: 1000,
            log_sha256: String::new(),
        })
    }

    fn standings(skip: usize) -> Standings {
        let tournament = tournament();
        let bouts = tournament.bouts();
        let done = bouts.iter().enumerate().skip(skip).map(|(job, bout)| Done {
            job,
            result: result(bout),
        });
        let done = done.collect();
        tournament.standings(&bouts, done)
    }

    #[test]
    fn every_pair_meets_the_same_seeds() {
        let bouts = tournament().bouts();
        assert_eq!(bouts.len(), 2 * 2 * 3);
        for villain in VILLAINS {
            let seeds = |felix: &str| -> Vec<u64> {
                let own = |bout: &&Bout| bout.villain == villain && bout.felix == felix;
                bouts.iter().filter(own).map(|bout| bout.seed).collect()
            };
            assert_eq!(seeds("rules"), [7, 8, 9]);
            assert_eq!(seeds("rules"), seeds("noop"));
        }
    }

    #[test]
    fn each_round_is_played_by_all_pairs_before_the_next() {
        let bouts = tournament().bouts();
        let seeds: Vec<u64> = bouts.iter().map(|bout| bout.seed).collect();
        assert_eq!(seeds, [7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9]);
    }

    #[test]
    fn who_is_better_on_each_seed_is_clearly_better() {
        let standings = standings(0);
        assert!(standings.complete);
        let versus = &standings.versus[0];
        let difference = versus.served_percent.expect("bouts");
        assert!((difference.mean - 10.0).abs() < 1e-9 && difference.is_clear());
        assert_eq!(standings.versus[1].served_percent.map(|one| one.n), Some(2));
        assert_eq!(standings.cells.len(), 4);
        let wide = standings.cells[0].served_percent.expect("bouts");
        assert!(wide.high.expect("three") - wide.low.expect("three") > 20.0);
    }

    #[test]
    fn what_is_missing_is_told() {
        assert!(!standings(4).complete);
        let broken = standings(0)
            .bouts
            .into_iter()
            .filter(|round| round.broken.is_some());
        assert_eq!(broken.count(), 1);
    }

    #[test]
    fn the_arena_of_a_bout_is_a_scenario_that_ends_by_its_time_alone() {
        for bout in tournament().bouts() {
            let scenario = scenario(&bout).expect("built in");
            let read = Scenario::parse("bout", &scenario.to_toml());
            assert_eq!(read.as_ref(), Ok(&scenario));
            assert_eq!(
                scenario.healed.within + scenario.healed.hold,
                scenario.limit
            );
        }
    }
}
