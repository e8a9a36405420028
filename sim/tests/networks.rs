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
