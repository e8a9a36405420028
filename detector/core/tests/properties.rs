//! What holds for every history of telemetry, whatever the bus does to it.

mod world;

use std::collections::{BTreeMap, BTreeSet};

use arena_detector_core::Input;
use arena_proto::{
    Entity, IncidentEvent, IncidentEventKind, NodeName, ServiceName, SignalReport, SignalState,
};
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

const SHOP: &str = "
node n1: edge(orders) orders(payments,inventory) ledger
node n2: orders(payments,inventory) payments(ledger)
node n3: payments(ledger) inventory(ledger)";

const ENTITIES: [&str; 7] = [
    "n1/edge",
    "n1/orders",
    "n1/ledger",
    "n2/orders",
    "n2/payments",
    "n3/payments",
    "n3/inventory",
];

/// How far a node's clock is off.
const SKEWS_MS: [i64; 5] = [0, 400, -400, 7_200_000, -86_400_000];

/// Looks that last, each clearly a symptom or clearly none.
const LASTING: [&str; 6] = [
    "state=RUNNING probe=PASSING cpu=10 p95=20 err=0 storage=5",
    "state=RUNNING probe=PASSING cpu=10 p95=900 err=0 storage=5",
    "state=RUNNING probe=PASSING cpu=10 p95=20 err=40 storage=5",
    "state=RUNNING probe=PASSING cpu=10 p95=20 err=0 storage=900",
    "state=RUNNING probe=FAILING cpu=10 p95=20 err=0 storage=5",
    "state=EXITED probe=UNKNOWN cpu=nan",
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
    let over = [SignalState::Inactive, SignalState::Resolved];
    for event in world.open().values() {
        let mut own = event.signals.iter().filter(|s| s.entity == event.entity);
        assert!(own.any(|signal| !over.contains(&signal.state)), "{event:?}");
    }
    for event in &world.log {
        let own = || event.signals.iter().filter(|s| s.entity == event.entity);
        if event.kind == IncidentEventKind::Cleared {
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

/// Everything that the service calls, in [`SHOP`].
fn called_by(service: &str) -> &'static [&'static str] {
    match service {
        "edge" => &["orders", "payments", "inventory", "ledger"],
        "orders" => &["payments", "inventory", "ledger"],
        "payments" | "inventory" => &["ledger"],
        _ => &[],
    }
}

/// What a caller may have borrowed opens nothing while the incident of what it calls says that its symptom is there.
fn check_no_caller_opens_beside_its_cause(world: &World) {
    let mut open: BTreeMap<&Entity, &IncidentEvent> = BTreeMap::new();
    for event in &world.log {
        let borrowed = |symptom: &str| ["latency_high", "error_rate_high"].contains(&symptom);
        let caller = event
            .entity
            .service
            .as_ref()
            .map_or("", ServiceName::as_str);
        if event.kind == IncidentEventKind::Opened
            && event.signals.iter().all(|signal| borrowed(&signal.symptom))
        {
            let cause = open.values().find(|other| {
                let name = other
                    .entity
                    .service
                    .as_ref()
                    .map_or("", ServiceName::as_str);
                let own = |s: &SignalReport| s.entity == other.entity;
                let fires = |s: &SignalReport| own(s) && s.state == SignalState::Firing;
                called_by(caller).contains(&name) && other.signals.iter().any(fires)
            });
            assert!(
                cause.is_none(),
                "{event:?} beside {cause:?}\n{}",
                world.transcript
            );
        }
        if event.kind == IncidentEventKind::Cleared {
            open.remove(&event.entity);
        } else {
            open.insert(&event.entity, event);
        }
    }
}

proptest! {
    // Thousands of histories over the three.
    #![proptest_config(ProptestConfig::with_cases(1000))]

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
    fn whatever_happens_the_stream_of_events_makes_sense(
        steps in proptest::collection::vec((0..20_usize, 0..7_usize, 0..LOOKS.len(), 1..4_u32), 1..60),
    ) {
        let mut world = World::new();
        world.script(SHOP);
        world.script("host n1\n host n2");
        for (step, entity, look, number) in steps {
            let name = ENTITIES[entity];
            match step {
                0 => world.script(&format!("mute n{number}")),
                1 | 2 => world.script("unmute n1\n unmute n2\n unmute n3\n hear"),
                3 => world.script(&format!("leave n{number}")),
                4 => world.script(&format!("reboot n{number}")),
                5 => {
                    // What a node runs is known when it was heard.
                    world.restart(policy());
                    world.script("unmute n1\n unmute n2\n unmute n3");
                }
                6 => world.script("disconnect\n run 1\n connect"),
                7 | 8 => world.script(&format!("set {name} p95=900 err=30")),
                9 => world.script(&format!("set {name} p95=20 err=0 rate=0")),
                10 => world.script(&format!("set {name} gen={number}")),
                11 => world.script("deaf"),
                12 => world.script("stall 4"),
                13 => world.script(&format!("skew n{number} {}", SKEWS_MS[look % SKEWS_MS.len()])),
                14 => repeat_last(&mut world, number),
                15 => world.script(&format!("freeze n{number}")),
                16 => world.script("thaw n1\n thaw n2\n thaw n3"),
                17 => world.script(&format!("lose n{number} {}", look + 1)),
                _ => world.script(&format!("set {name} {}", LOOKS[look])),
            }
            world.run(f64::from(number));
        }
        check_streams(&world);
        check_no_caller_opens_beside_its_cause(&world);
    }

    #[test]
    fn repeated_late_and_skewed_messages_neither_make_nor_hide_an_incident(
        phases in proptest::collection::vec(phase(), 1..4),
        noise in proptest::collection::vec(0..6_usize, 60),
        skews in [0..SKEWS_MS.len(), 0..SKEWS_MS.len(), 0..SKEWS_MS.len()],
    ) {
        let clean = story(&phases, &[0], [0, 0, 0]);
        let noisy = story(&phases, &noise, skews);
        prop_assert_eq!(clean, noisy);
    }
}

/// What each incident was about, and how far it got, in the order of each entity.
type Story = BTreeMap<String, Vec<String>>;

/// Two services that show something at once, and for how many seconds; then all is well again.
type Phase = ([(usize, usize); 2], usize);

/// After this long everything that was hurt has cleared, and the grace is over.
const RECOVERY_SECONDS: usize = 12;

fn phase() -> impl Strategy<Value = Phase> {
    let hurt = || (0..ENTITIES.len(), 1..LASTING.len());
    ([hurt(), hurt()], 8..12_usize)
}

/// One look a phase, and what the bus does to each message: 0 to 2 nothing, 3 twice, 4 late by one, 5 an old one again.
fn story(phases: &[Phase], noise: &[usize], skews: [usize; 3]) -> Story {
    let mut world = World::new();
    world.script(SHOP);
    let names = ["n1", "n2", "n3"].map(|name| NodeName::new(name).expect("a node"));
    for (name, skew) in names.iter().zip(skews) {
        world.script(&format!("skew {name} {}", SKEWS_MS[skew]));
    }
    world.script("run 5\n mute n1\n mute n2\n mute n3");
    let mut noise = noise.iter().cycle();
    let mut late: BTreeMap<&NodeName, Input> = BTreeMap::new();
    let mut old: BTreeMap<&NodeName, Input> = BTreeMap::new();
    let well = |(entity, _): (usize, usize)| format!("set {} {}", ENTITIES[entity], LASTING[0]);
    let ill =
        |(entity, look): (usize, usize)| format!("set {} {}", ENTITIES[entity], LASTING[look]);
    for (hurt, seconds) in phases {
        for second in 0..seconds + RECOVERY_SECONDS {
            if second == 0 {
                world.script(&hurt.map(ill).join("\n"));
            } else if second == *seconds {
                world.script(&hurt.map(well).join("\n"));
            }
            for name in &names {
                world.run(0.1);
                let (telemetry, schema) = world.message(name, true);
                let message = Input::Telemetry { telemetry, schema };
                let fate = noise.next().copied().unwrap_or(0);
                let held = late.remove(name);
                if fate == 4 && held.is_none() {
                    late.insert(name, message);
                    continue;
                }
                if fate == 3 {
                    world.input(message.clone());
                }
                world.input(message.clone());
                if let Some(held) = held {
                    world.input(held);
                }
                if fate == 5
                    && let Some(old) = old.insert(name, message)
                {
                    world.input(old);
                }
            }
            world.run(0.7);
        }
    }
    check_streams(&world);
    let mut story = Story::new();
    for event in world
        .log
        .iter()
        .filter(|e| e.kind != IncidentEventKind::Updated)
    {
        let told = story.entry(event.entity.to_string()).or_default();
        // How soon the services of a node show that it is theirs together depends on which sample is lost: one that spoke
        // alone before is merged.
        if event.kind == IncidentEventKind::Cleared && event.root_cause != event.entity {
            told.pop();
        } else {
            told.push(format!("{} {}", event.kind, event.symptom));
        }
    }
    story.retain(|_, told| !told.is_empty());
    story
}

/// The last message of a node, once more.
fn repeat_last(world: &mut World, number: u32) {
    let name = NodeName::new(format!("n{number}")).expect("a node");
    let (telemetry, schema) = world.message(&name, true);
    let message = Input::Telemetry { telemetry, schema };
    world.input(message.clone());
    world.input(message);
}
