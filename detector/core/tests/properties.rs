//! What holds for every history of telemetry, whatever the bus does to it.

mod world;

use std::collections::BTreeSet;

use arena_detector_core::Input;
use arena_proto::{IncidentEventKind, NodeName, SignalState};
use proptest::prelude::*;
use world::{World, policy};

/// What a service may look like in the end: each decides alone whether its incident is open.
const LAST: [(&str, bool); 5] = [
    ("state=RUNNING probe=PASSING cpu=10", false),
    ("state=RUNNING probe=NONE cpu=10", false),
    ("state=RUNNING probe=PASSING cpu=99", true),
    ("state=RUNNING probe=FAILING cpu=10", true),
    ("state=EXITED probe=UNKNOWN cpu=nan", true),
];

/// What it may look like on the way.
const LOOKS: [&str; 10] = [
    "state=RUNNING probe=PASSING cpu=10",
    "state=RUNNING probe=PASSING cpu=99",
    "state=RUNNING probe=PASSING cpu=60",
    "state=RUNNING probe=PASSING cpu=nan",
    "state=RUNNING probe=FAILING",
    "state=EXITED probe=UNKNOWN",
    "state=BACKOFF",
    "state=STARTING probe=UNKNOWN",
    "state=STOPPED probe=UNKNOWN",
    "state=FATAL",
];

/// What the bus does to one message.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Delivered,
    Lost,
    Twice,
    /// After the one that follows.
    Late,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Delivered),
        2 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        2 => Just(Fate::Late),
    ]
}

/// One second: a look and a generation for each of two services, and the message's fate.
type Second = ([(usize, u32); 2], Fate);

fn second() -> impl Strategy<Value = Second> {
    let look = || (0..LOOKS.len(), 1..4_u32);
    ([look(), look()], fate())
}

fn check_streams(world: &World) {
    world.open();
    for event in &world.log {
        let own = || event.signals.iter().filter(|s| s.entity == event.entity);
        if event.kind == IncidentEventKind::Cleared {
            let over = [SignalState::Inactive, SignalState::Resolved];
            // Or it was merged into the incident of its node.
            assert!(
                own().all(|signal| over.contains(&signal.state) || signal.inhibited_by.is_some()),
                "{event:?}"
            );
        }
        if event.kind == IncidentEventKind::Opened {
            assert!(
                own().any(|signal| signal.state == SignalState::Firing),
                "{event:?}"
            );
        }
        assert!(
            event.signals.iter().all(|signal| signal.since <= event.at),
            "{event:?}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_open_in_the_end_follows_from_the_end(
        history in proptest::collection::vec(second(), 0..30),
        last in [0..LAST.len(), 0..LAST.len()],
    ) {
        let mut world = World::new();
        world.script("node n1: a b");
        let node = NodeName::new("n1").expect("a node");
        let mut late = None;
        for (looks, fate) in history {
            for (service, (look, generation)) in ["a", "b"].into_iter().zip(looks) {
                world.script(&format!("set n1/{service} {} gen={generation}", LOOKS[look]));
            }
            world.script("mute n1\n run 1");
            let (telemetry, schema) = world.message(&node, true);
            let message = Input::Telemetry { telemetry, schema };
            match fate {
                Fate::Delivered => world.input(message),
                Fate::Lost => {}
                Fate::Twice => {
                    world.input(message.clone());
                    world.input(message);
                }
                Fate::Late => {
                    late = Some(message);
                    continue;
                }
            }
            if let Some(message) = late.take() {
                world.input(message);
            }
        }
        for (service, last) in ["a", "b"].into_iter().zip(last) {
            world.script(&format!("set n1/{service} {} gen=9", LAST[last].0));
        }
        world.script("unmute n1\n run 8");
        check_streams(&world);
        // An incident of the node tells of its services.
        let told = world.open().into_values().flat_map(|event| event.signals);
        let told = told.filter(|s| s.state == SignalState::Firing && s.entity.service.is_some());
        let open: BTreeSet<String> = told.map(|signal| signal.entity.to_string()).collect();
        let open: Vec<String> = open.into_iter().collect();
        let services = ["n1/a", "n1/b"].into_iter().zip(last);
        let expected: Vec<&str> = services
            .filter(|(_, last)| LAST[*last].1)
            .map(|(entity, _)| entity)
            .collect();
        prop_assert_eq!(open, expected);
    }

    #[test]
    fn the_stream_of_events_always_makes_sense(
        steps in proptest::collection::vec((0..12_usize, 0..7_usize, 0..LOOKS.len(), 1..4_u32), 1..60),
    ) {
        const ENTITIES: [&str; 7] = [
            "n1/edge", "n1/orders", "n1/ledger", "n2/orders", "n2/payments", "n3/payments",
            "n3/inventory",
        ];
        let mut world = World::new();
        world.script(
            "node n1: edge(orders) orders(payments,inventory) ledger
             node n2: orders(payments,inventory) payments(ledger)
             node n3: payments(ledger) inventory(ledger)",
        );
        for (step, entity, look, number) in steps {
            match step {
                0 => world.script(&format!("mute n{number}")),
                1 | 2 => world.script("unmute n1\n unmute n2\n unmute n3"),
                3 => world.script(&format!("leave n{number}")),
                4 => world.script(&format!("reboot n{number}")),
                5 => world.restart(policy()),
                6 => world.script("disconnect\n run 1\n connect"),
                7 => world.script(&format!("set {} p95=900 err=30", ENTITIES[entity])),
                8 => world.script(&format!("set {} p95=20 err=0 rate=0", ENTITIES[entity])),
                9 => world.script(&format!("set {} gen={number}", ENTITIES[entity])),
                _ => world.script(&format!("set {} {}", ENTITIES[entity], LOOKS[look])),
            }
            world.run(f64::from(number));
            check_streams(&world);
        }
    }
}
