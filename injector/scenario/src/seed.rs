//! What another seed means to a scenario: the one rule for whoever plays it, live or simulated.
//!
//! A scenario's own seed lays a generated arena out and picks its targets. Chance in a simulated run (times, noise, network, ids) has a seed of
//! its own, and that is always the given one. Invariant: a scenario that names a node or service keeps the arena in which they are.

use arena_config::Diagnostic;

use crate::model::{Scenario, Selector, Topology};

impl Scenario {
    /// The scenario that a run with this seed plays: laid out with it, too, unless it names who is in a generated arena. The error says what
    /// the other layout lacks.
    pub fn seeded(&self, seed: u64) -> Result<Self, Diagnostic> {
        let mut other = self.clone();
        if self.seed == seed || self.names_its_parts() {
            return Ok(other);
        }
        other.seed = seed;
        // Another layout may lack what is asked for: it is checked as any other.
        let file = format!("{} with seed {seed}", self.name);
        Self::parse(&file, &other.to_toml())
    }

    fn names_its_parts(&self) -> bool {
        let is_generated = matches!(self.topology, Topology::Generated { .. });
        let mut injections = self.injections.iter();
        let is_named = injections.any(|one| matches!(one.target, Selector::Entity(_)));
        is_generated && (is_named || !self.truth.roots.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curated(name: &str) -> Scenario {
        let known = crate::curated().iter();
        let found = known.clone().find(|(known, _)| *known == name);
        let (_, text) = found.expect("a curated one");
        Scenario::parse(name, text).expect("valid")
    }

    #[test]
    fn who_is_named_is_there_with_each_seed() {
        let all = crate::generate(1, 30, None);
        let kept = all.iter().filter(|one| one.names_its_parts()).count();
        assert!(kept > 0, "some name their targets");
        for scenario in &all {
            for seed in 1..=5 {
                let played = scenario.seeded(seed).expect("it can be played");
                let expected = if scenario.names_its_parts() {
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
            let played = curated(name).seeded(7).expect("valid");
            assert_eq!(played.seed, 7, "{name}");
        }
    }
}
