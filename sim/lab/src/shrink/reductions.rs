//! What can be taken away from a scenario, one thing at a time.
//!
//! Invariants: each reduction is a scenario that can be read, and is smaller than what it is of, so that shrinking ends. What counts as healed and
//! what is normal are never touched: who asks for more makes failures that were not there. A root goes with the last fault that hits it.

use std::collections::BTreeSet;
use std::time::Duration;

use arena_proto::Entity;
use arena_scenario::{Injection, LoadShape, Scenario, Selector, Topology, When};

/// One thing less.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    /// What was taken away, in words.
    pub what: String,
    /// What is left.
    pub scenario: Scenario,
}

/// Everything that can be taken away, in the order in which it is tried: faults (halves of them first), the arena, the load, the quality of the
/// telemetry, conditions and how many are hit, and times.
#[must_use]
pub fn reductions(of: &Scenario) -> Vec<Reduction> {
    let mut all = Collector {
        of,
        found: Vec::new(),
    };
    all.faults();
    all.topology();
    all.load();
    all.telemetry();
    all.injections();
    all.times();
    all.found
}

struct Collector<'a> {
    of: &'a Scenario,
    found: Vec<Reduction>,
}

impl Collector<'_> {
    /// Keeps what is valid: the rules of the format hold for what is left, too.
    fn offer(&mut self, what: String, change: impl FnOnce(&mut Scenario)) {
        let mut scenario = self.of.clone();
        change(&mut scenario);
        let is_valid = Scenario::parse("reduced", &scenario.to_toml()).is_ok();
        if is_valid && scenario != *self.of {
            self.found.push(Reduction { what, scenario });
        }
    }

    /// Halves, quarters and so on, down to each by itself.
    fn faults(&mut self) {
        let count = self.of.injections.len();
        let mut size = count;
        while size > 0 {
            for start in (0..count).step_by(size) {
                let gone = start..(start + size).min(count);
                let names: Vec<String> = self.of.injections[gone.clone()]
                    .iter()
                    .map(|injection| injection.fault.name.to_string())
                    .collect();
                let before = self.of.truth.roots.clone();
                let Some(roots) = roots_without(self.of, &gone) else {
                    continue;
                };
                let mut what = format!("without {}", names.join(", "));
                if roots.len() < before.len() {
                    what.push_str(" and its root");
                }
                self.offer(what, |scenario| {
                    scenario.injections.drain(gone);
                    scenario.truth.roots = roots;
                });
            }
            size /= 2;
        }
    }

    fn topology(&mut self) {
        let Topology::Generated {
            nodes,
            replicas,
            batch,
        } = self.of.topology
        else {
            return;
        };
        if batch {
            self.offer("without the batch job".to_owned(), |scenario| {
                scenario.topology = Topology::Generated {
                    nodes,
                    replicas,
                    batch: false,
                };
            });
        }
        for fewer in smaller(nodes, 1) {
            self.offer(format!("{fewer} nodes instead of {nodes}"), |scenario| {
                scenario.topology = Topology::Generated {
                    nodes: fewer,
                    replicas,
                    batch,
                };
            });
        }
        for fewer in smaller(replicas, 1) {
            let what = format!("{fewer} replicas instead of {replicas}");
            self.offer(what, |scenario| {
                scenario.topology = Topology::Generated {
                    nodes,
                    replicas: fewer,
                    batch,
                };
            });
        }
    }

    fn load(&mut self) {
        if self.of.load.shape != LoadShape::Steady {
            self.offer("a steady load".to_owned(), |scenario| {
                scenario.load.shape = LoadShape::Steady;
            });
        }
        let rate = self.of.load.rate;
        for less in smaller(rate, 1) {
            let what = format!("{less} checkouts a second instead of {rate}");
            self.offer(what, |scenario| scenario.load.rate = less);
        }
    }

    fn telemetry(&mut self) {
        let quality = self.of.telemetry;
        for less in smaller(quality.loss_percent, 0) {
            let what = format!("{less} % of the telemetry lost");
            self.offer(what, |scenario| scenario.telemetry.loss_percent = less);
        }
        for less in smaller(quality.duplicate_percent, 0) {
            let what = format!("{less} % of the telemetry told twice");
            self.offer(what, |scenario| scenario.telemetry.duplicate_percent = less);
        }
        if !quality.delay.is_zero() {
            self.offer("telemetry in time".to_owned(), |scenario| {
                scenario.telemetry.delay = Duration::ZERO;
            });
        }
    }

    /// A time instead of a condition; one target instead of several.
    fn injections(&mut self) {
        for (index, injection) in self.of.injections.iter().enumerate() {
            let name = injection.fault.name;
            if let When::If(_, after) = injection.when {
                self.offer(format!("{name} by time"), |scenario| {
                    scenario.injections[index].when = When::At(after);
                });
            }
            for (target, words) in fewer_targets(&injection.target) {
                self.offer(format!("{name} in {words}"), |scenario| {
                    scenario.injections[index].target = target;
                });
            }
        }
    }

    fn times(&mut self) {
        for (index, injection) in self.of.injections.iter().enumerate() {
            let name = injection.fault.name;
            for at in shorter(start(injection), Duration::ZERO) {
                let what = format!("{name} after {}", words(at));
                self.offer(what, |scenario| {
                    match &mut scenario.injections[index].when {
                        When::At(start) | When::If(_, start) => *start = at,
                    }
                });
            }
            for ttl in shorter(injection.ttl, Duration::from_secs(1)) {
                self.offer(format!("{name} for {}", words(ttl)), |scenario| {
                    scenario.injections[index].ttl = ttl;
                });
            }
        }
        for limit in shorter(self.of.limit, Duration::from_secs(1)) {
            let what = format!("a limit of {}", words(limit));
            self.offer(what, |scenario| scenario.limit = limit);
        }
    }
}

const fn start(injection: &Injection) -> Duration {
    match injection.when {
        When::At(start) | When::If(_, start) => start,
    }
}

/// The roots that are still hit, and those that no fault names (chance may hit them). `None` where none would be left: an empty list means all
/// that the faults hit, which is something else.
fn roots_without(of: &Scenario, gone: &std::ops::Range<usize>) -> Option<Vec<Entity>> {
    let hit_by = |injections: &mut dyn Iterator<Item = &Injection>| -> BTreeSet<Entity> {
        injections
            .filter_map(|injection| match &injection.target {
                Selector::Entity(entity) => Some(entity.clone()),
                _ => None,
            })
            .collect()
    };
    let before = hit_by(&mut of.injections.iter());
    let rest = of.injections.iter().enumerate();
    let mut rest = rest
        .filter(|(index, _)| !gone.contains(index))
        .map(|(_, injection)| injection);
    let after = hit_by(&mut rest);
    let stays = |root: &&Entity| !before.contains(root) || after.contains(root);
    let roots: Vec<Entity> = of.truth.roots.iter().filter(stays).cloned().collect();
    (of.truth.roots.is_empty() || !roots.is_empty()).then_some(roots)
}

/// The least, half of the way there, and one less; each once, the smallest first.
fn smaller(value: u32, least: u32) -> impl Iterator<Item = u32> {
    let values: BTreeSet<u32> = if value > least {
        [least, least.midpoint(value), value - 1].into()
    } else {
        BTreeSet::new()
    };
    values.into_iter()
}

/// The least, and half in whole seconds.
fn shorter(value: Duration, least: Duration) -> impl Iterator<Item = Duration> {
    let half = Duration::from_secs((value / 2).as_secs());
    let values = BTreeSet::from([least, half]);
    values
        .into_iter()
        .filter(move |shorter| (least..value).contains(shorter))
}

/// Half of them, one fewer, or one, with words for it.
fn fewer_targets(target: &Selector) -> Vec<(Selector, String)> {
    match target {
        Selector::Entity(_) => Vec::new(),
        Selector::Role { service, count } => smaller(count.unwrap_or(u32::MAX), 1)
            .filter(|_| *count != Some(1))
            // All of them may be any number: one says most.
            .take(if count.is_some() { 3 } else { 1 })
            .map(|fewer| {
                let target = Selector::Role {
                    service: service.clone(),
                    count: Some(fewer),
                };
                (target, format!("{fewer} of {service}"))
            })
            .collect(),
        Selector::Percent { service, percent } => smaller(*percent, 1)
            .map(|less| {
                let target = Selector::Percent {
                    service: service.clone(),
                    percent: less,
                };
                (target, format!("{less} % of {service}"))
            })
            .collect(),
        Selector::AnyService(count) => smaller(*count, 1)
            .map(|fewer| (Selector::AnyService(fewer), format!("{fewer} services")))
            .collect(),
        Selector::Nodes(count) => smaller(count.unwrap_or(2), 1)
            .map(|fewer| (Selector::Nodes(Some(fewer)), format!("{fewer} nodes")))
            .collect(),
    }
}

fn words(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::work::fixtures::curated;

    fn check(name: &str, expected: &Expect) {
        let what: Vec<String> = reductions(&curated(name))
            .into_iter()
            .map(|reduction| reduction.what)
            .collect();
        expected.assert_eq(&what.join("\n"));
    }

    #[test]
    fn of_a_small_one() {
        check(
            "dies-crash",
            &expect![[r#"
            1 checkouts a second instead of 20
            10 checkouts a second instead of 20
            19 checkouts a second instead of 20
            crash for 1s
            crash for 30s"#]],
        );
    }

    #[test]
    fn of_one_with_a_lie_the_root_stays() {
        check(
            "forged-over-hang",
            &expect![[r#"
            without telemetry-forge
            1 checkouts a second instead of 20
            10 checkouts a second instead of 20
            19 checkouts a second instead of 20
            telemetry-forge for 1s
            telemetry-forge for 30s
            hang after 0s"#]],
        );
    }

    #[test]
    fn of_a_large_one() {
        check(
            "three-roles-of-many",
            &expect![[r#"
            without crash
            without error-burst
            without hang
            3 nodes instead of 6
            5 nodes instead of 6
            2 replicas instead of 3
            1 checkouts a second instead of 20
            10 checkouts a second instead of 20
            19 checkouts a second instead of 20
            crash for 1s
            crash for 30s
            error-burst after 0s
            error-burst for 1s
            error-burst for 30s
            hang after 0s
            hang after 1s
            hang for 1s
            hang for 30s"#]],
        );
    }

    #[test]
    fn each_is_another_valid_scenario_and_asks_for_no_more() {
        for (name, _) in arena_scenario::curated() {
            let scenario = curated(name);
            for reduction in reductions(&scenario) {
                assert_ne!(reduction.scenario, scenario, "{name}: {}", reduction.what);
                assert_eq!(reduction.scenario.healed, scenario.healed);
                assert_eq!(reduction.scenario.steady_state, scenario.steady_state);
                assert_eq!(reduction.scenario.truth.expect, scenario.truth.expect);
                assert_eq!(reduction.scenario.truth.cures, scenario.truth.cures);
            }
        }
    }
}
