//! What telemetry that is bad on its way, of a node that is well or ill, does to incidents: within the bounds of
//! docs/detector.md, "Bad telemetry", nothing.

#[allow(
    dead_code,
    reason = "this module is part of several tests, which use parts of it"
)]
mod world;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arena_detector_core::Input;
use arena_proto::{IncidentEventKind, NodeName, Timestamp};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use world::World;

/// What happens to a node's messages between it and the bus.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    None,
    /// Percent.
    Loss(u64),
    /// Percent.
    Duplicates(u64),
    /// Milliseconds.
    Delay(u64),
    /// So many are gathered; one leaves as another comes.
    Reorder(usize),
    /// Milliseconds.
    Skew(i64),
}

/// The way of one node's messages, one a second, to the detector.
struct Line {
    world: World,
    node: NodeName,
    trouble: Trouble,
    held: VecDeque<(Timestamp, Input)>,
    random: u64,
    sent: u64,
}

impl Line {
    /// The first node of the script is the one whose telemetry is in trouble.
    fn new(script: &str, seed: u64) -> Self {
        let mut world = World::new();
        world.script(script);
        let node = world.nodes.keys().next().expect("a node").clone();
        world.script(&format!("mute {node}"));
        Self {
            world,
            node,
            trouble: Trouble::None,
            held: VecDeque::new(),
            random: seed,
            sent: 0,
        }
    }

    fn set(&mut self, trouble: Trouble) {
        self.trouble = trouble;
        let skew = if let Trouble::Skew(millis) = trouble {
            millis
        } else {
            0
        };
        self.world.script(&format!("skew {} {skew}", self.node));
        // What is held goes out.
        for (_, message) in std::mem::take(&mut self.held) {
            self.world.input(message);
        }
    }

    /// Knuth's MMIX generator: its high bits are random enough.
    fn random(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = self.random.wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.send();
            for _ in 0..10 {
                self.world.run(0.1);
                while self
                    .held
                    .front()
                    .is_some_and(|(at, _)| *at <= self.world.now)
                {
                    let (_, message) = self.held.pop_front().expect("there is one");
                    self.world.input(message);
                }
            }
        }
    }

    fn send(&mut self) {
        let (telemetry, schema) = self.world.message(&self.node, true);
        let message = Input::Telemetry { telemetry, schema };
        self.sent += 1;
        let chance = self.random(100);
        match self.trouble {
            Trouble::Loss(share) if chance < share => {}
            Trouble::Duplicates(share) if chance < share => {
                self.world.input(message.clone());
                self.world.input(message);
            }
            Trouble::Delay(millis) => {
                let at = self.world.now + Duration::from_millis(millis);
                self.held.push_back((at, message));
            }
            Trouble::Reorder(window) => {
                self.held
                    .push_back((Timestamp::from_unix_millis(i64::MAX / 2_000_000), message));
                if self.held.len() >= window || self.sent.is_multiple_of(2) {
                    let held = u64::try_from(self.held.len()).expect("small");
                    let next = usize::try_from(self.random(held)).expect("small");
                    let (_, message) = self.held.remove(next).expect("there is one");
                    self.world.input(message);
                }
            }
            _ => self.world.input(message),
        }
    }

    /// What was opened and cleared, in the order of each entity.
    fn story(&self) -> BTreeMap<String, Vec<String>> {
        let mut story: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in &self.world.log {
            if event.kind != IncidentEventKind::Updated {
                let told = story.entry(event.entity.to_string()).or_default();
                told.push(format!("{} {}", event.kind, event.symptom));
            }
        }
        story
    }
}

/// Services that do not call each other, so that what one shows depends on nobody's ticks but its node's.
const APART: &str = "
node n1: a b
node n2: c
node n3: d
run 3";

/// Looks that last, each clearly a symptom or clearly none.
const LASTING: [&str; 6] = [
    "state=RUNNING probe=PASSING cpu=10 p95=20 err=0 storage=5",
    "state=RUNNING probe=PASSING cpu=10 p95=900 err=0 storage=5",
    "state=RUNNING probe=PASSING cpu=99 p95=20 err=0 storage=5",
    "state=RUNNING probe=PASSING cpu=10 p95=20 err=0 storage=900",
    "state=RUNNING probe=FAILING cpu=10 p95=20 err=0 storage=5",
    "state=EXITED probe=UNKNOWN cpu=nan",
];

/// A service is ill for a while, once or several times, and in the middle of all this its node's telemetry is in trouble.
fn history(ills: &[(usize, u64)], trouble: Trouble, begins: u64, seed: u64) -> Line {
    let mut line = Line::new(APART, seed);
    let mut second = 0;
    for (look, seconds) in ills {
        for (look, seconds) in [(*look, *seconds), (0, WELL_SECONDS)] {
            line.world.script(&format!("set n1/a {}", LASTING[look]));
            for _ in 0..seconds {
                if second == begins {
                    line.set(trouble);
                } else if second == begins + TROUBLE_SECONDS {
                    line.set(Trouble::None);
                }
                line.run(1);
                second += 1;
            }
        }
    }
    line.set(Trouble::None);
    line.run(WELL_SECONDS);
    line
}

/// After this long everything that was ill has cleared, also where it is told late.
const WELL_SECONDS: u64 = 15;

/// About as long as one illness and its end.
const TROUBLE_SECONDS: u64 = 25;

fn harmless() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        (1..=100_u64).prop_map(Trouble::Duplicates),
        (100..=2000_u64).prop_map(Trouble::Delay),
        (2..=3_usize).prop_map(Trouble::Reorder),
        (-600_000..=600_000_i64).prop_map(Trouble::Skew),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn late_doubled_mixed_up_and_skewed_telemetry_neither_makes_nor_hides_an_incident(
        ills in proptest::collection::vec((1..LASTING.len(), 10..14_u64), 1..3),
        trouble in harmless(),
        begins in 0..40_u64,
        seed in any::<u64>(),
    ) {
        let clean = history(&ills, Trouble::None, begins, seed);
        let troubled = history(&ills, trouble, begins, seed);
        prop_assert_eq!(clean.story(), troubled.story(), "{}", troubled.world.transcript);
    }
}

/// Of so many minutes with this trouble: in how many a well node was called silent, and in how many the illness of its service
/// was not found, or its end.
fn minutes(trouble: Trouble) -> String {
    let (mut silent, mut missed, mut found_after) = (0, 0, 0);
    for seed in 0..MINUTES {
        let mut line = Line::new(APART, seed);
        line.set(trouble);
        line.run(30);
        line.world.script(&format!("set n1/a {}", LASTING[2]));
        let ill = line.world.now;
        line.run(20);
        line.world.script(&format!("set n1/a {}", LASTING[0]));
        line.run(10);
        line.set(Trouble::None);
        line.run(15);
        let story = line.story();
        silent += u32::from(story.contains_key("n1"));
        let expected = ["OPENED cpu_high", "CLEARED cpu_high"]
            .map(str::to_owned)
            .to_vec();
        missed += u32::from(story.get("n1/a") != Some(&expected));
        let opened = line
            .world
            .log
            .iter()
            .find(|event| event.entity.service.is_some());
        found_after += opened.map_or(0, |event| event.at.saturating_since(ill).as_millis());
    }
    let mean = found_after / u128::from(MINUTES);
    format!("called silent in {silent}, missed in {missed} of {MINUTES}; found after {mean} ms")
}

const MINUTES: u64 = 100;

fn check(trouble: Trouble, expected: &Expect) {
    expected.assert_eq(&minutes(trouble));
}

#[test]
fn what_is_lost_by_chance_makes_detection_slower_and_seldom_a_node_silent() {
    check(
        Trouble::None,
        &expect!["called silent in 0, missed in 0 of 100; found after 1000 ms"],
    );
    check(
        Trouble::Loss(10),
        &expect!["called silent in 2, missed in 0 of 100; found after 1240 ms"],
    );
    check(
        Trouble::Loss(20),
        &expect!["called silent in 4, missed in 0 of 100; found after 1490 ms"],
    );
    check(
        Trouble::Loss(50),
        &expect!["called silent in 37, missed in 0 of 100; found after 3630 ms"],
    );
    check(
        Trouble::Loss(75),
        &expect!["called silent in 79, missed in 12 of 100; found after 6590 ms"],
    );
}

#[test]
fn what_comes_late_or_mixed_up_makes_detection_slower() {
    check(
        Trouble::Delay(2000),
        &expect!["called silent in 0, missed in 0 of 100; found after 3000 ms"],
    );
    check(
        Trouble::Delay(5000),
        &expect!["called silent in 100, missed in 0 of 100; found after 6000 ms"],
    );
    check(
        Trouble::Reorder(4),
        &expect!["called silent in 0, missed in 0 of 100; found after 3130 ms"],
    );
    check(
        Trouble::Reorder(10),
        &expect!["called silent in 0, missed in 1 of 100; found after 6210 ms"],
    );
    check(
        Trouble::Reorder(20),
        &expect!["called silent in 0, missed in 7 of 100; found after 10980 ms"],
    );
}

fn check_script(script: &str, expected: &Expect) {
    let mut world = World::new();
    world.script(script);
    expected.assert_eq(&world.transcript);
}

#[test]
fn values_that_stand_still_are_no_readings_and_say_so() {
    check_script(
        "node n1: a b
         host n1
         run 5
         freeze n1
         run 30
         set n1/a state=EXITED probe=UNKNOWN exit=137   # states are told as they are
         send n1
         run 3
         set n1/a state=RUNNING probe=PASSING gen=2
         run 3
         thaw n1
         run 5",
        &expect![[r#"
            16.0 OPENED n1 telemetry_frozen WARNING r1 [n1 telemetry_frozen FIRING]
            35.0 OPENED n1/a process_exited CRITICAL r1 [n1/a process_exited FIRING]
            39.0 CLEARED n1/a process_exited CRITICAL r2 [n1/a process_exited RESOLVED]
            42.0 CLEARED n1 telemetry_frozen WARNING r2 [n1 telemetry_frozen RESOLVED]
        "#]],
    );
}

#[test]
fn what_was_raised_when_the_values_froze_stays_open_until_they_move_again() {
    check_script(
        "node n1: a b
         host n1
         run 3
         set n1/a cpu=97
         run 4
         freeze n1
         run 20
         set n1/a cpu=10
         run 10
         thaw n1
         run 4",
        &expect![[r#"
            5.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
            18.0 OPENED n1 telemetry_frozen WARNING r1 [n1 telemetry_frozen FIRING]
            18.0 UPDATED n1/a cpu_high WARNING r2 [n1/a cpu_high NO_DATA]
            38.0 CLEARED n1 telemetry_frozen WARNING r2 [n1 telemetry_frozen RESOLVED]
            38.0 UPDATED n1/a cpu_high WARNING r3 [n1/a cpu_high RECOVERING]
            39.0 CLEARED n1/a cpu_high WARNING r4 [n1/a cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn what_begins_while_the_values_stand_still_is_found_when_they_move_again() {
    check_script(
        "node n1: a b
         host n1
         run 3
         freeze n1
         run 2
         set n1/a cpu=97
         run 20
         thaw n1
         run 4",
        &expect![[r#"
            14.0 OPENED n1 telemetry_frozen WARNING r1 [n1 telemetry_frozen FIRING]
            26.0 CLEARED n1 telemetry_frozen WARNING r2 [n1 telemetry_frozen RESOLVED]
            27.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
        "#]],
    );
}

#[test]
fn a_node_that_tells_little_of_its_machine_may_stand_still() {
    check_script("node n1: a b\n run 5\n freeze n1\n run 60", &expect![""]);
}

#[test]
fn callers_of_a_node_with_frozen_values_are_judged_for_themselves() {
    check_script(
        "node n1: orders
         host n1
         node n2: edge(orders)
         run 3
         freeze n1
         run 20
         set n2/edge p95=900
         run 5",
        &expect![[r#"
            14.0 OPENED n1 telemetry_frozen WARNING r1 [n1 telemetry_frozen FIRING]
            24.3 OPENED n2/edge latency_high ERROR r1 [n2/edge latency_high FIRING]
        "#]],
    );
}

#[test]
fn a_clock_that_is_set_back_hides_nothing() {
    check_script(
        "node n1: a
         run 3
         skew n1 -600000
         run 3
         set n1/a cpu=97
         run 4
         skew n1 600000
         run 3
         skew n1 0
         run 3
         set n1/a cpu=10
         run 3",
        &expect![[r#"
            8.0 OPENED n1/a cpu_high WARNING r1 [n1/a cpu_high FIRING]
            17.0 UPDATED n1/a cpu_high WARNING r2 [n1/a cpu_high RECOVERING]
            18.0 CLEARED n1/a cpu_high WARNING r3 [n1/a cpu_high RESOLVED]
        "#]],
    );
}

#[test]
fn a_node_that_loses_messages_is_silent_later_and_one_that_lost_them_long_ago_is_not() {
    check_script(
        "node n1: a
         node n2: b
         node n3: c
         node n4: d
         run 5
         lose n1 2
         run 1
         lose n1 2
         run 2
         mute n1              # of its last 16 messages 4 were lost
         run 10
         unmute n1
         run 20               # by now they are among older ones
         mute n1
         run 5
         unmute n1
         run 2
         lose n1 40           # an outage, which is over
         run 1
         mute n1
         run 5",
        &expect![[r#"
            15.5 OPENED n1 node_silent CRITICAL r1 [n1 node_silent FIRING]
            19.0 CLEARED n1 node_silent CRITICAL r2 [n1 node_silent RESOLVED]
            41.5 OPENED n1 node_silent CRITICAL r1 [n1 node_silent FIRING]
            44.0 CLEARED n1 node_silent CRITICAL r2 [n1 node_silent RESOLVED]
            49.5 OPENED n1 node_silent CRITICAL r1 [n1 node_silent FIRING]
        "#]],
    );
}
