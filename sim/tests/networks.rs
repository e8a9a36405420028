//! Scenarios over networks with defects: every run repeats to the byte, and what the bus promises is enough to heal by.

use arena_scenario::Scenario;
use arena_sim::net::{Network, PRESETS};
use arena_sim::{Played, Setup, play, policy};

fn played(name: &str, network: &str, seed: u64) -> Played {
    let known = arena_scenario::curated();
    let (_, text) = known
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a scenario");
    let scenario = Scenario::parse(name, text).expect("it parses");
    let mut setup = Setup::new(scenario, policy::healer("rules", seed).expect("a healer"));
    setup.seed = seed;
    setup.network = Network::named(network).expect("a preset");
    play(setup).expect("it plays")
}

#[test]
fn a_run_repeats_to_the_byte_over_every_network_and_no_two_networks_give_the_same() {
    for seed in 0..3 {
        let mut hashes = std::collections::BTreeSet::new();
        for (network, _) in PRESETS {
            let one = played("dies-crash", network, seed);
            let other = played("dies-crash", network, seed);
            assert_eq!(one.log.sha256, other.log.sha256, "{network}, seed {seed}");
            hashes.insert(one.log.sha256);
        }
        assert_eq!(hashes.len(), PRESETS.len(), "seed {seed}");
    }
}

#[test]
fn a_crash_is_healed_over_a_lossy_lan_and_over_a_wan() {
    for network in ["lossy", "wan"] {
        for seed in 0..5 {
            let run = played("dies-crash", network, seed);
            assert_eq!(run.why, "", "{network}, seed {seed}: {:#?}", run.story);
        }
    }
}

/// The remediator is cut off for longer than it may count on its lease, just as the fault comes: nobody acts meanwhile, and it acts again
/// under another fence.
#[test]
fn a_remediator_that_is_cut_off_stops_and_goes_on_under_a_new_fence() {
    let known = arena_scenario::curated();
    let (_, text) = known
        .iter()
        .find(|(known, _)| *known == "dies-crash")
        .expect("a scenario");
    let scenario = Scenario::parse("dies-crash", text).expect("it parses");
    let healer = policy::healer("rules", 1).expect("a healer");
    let mut setup = Setup::new(scenario, healer);
    setup.log = arena_sim::log::LogLevel::Full;
    let cut = arena_sim::net::Cut {
        after_ms: 3_000,
        lasts_ms: 6_000,
        ways: arena_sim::net::Ways::Both,
    };
    let link = arena_sim::net::Link {
        cuts: vec![cut],
        ..arena_sim::net::Link::default()
    };
    setup.network.parties.insert("remediator".to_owned(), link);
    let run = play(setup).expect("it plays");
    let commands: Vec<_> = run
        .log
        .lines
        .iter()
        .filter(|line| line.contains("\"kind\":\"command\""))
        .collect();
    let at = |line: &str| {
        let (_, rest) = line.split_once("\"at_ns\":")?;
        rest.split(',').next()?.parse::<u64>().ok()
    };
    let times: Vec<_> = commands.iter().filter_map(|line| at(line)).collect();
    assert!(!times.is_empty(), "{:#?}", run.story);
    assert!(
        times.iter().all(|at| *at >= 9_000_000_000),
        "{times:?}: {:#?}",
        run.story
    );
}
