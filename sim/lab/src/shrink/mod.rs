//! Shrinks a scenario that fails to one that fails in the same way, and of which nothing more can be taken away.
//!
//! Delta debugging (Zeller and Hildebrandt, *Simplifying and isolating failure-inducing input*, 2002) over what a scenario is made of, in the order
//! of [`reductions`]: what is taken away first helps most to understand the rest. Absent on purpose: playing (the caller's). Invariants: what comes
//! out was seen failing; when it is complete, no single one of its [`reductions`] fails as it does; the same input gives the same steps.

mod failure;
mod reductions;

use std::collections::BTreeSet;

use arena_scenario::Scenario;

pub use failure::{BROKEN, Failure};
pub use reductions::{Reduction, reductions};

/// One reduction that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// What was taken away.
    pub what: &'a str,
    /// It still fails in the same way: it is kept.
    pub kept: bool,
}

/// What is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The scenario.
    pub scenario: Scenario,
    /// What was taken away, in order.
    pub steps: Vec<String>,
    /// How many runs that took.
    pub tries: usize,
    /// Nothing more can be taken away; false when the tries ran out, or it was told to stop.
    pub complete: bool,
}

/// Takes away what can be taken away while it `fails` in the same way, which the caller has seen of the scenario itself. At most `tries_max` runs;
/// `go_on` is told each, and says whether there is to be another.
pub fn shrink(
    scenario: &Scenario,
    tries_max: usize,
    mut fails: impl FnMut(&Scenario) -> bool,
    mut go_on: impl FnMut(&Try<'_>) -> bool,
) -> Shrunk {
    let mut shrunk = Shrunk {
        scenario: scenario.clone(),
        steps: Vec::new(),
        tries: 0,
        complete: false,
    };
    // Two ways of taking away can lead to the same; what was seen not to fail is not played again.
    let mut known = BTreeSet::new();
    'smaller: loop {
        for reduction in reductions(&shrunk.scenario) {
            if !known.insert(reduction.scenario.to_toml()) {
                continue;
            }
            if shrunk.tries == tries_max {
                return shrunk;
            }
            shrunk.tries += 1;
            let kept = fails(&reduction.scenario);
            let told = Try {
                number: shrunk.tries,
                what: &reduction.what,
                kept,
            };
            let is_over = !go_on(&told);
            if kept {
                shrunk.scenario = reduction.scenario;
                shrunk.steps.push(reduction.what);
            }
            if is_over {
                return shrunk;
            }
            if kept {
                continue 'smaller;
            }
        }
        shrunk.complete = true;
        return shrunk;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arena_scenario::{LoadShape, Topology, generate};
    use proptest::prelude::*;

    use super::*;
    use crate::work::fixtures::curated;

    fn nodes(scenario: &Scenario) -> u32 {
        match scenario.topology {
            Topology::Shop => 3,
            Topology::Generated { nodes, .. } => nodes,
        }
    }

    #[test]
    fn what_does_not_matter_is_taken_away() {
        let start = curated("three-roles-of-many");
        let (first, from) = (start.injections[0].fault.name, start.injections.len());
        assert!(from > 1 && nodes(&start) > 3);
        let fails = |one: &Scenario| one.injections.iter().any(|made| made.fault.name == first);
        let shrunk = shrink(&start, 500, fails, |_| true);
        assert!(shrunk.complete, "{shrunk:?}");
        assert_eq!(shrunk.scenario.injections.len(), 1);
        assert_eq!(shrunk.scenario.injections[0].fault.name, first);
        assert!(nodes(&shrunk.scenario) < nodes(&start));
        assert_eq!(shrunk.scenario.load.shape, LoadShape::Steady);
        assert_eq!(
            shrunk.scenario.healed, start.healed,
            "what is asked for stays"
        );
    }

    #[test]
    fn the_tries_are_bounded_and_what_is_left_still_fails() {
        let start = curated("three-roles-of-many");
        for most in 0..6 {
            let shrunk = shrink(&start, most, |_| true, |_| true);
            assert!(shrunk.tries <= most && !shrunk.complete);
            assert_eq!(shrunk.steps.len(), shrunk.tries);
        }
        let mut told = 0;
        let stopped = shrink(
            &start,
            500,
            |_| true,
            |_| {
                told += 1;
                told < 3
            },
        );
        assert_eq!((stopped.tries, stopped.complete), (3, false));
    }

    /// Some property of a scenario, by a number: what a failure may hang on.
    fn fails(scenario: &Scenario, on: u32) -> bool {
        let faults = scenario.injections.len();
        match on % 7 {
            0 => faults > 0,
            1 => faults > 1,
            2 => nodes(scenario) > 3 && faults > 0,
            3 => scenario.load.rate > 7,
            4 => scenario.load.shape != LoadShape::Steady || faults > 1,
            5 => scenario.telemetry.loss_percent > 3 || scenario.limit > Duration::from_secs(50),
            // Not monotone: fewer may fail where more do not.
            _ => faults % 2 == 1 || nodes(scenario).is_multiple_of(2),
        }
    }

    proptest! {
        // Each case reads some hundred scenarios.
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn it_still_fails_and_no_single_removal_does(seed in 0_u64..500, on in 0_u32..7) {
            let start = generate(seed, 1, None).remove(0);
            prop_assume!(fails(&start, on));
            let shrunk = shrink(&start, 5000, |one| fails(one, on), |_| true);
            prop_assert!(shrunk.complete);
            prop_assert!(fails(&shrunk.scenario, on));
            for smaller in reductions(&shrunk.scenario) {
                prop_assert!(!fails(&smaller.scenario, on), "{}", smaller.what);
            }
            let again = shrink(&start, 5000, |one| fails(one, on), |_| true);
            prop_assert_eq!(again, shrunk);
        }
    }
}
