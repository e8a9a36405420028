//! New scenarios from a seed (OATS): as many as wanted, each valid, no two of them the same.
//!
//! Invariants: the same seed, count and difficulty give the same bytes, on every machine; more are the same ones and others after them; each is what
//! [`Scenario::parse`] reads from what [`Scenario::to_toml`] writes of it. That doing nothing fails them is promised by how they
//! are made, and shown by a run (`arena scenarios certify`).

mod compose;
mod recipes;

use std::collections::BTreeSet;

use crate::chance::{Chance, Use};
use crate::model::{Difficulty, Scenario};

/// Scenarios of one call; a file each is enough for a folder.
pub const GENERATED_MAX: u32 = 10_000;
/// Two in a row are seldom the same; so many tries for each find others as long as there are some.
const TRIES_A_SCENARIO: u32 = 20;

/// So many scenarios, at most [`GENERATED_MAX`], of one difficulty or of all. Fewer only when chance finds no new ones.
#[must_use]
pub fn generate(seed: u64, count: u32, difficulty: Option<Difficulty>) -> Vec<Scenario> {
    let count = count.min(GENERATED_MAX);
    let wanted = usize::try_from(count).unwrap_or(usize::MAX);
    let mut known = BTreeSet::new();
    let mut scenarios = Vec::new();
    for attempt in 0..count.saturating_mul(TRIES_A_SCENARIO) {
        if scenarios.len() == wanted {
            break;
        }
        let mut scenario =
            compose::compose(&mut Chance::new(seed, Use::Generator(attempt)), difficulty);
        if !known.insert(essence(&scenario)) {
            continue;
        }
        scenario.name = format!("oats-{seed}-{}", scenarios.len() + 1);
        // What was composed wrongly would be refused by whoever reads it; it is better not there.
        if let Ok(read) = Scenario::parse("generated", &scenario.to_toml()) {
            scenarios.push(read);
        }
    }
    scenarios
}

/// What makes it another scenario: all but its name, its words and its seed.
fn essence(scenario: &Scenario) -> String {
    let bare = Scenario {
        name: String::new(),
        summary: String::new(),
        seed: 0,
        ..scenario.clone()
    };
    bare.to_toml()
}

#[cfg(test)]
mod tests {
    use super::recipes::{LIES, PASSING, RECIPES};
    use super::*;

    #[test]
    fn nothing_is_composed_that_nobody_can_read() {
        for attempt in 0..500 {
            let mut chance = Chance::new(9, Use::Generator(attempt));
            let mut scenario = compose::compose(&mut chance, None);
            "a-name".clone_into(&mut scenario.name);
            let text = scenario.to_toml();
            let read = Scenario::parse("composed", &text);
            assert_eq!(read, Ok(scenario), "{attempt}: {text}");
        }
    }

    #[test]
    fn every_value_of_every_recipe_is_allowed() {
        for recipe in [RECIPES, LIES, PASSING].concat() {
            let fault = recipe.fault.fault();
            for (name, values) in recipe.params {
                for value in *values {
                    let given = [((*name).to_owned(), (*value).to_owned())].into();
                    fault
                        .fill(&given)
                        .unwrap_or_else(|error| panic!("{}: {error}", fault.name));
                }
            }
        }
        assert!(RECIPES.iter().all(|recipe| !recipe.cures().is_empty()));
    }
}
