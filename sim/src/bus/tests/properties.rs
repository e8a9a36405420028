//! Any mixture of publishes, acks, deaths and defects, against a small model of what a bus promises.

use std::collections::BTreeSet;

use arena_proto::{FaultOperation, FaultRequest};

use super::*;
use crate::chance::{Chance, Purpose};

/// What a party of the test does.
#[derive(Debug, Clone)]
enum Act {
    /// Publishes something for one of the nodes, over one of the outboxes.
    Publish(usize, usize),
    Die(usize),
    Restart,
    Wait(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (0_usize..2, 0_usize..2).prop_map(|(node, who)| Act::Publish(node, who)),
        1 => (0_usize..2).prop_map(Act::Die),
        1 => Just(Act::Restart),
        6 => (0_u64..900).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 1..40)
}

fn defects() -> impl Strategy<Value = Defects> {
    (0.0..30.0_f64, 0.0..30.0_f64, 0.0..30.0_f64, 0_u64..20_000).prop_map(
        |(loss_percent, duplicate_percent, reorder_percent, jitter_us)| Defects {
            jitter_us,
            loss_percent,
            duplicate_percent,
            reorder_percent,
            ..Defects::default()
        },
    )
}

const NODES: [&str; 2] = ["node-1", "node-2"];
/// By then everything has been tried often enough: an hour has 240 ack-waits.
const OVER: u64 = 3_600_000;

/// Something of a stream that keeps it for days.
fn request(to: &str, number: u64) -> FaultRequest {
    FaultRequest {
        id: format!("f-{number}").parse().expect("an id"),
        node: node(to),
        at: START,
        operation: FaultOperation::Revert,
    }
}

fn reads(name: &str) -> Read {
    Read::durable(Family::Fault, format!("node-{name}")).node(node(name))
}

fn number(message: &Message) -> Option<u64> {
    match message {
        Message::Fault(request) => request.id.as_str().trim_start_matches("f-").parse().ok(),
        _ => None,
    }
}

struct Play {
    arena: Arena,
    nodes: [Party; 2],
    watcher: Party,
    published: BTreeSet<(usize, u64)>,
    /// The numbers that each node was given, in order.
    given: [Vec<u64>; 2],
    acks: Chance,
}

impl Play {
    fn new(network: Network, seed: u64) -> Self {
        let mut arena = Arena::new(network, seed);
        let nodes = NODES.map(|name| arena.bus.join(name));
        for (party, name) in nodes.into_iter().zip(NODES) {
            arena.bus.read(at(0), party, reads(name));
        }
        let watcher = arena.bus.join("watcher");
        arena
            .bus
            .read(at(0), watcher, Read::ephemeral(Family::Fault));
        Self {
            arena,
            nodes,
            watcher,
            published: BTreeSet::new(),
            given: [Vec::new(), Vec::new()],
            acks: Chance::stream(seed, Purpose::Test, 0),
        }
    }

    /// Nodes ack most of what they are given; the rest they forget.
    fn run(&mut self, until: u64) {
        while let Some(delivery) = self.arena.bus.deliver(at(until)) {
            if let Arrival::Message { token, message, .. } = &delivery.what
                && let Some(number) = number(message)
                && let Some(node) = self.nodes.iter().position(|party| *party == delivery.to)
            {
                assert!(self.published.contains(&(node, number)), "for another node");
                self.given[node].push(number);
                if self.acks.percent(70.0) {
                    self.arena.bus.ack(delivery.at, delivery.to, *token);
                }
            }
            self.arena.came.push(delivery);
        }
        self.arena.now = at(until);
    }

    fn play(&mut self, acts: &[Act]) {
        let publishers = ["cli", "remediator"].map(|name| {
            let party = self.arena.bus.join(name);
            let patience = Patience::UntilStored(Duration::from_millis(500));
            self.arena.bus.outbox(party, patience)
        });
        let mut millis = 0;
        for (number, act) in (0..).zip(acts) {
            let now = at(millis);
            match *act {
                Act::Publish(node, who) => {
                    self.published.insert((node, number));
                    let message = request(NODES[node], number);
                    self.arena.bus.publish(now, publishers[who], message);
                }
                Act::Die(node) => {
                    self.arena.bus.crash(now, self.nodes[node]);
                    self.arena.bus.revive(now, self.nodes[node]);
                    let read = reads(NODES[node]);
                    self.arena.bus.read(now, self.nodes[node], read);
                }
                Act::Restart => self.arena.bus.restart(now, Duration::from_millis(300)),
                Act::Wait(pause) => {
                    millis += pause / 8;
                    self.run(millis);
                }
            }
        }
        // All that nobody acked in time is offered again; those offers are acked with the same chance, and again.
        self.run(OVER);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// At least once to who acks, once in the stream for an id, and to an ephemeral reader exactly once and in order.
    #[test]
    fn nothing_is_lost_and_an_id_is_stored_once(seed: u64, out in defects(), back in defects(), acts in acts()) {
        let mut play = Play::new(with_link(Link { out, back, ..Link::default() }), seed);
        play.play(&acts);
        let stored = play.arena.bus.take_stored();
        let numbers = |stored: &[Stored]| -> Vec<u64> {
            stored.iter().filter_map(|one| number(one.message.as_ref()?)).collect()
        };
        let order = numbers(&stored);
        let once: BTreeSet<u64> = order.iter().copied().collect();
        prop_assert_eq!(once.len(), order.len(), "something is stored twice: {:?}", order);
        for (node, number) in &play.published {
            prop_assert!(play.given[*node].contains(number), "f-{number} never reached {}", NODES[*node]);
        }
        let of_watcher = play.arena.came.iter().filter(|delivery| delivery.to == play.watcher);
        let seen: Vec<u64> = of_watcher.filter_map(|delivery| match &delivery.what {
            Arrival::Message { message, .. } => number(message),
            _ => None,
        }).collect();
        prop_assert_eq!(seen, order);
    }

    /// Where nothing is lost, reordered or doubled, a node is given its commands in the order in which they were stored, whatever the jitter.
    #[test]
    fn what_comes_under_one_subject_comes_in_order(seed: u64, jitter_us in 0_u64..50_000, pauses in prop::collection::vec((0_usize..2, 0_u64..200), 1..60)) {
        let way = Defects { jitter_us, ..Defects::default() };
        let mut play = Play::new(with_link(Link { out: way, back: way, ..Link::default() }), seed);
        let acts: Vec<Act> = pauses.into_iter().flat_map(|(node, pause)| [Act::Publish(node, 0), Act::Wait(pause)]).collect();
        play.play(&acts);
        let stored = play.arena.bus.take_stored();
        for (node, given) in play.given.iter().enumerate() {
            // Offered again, it is told for the second time.
            let mut first = Vec::new();
            for number in given {
                if !first.contains(number) {
                    first.push(*number);
                }
            }
            let of_node = stored.iter().filter_map(|one| number(one.message.as_ref()?));
            let of_node: Vec<u64> = of_node.filter(|number| play.published.contains(&(node, *number))).collect();
            prop_assert_eq!(first, of_node);
        }
    }

    /// The same seed and calls give the same deliveries, to the nanosecond, and lanes change nothing.
    #[test]
    fn a_run_repeats_and_lanes_make_no_difference(seed: u64, out in defects(), plain: bool, acts in acts()) {
        let network = if plain { Network::quiet() } else { with_link(Link { out, back: out, ..Link::default() }) };
        let run = |lanes: bool| {
            let mut play = Play::new(network.clone(), seed);
            play.arena.bus.lanes = lanes;
            play.arena.bus.listen(play.watcher);
            let telemetry = play.arena.telemetry(play.nodes[0], NODES[0]);
            for seq in 0..20 {
                play.run(seq * 10);
                play.arena.bus.say_telemetry(at(seq * 10), play.nodes[0], telemetry(seq));
                play.arena.bus.say_canary(at(seq * 10), play.watcher, seq);
            }
            play.play(&acts);
            play.arena.came
        };
        let with = run(true);
        prop_assert_eq!(&with, &run(true));
        prop_assert_eq!(&with, &run(false));
    }

    /// Of any writers that each expect what they last saw, exactly as many writes are done as revisions were made.
    #[test]
    fn of_two_writes_that_expect_the_same_at_most_one_is_done(seed: u64, way in defects(), expectations in prop::collection::vec((0_usize..3, 0_u64..6, 0_u64..50), 1..40)) {
        let mut arena = Arena::new(with_link(Link { out: way, back: way, ..Link::default() }), seed);
        let outboxes = ["cli", "gateway", "people"].map(|name| {
            let party = arena.bus.join(name);
            arena.bus.outbox(party, Patience::GiveUp)
        });
        let mut millis = 0;
        for (who, revision, pause) in expectations {
            millis += pause;
            arena.run(millis);
            arena.bus.put_if(at(millis), outboxes[who], Control::default(), revision);
        }
        arena.run(millis + 60_000);
        let stored = arena.bus.take_stored();
        // Each write expected the one before it: revisions without a gap, each once.
        let revisions: Vec<u64> = stored.iter().map(|one| one.sequence).collect();
        prop_assert_eq!(&revisions, &(1..=stored.len() as u64).collect::<Vec<_>>());
        let done = arena.came.iter().filter(|delivery| matches!(delivery.what, Arrival::Stored(..))).count();
        prop_assert!(done <= stored.len(), "{} told of {}", done, stored.len());
    }
}
