//! How fast the physics alone are: what a sample of a calm node costs, and a virtual second in which every request is followed.
//!
//! `cargo bench -p arena-sim --bench world [NODES...]`. `just bench-sim` measures the whole arena; this says how much of that is the world's.

use std::hint::black_box;
use std::time::{Duration, Instant};

use arena_faults::FaultName;
use arena_node_core::Effect;
use arena_scenario::{Layout, Load, LoadShape, Topology};
use arena_sim::world::{BEGIN, Route, World};

const NODES: [u32; 3] = [100, 1_000, 10_000];
/// Node-seconds that are measured of each.
const NODE_SECONDS: u32 = 1_000_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures real time, and nothing that is simulated hears of it"
)]
fn measured(what: &str, count: u32, mut work: impl FnMut()) {
    let begin = Instant::now();
    work();
    let each = begin.elapsed().as_secs_f64() / f64::from(count);
    println!("  {what}: {:.0} ns", each * 1e9);
}

fn main() {
    let given = std::env::args().filter_map(|word| word.parse().ok());
    let mut sizes: Vec<u32> = given.collect();
    if sizes.is_empty() {
        sizes.extend(NODES);
    }
    for nodes in sizes {
        measure(nodes);
    }
}

fn measure(nodes: u32) {
    println!("{nodes} nodes");
    let load = Load {
        rate: 20,
        shape: LoadShape::Steady,
    };
    let topology = Topology::Generated {
        nodes,
        replicas: (nodes * 2 / 5).max(1),
        batch: false,
    };
    let arena = Layout::of(&topology, 7).arena(&load, 7).expect("an arena");
    let mut world = World::new(&arena, &load, 7);
    for (node, spec) in world.nodes().zip(&arena.nodes) {
        for (service, spec) in world.services_of(node).zip(&spec.services) {
            world
                .spawn(BEGIN, service, 1, &spec.definition())
                .expect("a process");
            world.set_routable(BEGIN, service, Route::Open);
        }
    }
    let mut now = BEGIN;
    let mut row = Vec::new();
    let mut seconds = |world: &mut World, count: u32| {
        for _ in 0..count {
            now = now + Duration::from_secs(1);
            for node in world.nodes() {
                world.sample(now, node, &mut row);
                black_box(&row);
            }
            world.happenings().for_each(drop);
            black_box(world.truth(now));
        }
        now
    };
    seconds(&mut world, 10);
    let count = (NODE_SECONDS / nodes).max(10);
    measured("a calm node-second", count * nodes, || {
        seconds(&mut world, count);
    });
    let victim = world.nodes().flat_map(|node| world.services_of(node));
    let victim = victim
        .into_iter()
        .find(|service| world.service(*service).name.as_str() == "ledger");
    let victim = victim.expect("a ledger");
    let effect = Effect {
        fault: "flt-1".parse().expect("an id"),
        name: FaultName::Gray,
        params: FaultName::Gray
            .fault()
            .fill(&std::collections::BTreeMap::new())
            .expect("defaults"),
        service: Some(world.service(victim).name.clone()),
        process: world.process(victim),
        ttl: Duration::from_mins(10),
    };
    let now = seconds(&mut world, 1);
    let node = world.service(victim).node;
    world.apply(now, node, &effect).1.expect("made");
    let count = (count / 10).max(10);
    measured(
        "a node-second in which every request is followed",
        count * nodes,
        || {
            seconds(&mut world, count);
        },
    );
}
