//! The short way past calm messages, and rules without CEL, say what judging every message whole by CEL says: for random histories
//! of readings on both sides of every level and of none, of states, losses, restarts and clocks.

mod world;

use proptest::prelude::*;
use world::World;

const SHOP: &str = "
node n1: edge(orders) orders(payments,inventory) ledger
node n2: orders(payments,inventory) payments(ledger) burner*
node n3: payments(ledger) inventory(ledger)
host n1
host n2";

const ENTITIES: [&str; 7] = [
    "n1/edge",
    "n1/orders",
    "n1/ledger",
    "n2/orders",
    "n2/burner",
    "n3/payments",
    "n3/inventory",
];

/// Readings at the levels of the built-in policy, beside them, and none.
const READINGS: [&str; 24] = [
    "cpu=10",
    "cpu=80",
    "cpu=80.1",
    "cpu=60",
    "cpu=nan",
    "p95=200",
    "p95=201",
    "p95=150",
    "p95=nan",
    "err=10",
    "err=11",
    "err=0",
    "err=nan",
    "rate=0",
    "rate=50",
    "wait=5",
    "wait=30",
    "wait=nan",
    "storage=101",
    "storage=5",
    "memory=3e8",
    "memory=1e7",
    "used=96",
    "used=1",
];

const STATES: [&str; 6] = [
    "state=RUNNING probe=PASSING",
    "state=RUNNING probe=PASSING",
    "state=RUNNING probe=FAILING",
    "state=RUNNING probe=UNKNOWN",
    "state=EXITED probe=UNKNOWN",
    "state=STOPPED probe=UNKNOWN",
];

/// What happens, to which entity, with which reading or state, and for how many seconds.
type Step = (usize, usize, usize, u32);

fn happen(world: &mut World, (what, entity, which, number): Step) {
    let entity = ENTITIES[entity];
    let node = &entity[..2];
    match what {
        0 => world.script(&format!("mute {node}")),
        1 => world.script("unmute n1\n unmute n2\n unmute n3\n hear"),
        2 => world.script(&format!("set {entity} gen={number}")),
        3 => world.script(&format!("lose {node} {number}")),
        4 => world.script(&format!("reboot {node}")),
        5 => world.script(&format!("freeze {node}")),
        6 => world.script("thaw n1\n thaw n2\n thaw n3"),
        7 => world.script(&format!("send {node}")),
        8 => world.script(&format!("skew {node} {}", [0, 900, -86_400_000][which % 3])),
        9 => world.script(&format!("leave {node}")),
        10 => world.script("stall 2"),
        11 => world.script("deaf"),
        12..=15 => world.script(&format!("set {entity} {}", STATES[which % STATES.len()])),
        _ => world.script(&format!("set {entity} {}", READINGS[which])),
    }
    world.run(f64::from(number));
}

proptest! {
    // Some thousand messages each; a history without trouble is mostly calm, one with trouble mostly not.
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn say_what_the_whole_way_says(
        steps in proptest::collection::vec(
            (0..30_usize, 0..ENTITIES.len(), 0..READINGS.len(), 1..4_u32),
            1..60,
        ),
    ) {
        let mut world = World::compared();
        world.script(SHOP);
        for step in steps {
            happen(&mut world, step);
        }
        world.open();
    }
}
