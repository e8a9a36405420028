//! The curated scenarios: each is valid, is where its name says, and together they cover what the project knows of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arena_faults::{CATALOGUE, Family};
use arena_scenario::{Difficulty, Expect, Layout, Scenario, Selector, View, curated};

/// The promise of the documentation.
const CURATED_MIN: usize = 40;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn all() -> Vec<Scenario> {
    let read = |(name, text): &(&str, &str)| {
        Scenario::parse(&format!("{name}.toml"), text).unwrap_or_else(|error| panic!("{error}"))
    };
    curated().iter().map(read).collect()
}

#[test]
fn every_file_is_embedded_under_its_name() {
    let files: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("scenarios")
        .map(|file| {
            file.expect("a file")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    let embedded: BTreeSet<String> = curated()
        .iter()
        .map(|(name, _)| format!("{name}.toml"))
        .collect();
    assert_eq!(files, embedded);
    let names: Vec<String> = all().into_iter().map(|scenario| scenario.name).collect();
    let listed: Vec<&str> = curated().iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names, listed,
        "each says its own name, and they are in order"
    );
}

#[test]
fn they_are_many_and_cover_everything() {
    let scenarios = all();
    assert!(scenarios.len() >= CURATED_MIN);
    let faults = || scenarios.iter().flat_map(|scenario| &scenario.injections);
    for name in CATALOGUE {
        let used = faults().any(|injection| injection.fault.name == *name);
        assert!(used, "no scenario has {name}");
    }
    let families: BTreeSet<Family> = faults().map(|injection| injection.fault.family).collect();
    assert_eq!(families.len(), 7, "{families:?}");
    let count =
        |wanted: &dyn Fn(&Scenario) -> bool| scenarios.iter().filter(|one| wanted(one)).count();
    assert!(count(&|one| one.injections.is_empty()) >= 3, "controls");
    assert!(
        count(&|one| one.injections.len() > 1 && one.truth.expect == Expect::Heal) >= 6,
        "several at once"
    );
    for difficulty in [Difficulty::Easy, Difficulty::Medium, Difficulty::Hard] {
        assert!(
            count(&|one| one.difficulty == difficulty) >= 10,
            "{difficulty:?}"
        );
    }
    for expect in [Expect::Heal, Expect::NoAction, Expect::Escalate] {
        assert!(count(&|one| one.truth.expect == expect) >= 1, "{expect:?}");
    }
}

#[test]
fn their_summaries_are_their_own() {
    let mut seen = BTreeMap::new();
    for scenario in all() {
        let other = seen.insert(scenario.summary.clone(), scenario.name.clone());
        assert_eq!(other, None, "{} says the same", scenario.name);
        assert!(scenario.summary.ends_with('.'), "{}", scenario.name);
    }
}

/// In an arena that is whole, each fault finds something to be made in, and the roots that are named are hit.
#[test]
fn every_choice_finds_something() {
    for scenario in all() {
        let layout = Layout::of(&scenario.topology, scenario.seed);
        let view = View(layout.nodes.iter().cloned().collect());
        let mut hit = BTreeSet::new();
        for planned in scenario.all_injections() {
            let injection = &planned.injection;
            let found =
                injection
                    .target
                    .resolve(injection.fault, &view, scenario.seed, planned.index);
            assert!(
                !found.is_empty(),
                "{}: {}",
                scenario.name,
                injection.fault.name
            );
            if matches!(injection.target, Selector::Role { count: Some(count), .. } if found.len() != usize::try_from(count).expect("small"))
            {
                panic!("{}: {found:?}", scenario.name);
            }
            hit.extend(found);
        }
        for root in &scenario.truth.roots {
            assert!(
                hit.contains(root),
                "{}: nothing is done to {root}",
                scenario.name
            );
        }
    }
}
