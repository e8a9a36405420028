//! Generated scenarios: valid, varied, no two the same, and the same bytes for the same seed.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use arena_faults::{CATALOGUE, Family};
use arena_scenario::{
    Difficulty, Expect, Layout, LoadShape, Quality, Scenario, Selector, Topology, View, When,
    generate,
};
use expect_test::expect;
use sha2::{Digest as _, Sha256};

fn bytes(scenarios: &[Scenario]) -> String {
    scenarios
        .iter()
        .map(Scenario::to_toml)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_same_seed_gives_the_same_bytes_forever() {
    let mut hash = String::new();
    for byte in Sha256::digest(bytes(&generate(42, 100, None))) {
        let _ = write!(hash, "{byte:02x}");
    }
    // Whoever changes this changes the scenarios that people have by their seed: say so in the changelog.
    expect!["fa8efa0af495a960209b1b88523dab3e89b9642736571c1bd84e9c64c814d1ef"].assert_eq(&hash);
    assert_ne!(
        bytes(&generate(42, 10, None)),
        bytes(&generate(43, 10, None))
    );
}

#[test]
fn more_are_the_same_ones_and_others_after_them() {
    let (some, more) = (generate(7, 20, None), generate(7, 30, None));
    assert_eq!(some, more[..20]);
}

#[test]
fn as_many_as_wanted_and_no_two_the_same() {
    let scenarios = generate(1, 500, None);
    assert_eq!(scenarios.len(), 500);
    let essences: BTreeSet<String> = scenarios
        .into_iter()
        .map(|scenario| {
            Scenario {
                name: "x".to_owned(),
                summary: "x".to_owned(),
                seed: 0,
                ..scenario
            }
            .to_toml()
        })
        .collect();
    assert_eq!(essences.len(), 500);
}

#[test]
fn each_is_what_is_read_from_what_is_written() {
    for scenario in generate(2, 300, None) {
        let read = Scenario::parse("generated", &scenario.to_toml());
        assert_eq!(read, Ok(scenario));
    }
}

#[test]
fn they_are_of_the_difficulty_that_was_asked_for() {
    for difficulty in [Difficulty::Easy, Difficulty::Medium, Difficulty::Hard] {
        let scenarios = generate(3, 100, Some(difficulty));
        assert_eq!(scenarios.len(), 100, "{difficulty:?}");
        assert!(
            scenarios
                .iter()
                .all(|scenario| scenario.difficulty == difficulty)
        );
    }
}

#[test]
fn they_are_varied() {
    let scenarios = generate(4, 400, None);
    let count =
        |wanted: &dyn Fn(&Scenario) -> bool| scenarios.iter().filter(|one| wanted(one)).count();
    for nodes in 3..=9 {
        let of_size = |one: &Scenario| matches!(one.topology, Topology::Generated { nodes: there, .. } if there == nodes);
        assert!(count(&of_size) > 5, "{nodes} nodes");
    }
    for shape in [LoadShape::Steady, LoadShape::Wave, LoadShape::Spike] {
        assert!(count(&|one| one.load.shape == shape) > 30, "{shape:?}");
    }
    assert!(
        count(&|one| one.telemetry != Quality::default()) > 50,
        "noise"
    );
    assert!(count(&|one| one.injections.len() > 1) > 50, "overlap");
    assert!(
        count(&|one| one
            .injections
            .iter()
            .any(|it| matches!(it.when, When::If(..))))
            > 3,
        "conditions"
    );
    let quiet = count(&|one| one.truth.expect == Expect::NoAction);
    assert!(
        (15..=80).contains(&quiet),
        "a small share has nothing to heal: {quiet}"
    );
    let faults: BTreeSet<_> = scenarios
        .iter()
        .flat_map(|one| &one.injections)
        .map(|it| it.fault.name)
        .collect();
    assert!(faults.len() > CATALOGUE.len() * 3 / 4, "{faults:?}");
}

/// Who only waits fails: a real fault lasts until after the last moment to heal, and there is a cure for each root.
#[test]
fn doing_nothing_heals_none_of_what_is_to_be_healed() {
    for scenario in generate(5, 400, None) {
        let is_real = |family| family != Family::Telemetry;
        if scenario.truth.expect == Expect::NoAction {
            assert!(scenario.truth.cures.is_empty() && scenario.truth.roots.is_empty());
            continue;
        }
        assert!(!scenario.truth.cures.is_empty(), "{}", scenario.name);
        let real = scenario
            .injections
            .iter()
            .filter(|it| is_real(it.fault.family));
        for injection in real {
            assert!(injection.ttl > scenario.healed.within, "{}", scenario.name);
        }
        let lies = scenario
            .injections
            .iter()
            .any(|it| !is_real(it.fault.family));
        assert_eq!(
            lies,
            !scenario.truth.roots.is_empty(),
            "{}: a node that is lied about is no root",
            scenario.name
        );
    }
}

/// In an arena that is whole each choice finds something, and no two faults hit the same replicas of a role.
#[test]
fn what_is_hit_is_there_and_leaves_a_replica() {
    for scenario in generate(6, 300, None) {
        let layout = Layout::of(&scenario.topology, scenario.seed);
        let view = View(layout.nodes.iter().cloned().collect());
        let mut services = BTreeSet::new();
        for (index, injection) in (0..).zip(&scenario.injections) {
            let hit = injection
                .target
                .resolve(injection.fault, &view, scenario.seed, index);
            assert_eq!(hit.len(), 1, "{}", scenario.name);
            if let Selector::Role { service, .. } = &injection.target {
                assert_eq!(hit[0].service.as_ref(), Some(service));
            }
            if let Some(service) = &hit[0].service {
                assert!(services.insert(service.clone()), "{}", scenario.name);
            }
        }
    }
}
