//! The lease: taken, renewed, given back, lost, and never held by two.

use super::*;
use crate::bus::limits::KEEP_LEASE;

const NAMES: [&str; 2] = ["felix-1", "felix-2"];

fn two(network: Network) -> (Arena, [Party; 2]) {
    let mut arena = Arena::new(network, 1);
    let parties = NAMES.map(|name| arena.bus.join(name));
    for (party, name) in parties.into_iter().zip(NAMES) {
        arena.bus.take_lease(at(0), party, name);
    }
    (arena, parties)
}

#[test]
fn one_of_two_takes_it_and_keeps_it() {
    let (mut arena, [one, two]) = two(Network::quiet());
    arena.run(60_000);
    assert_eq!(arena.take_told(), ["0: lease 1"]);
    assert!(arena.bus.holds_lease(one) && !arena.bus.holds_lease(two));
}

#[test]
fn given_back_the_next_one_has_it_at_once() {
    let (mut arena, [one, _]) = two(Network::quiet());
    arena.run(10_500);
    arena.take_told();
    arena.bus.release_lease(arena.now, one);
    arena.run(10_510);
    // Ten renewals, one removal.
    assert_eq!(arena.take_told(), ["1: lease 13"]);
}

#[test]
fn when_its_holder_dies_the_next_one_has_it_once_it_has_run_out() {
    let (mut arena, [one, _]) = two(Network::quiet());
    arena.run(10_500);
    arena.take_told();
    arena.bus.crash(arena.now, one);
    arena.run(12_900);
    assert_eq!(arena.take_told(), [""; 0]);
    arena.run(14_000);
    assert_eq!(arena.take_told(), ["1: lease 12"]);
}

#[test]
fn a_holder_that_is_cut_off_stops_before_the_next_one_acts() {
    let mut network = Network::quiet();
    network
        .parties
        .insert("felix-1".to_owned(), cut(10_500, 100_000, Ways::Both));
    let (mut arena, _) = two(network);
    arena.run(20_000);
    let told: Vec<(Timestamp, String)> = arena
        .came
        .iter()
        .map(|delivery| delivery.at)
        .zip(arena.told())
        .collect();
    let [(_, _), (lost, what), (taken, next)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        (what.as_str(), next.as_str()),
        ("0: lease lost", "1: lease 12")
    );
    assert!(lost < taken, "{told:?}");
}

#[test]
fn a_watcher_hears_each_renewal() {
    let mut arena = Arena::quiet();
    let [felix, one] = ["felix-1", "node-1"].map(|name| arena.bus.join(name));
    arena.bus.watch(at(0), one, Bucket::Lease);
    arena.bus.take_lease(at(0), felix, "felix-1");
    arena.run(5_500);
    let heard = arena
        .told()
        .into_iter()
        .filter(|told| told.contains("Lease"));
    assert_eq!(heard.count(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the network does, and whoever dies: by the bus's clock never two believe that they hold it, and a later fence is higher.
    #[test]
    fn never_two_hold_it(seed: u64, loss_percent in 0.0..40.0_f64, jitter_us in 0_u64..400_000, deaths in prop::collection::vec((0_u64..120_000, 0_usize..3), 0..6)) {
        let mut network = Network::chaos();
        for way in [&mut network.link.out, &mut network.link.back] {
            (way.loss_percent, way.jitter_us) = (loss_percent, jitter_us);
        }
        network.link.random_cuts = Some(crate::net::RandomCuts { every_ms: 20_000, lasts_ms_max: 10_000 });
        let mut arena = Arena::new(network, seed);
        let names = ["felix-1", "felix-2", "felix-3"];
        let parties = names.map(|name| arena.bus.join(name));
        for (party, name) in parties.into_iter().zip(names) {
            arena.bus.take_lease(at(0), party, name);
        }
        let mut deaths = deaths;
        deaths.sort_unstable();
        let (mut holder, mut fence, mut held) = (None, 0, 0);
        let mut deaths = deaths.into_iter().peekable();
        for step in 0..1_300 {
            let until = at(step * 100);
            while let Some(delivery) = arena.bus.deliver(until) {
                match delivery.what {
                    Arrival::LeaseTaken(taken) => {
                        prop_assert_eq!(holder, None, "two hold it at {}", delivery.at);
                        prop_assert!(taken > fence);
                        (holder, fence, held) = (Some(delivery.to), taken, held + 1);
                    }
                    Arrival::LeaseLost => {
                        prop_assert_eq!(holder, Some(delivery.to));
                        holder = None;
                        let name = names[delivery.to.index()];
                        arena.bus.take_lease(delivery.at, delivery.to, name);
                    }
                    _ => {}
                }
            }
            if let Some((_, who)) = deaths.next_if(|(when, _)| at(*when) <= until) {
                let party = parties[who];
                arena.bus.crash(until, party);
                holder = holder.filter(|holder| *holder != party);
                arena.bus.revive(until, party);
                arena.bus.take_lease(until, party, names[who]);
            }
            prop_assert_eq!(holder, parties.into_iter().find(|party| arena.bus.holds_lease(*party)));
        }
        prop_assert!(held > 0, "somebody held it");
        prop_assert!(KEEP_LEASE > Duration::ZERO);
    }
}
