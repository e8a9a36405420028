//! What a seed that a person gives means to a scenario: the one rule for `arena bench`, `arena run --sim` and `arena shrink`.
//!
//! A scenario's own seed lays a generated arena out and picks its targets. Chance in the run (times, noise, network, ids) has a seed of its own, and
//! that is always the given one. Invariant: a scenario that names a node or service keeps the arena in which they are.

use arena_scenario::{Scenario, Selector, Topology};

/// The scenario that a run with this seed of chance plays: laid out with it as well, unless it names who is in a generated arena. The error says
/// what another layout lacks.
pub fn seeded(scenario: &Scenario, seed: u64) -> Result<Scenario, String> {
    if scenario.seed == seed || keeps_its_layout(scenario) {
        return Ok(scenario.clone());
    }
    let mut other = scenario.clone();
    other.seed = seed;
    // Another layout may lack what is asked for: it is checked as any other.
    let file = format!("{} with seed {seed}", scenario.name);
    Scenario::parse(&file, &other.to_toml()).map_err(|mistake| mistake.to_string())
}

fn keeps_its_layout(scenario: &Scenario) -> bool {
    let is_generated = matches!(scenario.topology, Topology::Generated { .. });
    let mut injections = scenario.injections.iter();
    let is_named = injections.any(|one| matches!(one.target, Selector::Entity(_)));
    is_generated && (is_named || !scenario.truth.roots.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::fixtures::curated;

    #[test]
    fn who_is_named_is_there_with_each_seed() {
        let all = arena_scenario::generate(1, 30, None);
        let kept = all.iter().filter(|one| keeps_its_layout(one)).count();
        assert!(kept > 0, "some name their targets");
        for scenario in &all {
            for seed in 1..=5 {
                let played = seeded(scenario, seed).expect("it can be played");
                let expected = if keeps_its_layout(scenario) {
                    scenario.seed
                } else {
                    seed
                };
                assert_eq!(played.seed, expected, "{}", scenario.name);
            }
        }
    }

    #[test]
    fn who_names_nobody_is_laid_out_anew() {
        for name in ["dies-crash", "three-roles-of-many"] {
            let played = seeded(&curated(name), 7).expect("valid");
            assert_eq!(played.seed, 7, "{name}");
        }
    }
}
