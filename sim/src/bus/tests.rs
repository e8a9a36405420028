//! What the bus does, seen from its parties: each promise alone, then any mixture of calls and defects against a small model.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    ActionKind, Column, Command, Control, NodeName, Observer, ObserverState, Preconditions, Schema,
    SchemaId, Telemetry, Timestamp,
};
use proptest::prelude::*;

use super::*;
use crate::net::{Cut, Defects, Link, Outage, Ways};

mod lease;
mod properties;

const START: Timestamp = Timestamp::from_unix_millis(1_767_225_600_000);

fn at(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}

fn node(name: &str) -> NodeName {
    name.parse().expect("a name")
}

/// The command `c-<number>` for a node.
fn command(to: &str, number: u64) -> Command {
    Command {
        id: format!("c-{number}").parse().expect("an id"),
        action: ActionKind::Restart,
        node: node(to),
        service: None,
        expires_at: at(60_000),
        deadline: Duration::from_secs(10),
        preconditions: Preconditions::default(),
        incident_id: None,
        issuer: "test".to_owned(),
        reason: String::new(),
        at: START,
        fence: None,
        params: BTreeMap::new(),
    }
}

fn observer(reason: &str) -> Observer {
    Observer {
        detector: "all".to_owned(),
        state: ObserverState::Clear,
        reason: reason.to_owned(),
        since: START,
        silent: 0,
        known: 0,
        at: START,
    }
}

/// A bus, and everything that came out of it.
struct Arena {
    bus: Bus,
    now: Timestamp,
    came: Vec<Delivery>,
}

impl Arena {
    fn new(network: Network, seed: u64) -> Self {
        let mut bus = Bus::new(network, seed, START);
        bus.write_down();
        Self {
            bus,
            now: START,
            came: Vec::new(),
        }
    }

    fn quiet() -> Self {
        Self::new(Network::quiet(), 1)
    }

    /// Lets everything happen up to a time; what durable readers are given is acked.
    fn run(&mut self, millis: u64) {
        self.run_and(millis, true);
    }

    fn run_and(&mut self, millis: u64, acks: bool) {
        let until = at(millis);
        while let Some(delivery) = self.bus.deliver(until) {
            if acks && let Arrival::Message { token, .. } = &delivery.what {
                self.bus.ack(delivery.at, delivery.to, *token);
            }
            self.came.push(delivery);
        }
        self.now = until;
    }

    /// The ids of commands, the reasons of observers, and what else happened, as `party: what`.
    fn told(&self) -> Vec<String> {
        let tell = |delivery: &Delivery| {
            let what = match &delivery.what {
                Arrival::Message { message, .. } => match message {
                    Message::Command(command) => command.id.to_string(),
                    Message::Observer(observer) => observer.reason.clone(),
                    Message::Control(control) => control.by.clone(),
                    other => format!("{other:?}"),
                },
                Arrival::Telemetry(telemetry, _) => format!("telemetry {}", telemetry.seq),
                Arrival::Canary(number) => format!("canary {number}"),
                Arrival::Removed { key, .. } => format!("removed {key}"),
                Arrival::CaughtUp(_) => "caught up".to_owned(),
                Arrival::Stored(_, sequence) => format!("stored {sequence}"),
                Arrival::NotStored(_, why) => why.to_string(),
                Arrival::Connected(connected) => format!("connected {connected}"),
                Arrival::LeaseTaken(fence) => format!("lease {}", fence & 0xffff_ffff),
                Arrival::LeaseLost => "lease lost".to_owned(),
            };
            format!("{}: {what}", delivery.to.index())
        };
        self.came.iter().map(tell).collect()
    }

    fn take_told(&mut self) -> Vec<String> {
        let told = self.told();
        self.came.clear();
        told
    }

    /// A schema of one column, stored; messages of it.
    fn telemetry(&mut self, party: Party, name: &str) -> impl Fn(u64) -> Arc<Telemetry> + use<> {
        let schema = Schema {
            node: node(name),
            columns: vec![Column {
                service: None,
                metric: "cpu_percent".to_owned(),
            }],
            services: Vec::new(),
        };
        let (node, schema_id) = (schema.node.clone(), schema.id());
        let outbox = self.bus.outbox(party, Patience::GiveUp);
        self.bus.publish(self.now, outbox, schema);
        move |seq| Arc::new(telemetry(&node, schema_id, seq))
    }
}

fn telemetry(node: &NodeName, schema_id: SchemaId, seq: u64) -> Telemetry {
    Telemetry {
        node: node.clone(),
        boot_id: 1,
        seq,
        schema_id,
        time: START,
        values: vec![1.0],
        services: [].into(),
    }
}

fn durable(name: &str) -> Read {
    Read::durable(Family::Command, format!("node-{name}")).node(node(name))
}

fn with_link(link: Link) -> Network {
    Network {
        link,
        ..Network::quiet()
    }
}

fn cut(after_ms: u64, lasts_ms: u64, ways: Ways) -> Link {
    let cut = Cut {
        after_ms,
        lasts_ms,
        ways,
    };
    Link {
        cuts: vec![cut],
        ..Link::default()
    }
}

#[test]
fn a_command_reaches_its_node_and_no_other_and_its_publisher_hears_that_it_is_stored() {
    let mut arena = Arena::quiet();
    let [remediator, one, two] =
        ["remediator", "node-1", "node-2"].map(|name| arena.bus.join(name));
    let outbox = arena.bus.outbox(remediator, Patience::GiveUp);
    arena.bus.read(at(0), one, durable("node-1"));
    arena.bus.read(at(0), two, durable("node-2"));
    arena.run(5);
    arena.bus.publish(arena.now, outbox, command("node-1", 1));
    arena.bus.publish(arena.now, outbox, command("node-2", 2));
    arena.run(60_000);
    assert_eq!(
        arena.told(),
        [
            "1: caught up",
            "2: caught up",
            "1: c-1",
            "0: stored 1",
            "2: c-2",
            "0: stored 2"
        ]
    );
}

#[test]
fn what_is_not_acked_is_offered_again_after_the_ack_wait_and_no_more_than_may_be_in_hand() {
    let mut arena = Arena::quiet();
    let party = arena.bus.join("node-1");
    let outbox = arena.bus.outbox(party, Patience::GiveUp);
    let read = Read {
        in_hand_max: 2,
        ..durable("node-1")
    };
    arena.bus.read(at(0), party, read);
    for number in 1..=3 {
        arena.bus.publish(at(0), outbox, command("node-1", number));
    }
    arena.run_and(14_000, false);
    let commands = |arena: &mut Arena| {
        let told = arena.take_told();
        told.into_iter()
            .filter(|told| told.contains("c-"))
            .collect::<Vec<_>>()
    };
    assert_eq!(commands(&mut arena), ["0: c-1", "0: c-2"]);
    arena.run(16_000);
    // The first is acked before the second is offered again: there is room for the third.
    assert_eq!(commands(&mut arena), ["0: c-1", "0: c-3", "0: c-2"]);
    arena.run(59_000);
    assert_eq!(commands(&mut arena), [""; 0]);
}

#[test]
fn a_command_older_than_a_minute_is_not_told_any_more() {
    let mut arena = Arena::quiet();
    let party = arena.bus.join("node-1");
    let outbox = arena.bus.outbox(party, Patience::GiveUp);
    arena.bus.publish(at(0), outbox, command("node-1", 1));
    arena.run(30_000);
    arena.bus.publish(arena.now, outbox, command("node-1", 2));
    arena.run(61_000);
    arena.bus.read(arena.now, party, durable("node-1"));
    arena.run(70_000);
    assert_eq!(
        arena.told(),
        ["0: stored 1", "0: stored 2", "0: c-2", "0: caught up"]
    );
}

#[test]
fn the_same_id_is_stored_once_within_the_window() {
    let mut arena = Arena::quiet();
    let party = arena.bus.join("cli");
    let outbox = arena.bus.outbox(party, Patience::GiveUp);
    for millis in [0, 59_000, 61_000] {
        arena.run(millis);
        arena.bus.publish(arena.now, outbox, command("node-1", 1));
    }
    arena.run(70_000);
    assert_eq!(arena.told(), ["0: stored 1", "0: stored 1", "0: stored 2"]);
}

#[test]
fn a_reader_begins_where_it_was_told_to() {
    let mut arena = Arena::quiet();
    let party = arena.bus.join("detector");
    let outbox = arena.bus.outbox(party, Patience::GiveUp);
    for (millis, name, number) in [(0, "node-1", 1), (100, "node-2", 2), (200, "node-1", 3)] {
        arena.run(millis);
        arena.bus.publish(arena.now, outbox, command(name, number));
    }
    arena.run(1_000);
    arena.take_told();
    let mut read = |from| {
        let read = Read::ephemeral(Family::Command).from(from);
        let reader = arena.bus.read(arena.now, party, read);
        arena.run(
            u64::try_from(arena.now.unix_millis() - START.unix_millis()).expect("small") + 100,
        );
        arena.bus.close(party, reader);
        arena.take_told()
    };
    assert_eq!(
        read(From::All),
        ["0: c-1", "0: c-2", "0: c-3", "0: caught up"]
    );
    assert_eq!(read(From::New), ["0: caught up"]);
    assert_eq!(
        read(From::LastPerSubject),
        ["0: c-2", "0: c-3", "0: caught up"]
    );
    assert_eq!(
        read(From::Since(at(50))),
        ["0: c-2", "0: c-3", "0: caught up"]
    );
}

/// Whoever has heard some of them goes on after the last one that came, and whoever has heard none hears the last ones.
#[test]
fn who_wants_the_last_ones_and_is_cut_off_hears_nothing_twice() {
    for (cut_at, expected) in [
        (100, ["0: c-2", "0: c-3"].as_slice()),
        (300, ["0: c-4"].as_slice()),
    ] {
        let mut arena = Arena::quiet();
        let link = cut(cut_at, 35_000, Ways::In);
        let parties = &mut arena.bus.network.parties;
        parties.insert("detector".to_owned(), link);
        let [detector, other] = ["detector", "other"].map(|name| arena.bus.join(name));
        let outbox = arena.bus.outbox(other, Patience::GiveUp);
        for (name, number) in [("node-1", 1), ("node-2", 2), ("node-1", 3)] {
            arena.bus.publish(at(0), outbox, command(name, number));
        }
        arena.run(200);
        let read = Read::ephemeral(Family::Command).from(From::LastPerSubject);
        arena.bus.read(arena.now, detector, read);
        arena.run(400);
        let late = arena.take_told();
        if cut_at > 200 {
            assert_eq!(late[3..], ["0: c-2", "0: c-3", "0: caught up"]);
            arena.bus.publish(arena.now, outbox, command("node-1", 4));
        }
        arena.run(34_000);
        arena.came.retain(|delivery| delivery.to == detector);
        assert_eq!(arena.take_told(), ["0: connected false"]);
        arena.run(40_000);
        let mut told = arena.take_told();
        assert_eq!(told.remove(0), "0: connected true");
        assert_eq!(told, expected, "cut off at {cut_at} ms");
    }
}

#[test]
fn a_full_stream_is_tried_until_it_has_room_or_the_publisher_gives_up() {
    // At a minute there is room. The last one has given up 20 ms before.
    for (since, told) in [
        (45_000, "the stream is full"),
        (55_000, "stored 10001"),
        (49_980, "the stream is full"),
    ] {
        let mut arena = Arena::quiet();
        for number in 1..=u64::from(limits::COMMANDS_MAX) {
            arena.bus.stored_before(command("node-1", number));
        }
        let party = arena.bus.join("remediator");
        let outbox = arena.bus.outbox(party, Patience::GiveUp);
        arena.run(since);
        arena.bus.publish(arena.now, outbox, command("node-1", 0));
        arena.run(since + 10_000);
        assert_eq!(arena.take_told(), [format!("0: {told}")]);
        arena.run(since + 11_000);
        assert_eq!(arena.take_told(), [""; 0]);
        let last = arena.bus.kept(Stream::Commands).last();
        let is_there =
            matches!(last, Some(Message::Command(command)) if command.id.as_str() == "c-0");
        assert_eq!(is_there, told.starts_with("stored"), "since {since}");
    }
}

#[test]
fn a_watch_tells_what_is_there_then_changes_and_removals() {
    let mut arena = Arena::quiet();
    let [writer, reader] = ["detector", "remediator"].map(|name| arena.bus.join(name));
    let outbox = arena
        .bus
        .outbox(writer, Patience::LastWord(Duration::from_secs(1)));
    arena.bus.publish(at(0), outbox, observer("one"));
    arena.run(10);
    arena.bus.watch(arena.now, reader, Bucket::Observer);
    arena.run(20);
    arena.bus.publish(arena.now, outbox, observer("two"));
    arena.run(30);
    arena.bus.remove(arena.now, outbox, Bucket::Observer, "all");
    arena.run(40);
    assert_eq!(
        arena.told(),
        [
            "0: stored 1",
            "1: one",
            "1: caught up",
            "1: two",
            "0: stored 2",
            "1: removed all",
            "0: stored 3"
        ]
    );
    assert_eq!(arena.bus.values(Bucket::Observer).count(), 0);
}

#[test]
fn of_a_last_word_only_the_newest_waits() {
    let mut arena = Arena::quiet();
    let party = arena.bus.join("detector");
    let outbox = arena
        .bus
        .outbox(party, Patience::LastWord(Duration::from_secs(1)));
    arena.bus.watch(at(0), party, Bucket::Observer);
    for reason in ["one", "two", "three"] {
        arena.bus.publish(at(0), outbox, observer(reason));
    }
    arena.run(100);
    assert_eq!(
        arena.told(),
        [
            "0: caught up",
            "0: one",
            "0: stored 1",
            "0: three",
            "0: stored 2"
        ]
    );
}

#[test]
fn of_two_who_expect_the_same_revision_one_writes() {
    let mut arena = Arena::quiet();
    let parties = ["cli", "gateway"].map(|name| arena.bus.join(name));
    for party in parties {
        let outbox = arena.bus.outbox(party, Patience::GiveUp);
        arena.bus.put_if(at(0), outbox, Control::default(), 0);
    }
    arena.run(100);
    assert_eq!(
        arena.told(),
        ["0: stored 1", "1: somebody else wrote meanwhile"]
    );
}

#[test]
fn telemetry_is_heard_with_its_schema_and_not_before_there_is_one() {
    let mut arena = Arena::quiet();
    let [one, detector] = ["node-1", "detector"].map(|name| arena.bus.join(name));
    arena.bus.listen(detector);
    let telemetry = arena.telemetry(one, "node-1");
    arena.bus.say_telemetry(at(0), one, telemetry(1));
    arena.run(10);
    arena.bus.say_telemetry(arena.now, one, telemetry(2));
    arena.bus.say_canary(arena.now, detector, 7);
    arena.run(20);
    assert_eq!(
        arena.told(),
        ["0: stored 1", "1: telemetry 2", "1: canary 7"]
    );
    assert_eq!(arena.bus.unreadable(), 1);
}

#[test]
fn what_waits_in_a_short_cut_arrives_after_it_and_nobody_notices() {
    for ways in [Ways::Out, Ways::In, Ways::Both] {
        let mut arena = Arena::new(Network::quiet(), 1);
        arena
            .bus
            .network
            .parties
            .insert("node-1".to_owned(), cut(1_000, 5_000, ways));
        let [one, detector] = ["node-1", "detector"].map(|name| arena.bus.join(name));
        let outbox = arena.bus.outbox(detector, Patience::GiveUp);
        arena.bus.listen(detector);
        arena.bus.read(at(0), one, durable("node-1"));
        let telemetry = arena.telemetry(one, "node-1");
        arena.run(2_000);
        arena.take_told();
        arena.bus.say_telemetry(arena.now, one, telemetry(1));
        arena.bus.publish(arena.now, outbox, command("node-1", 1));
        arena.run(5_900);
        let mut early = arena.take_told();
        arena.run(20_000);
        let mut late = arena.take_told();
        early.sort();
        late.sort();
        let (heard, given) = ("1: telemetry 1", "0: c-1");
        match ways {
            Ways::Out => assert_eq!(
                (early, late),
                (
                    vec![given.into(), "1: stored 1".into()],
                    vec![heard.to_owned()]
                )
            ),
            Ways::In => assert_eq!(
                (early, late),
                (
                    vec!["1: stored 1".to_owned(), heard.into()],
                    vec![given.to_owned()]
                )
            ),
            Ways::Both => {
                assert_eq!(early, ["1: stored 1"]);
                assert_eq!(late, [given, heard]);
            }
        }
    }
}

#[test]
fn a_long_cut_is_noticed_and_over_its_end_nothing_that_must_not_be_lost_is() {
    let mut arena = Arena::new(Network::quiet(), 1);
    arena
        .bus
        .network
        .parties
        .insert("node-1".to_owned(), cut(5_000, 60_000, Ways::Both));
    let [one, detector] = ["node-1", "detector"].map(|name| arena.bus.join(name));
    let retry = Patience::UntilStored(Duration::from_millis(500));
    let outbox = arena.bus.outbox(one, retry);
    arena.bus.listen(detector);
    arena.bus.watch(at(0), detector, Bucket::Observer);
    arena.bus.read(
        at(0),
        detector,
        Read::ephemeral(Family::Command).from(From::New),
    );
    let telemetry = arena.telemetry(one, "node-1");
    arena.run(6_000);
    arena.take_told();
    arena.bus.say_telemetry(arena.now, one, telemetry(1));
    arena.bus.publish(arena.now, outbox, command("node-1", 1));
    arena.run(64_000);
    assert_eq!(arena.take_told(), ["0: connected false"]);
    arena.run(80_000);
    assert_eq!(
        arena.take_told(),
        ["0: connected true", "1: c-1", "0: stored 1"]
    );
    // The first ping after it is at 10 s; the third finds two unanswered.
    assert_eq!(super::session::noticed_at(at(0), at(5_000)), at(30_000));
}

#[test]
fn a_bus_is_back_when_the_last_of_its_outages_is_over() {
    let mut network = Network::quiet();
    for (after_ms, lasts_ms) in [(1_000, 5_000), (2_000, 1_000)] {
        network.server.outages.push(Outage { after_ms, lasts_ms });
    }
    let mut arena = Arena::new(network, 1);
    arena.bus.join("detector");
    arena.run(5_500);
    assert_eq!(arena.take_told(), ["0: connected false"]);
    arena.run(10_000);
    assert_eq!(arena.take_told(), ["0: connected true"]);
}

#[test]
fn a_bus_that_is_away_is_noticed_at_once_and_keeps_what_it_had() {
    let mut network = Network::quiet();
    network.server.outages.push(Outage {
        after_ms: 1_000,
        lasts_ms: 2_000,
    });
    let mut arena = Arena::new(network, 1);
    let party = arena.bus.join("detector");
    let patient = arena.bus.outbox(party, Patience::GiveUp);
    arena.bus.watch(at(0), party, Bucket::Observer);
    arena.bus.publish(at(0), patient, observer("before"));
    arena.run(1_500);
    assert_eq!(
        arena.take_told(),
        [
            "0: caught up",
            "0: before",
            "0: stored 1",
            "0: connected false"
        ]
    );
    arena.bus.publish(arena.now, patient, command("node-1", 1));
    arena.run(4_000);
    assert_eq!(
        arena.take_told(),
        [
            "0: connected true",
            "0: before",
            "0: caught up",
            "0: stored 1"
        ]
    );
}

#[test]
fn who_gives_up_gives_up_after_ten_seconds() {
    let link = cut(0, 100_000, Ways::Out);
    let mut arena = Arena::new(with_link(link), 1);
    let party = arena.bus.join("remediator");
    let outbox = arena.bus.outbox(party, Patience::GiveUp);
    arena.run(1);
    arena.bus.publish(arena.now, outbox, command("node-1", 1));
    arena.run(10_000);
    assert_eq!(arena.take_told(), [""; 0]);
    arena.run(10_002);
    assert_eq!(arena.take_told(), ["0: the bus did not answer in time"]);
}

#[test]
fn a_program_that_died_is_offered_anew_what_it_had_not_acked_and_what_came_meanwhile() {
    let mut arena = Arena::quiet();
    let [one, remediator] = ["node-1", "remediator"].map(|name| arena.bus.join(name));
    let outbox = arena.bus.outbox(remediator, Patience::GiveUp);
    arena.bus.read(at(0), one, durable("node-1"));
    arena.bus.publish(at(0), outbox, command("node-1", 1));
    arena.run_and(100, false);
    arena.bus.crash(arena.now, one);
    arena.bus.publish(arena.now, outbox, command("node-1", 2));
    arena.run(1_000);
    arena.take_told();
    arena.bus.revive(arena.now, one);
    arena.bus.read(arena.now, one, durable("node-1"));
    arena.run(2_000);
    assert_eq!(arena.take_told(), ["0: connected true", "0: c-2"]);
    arena.run(20_000);
    assert_eq!(arena.take_told(), ["0: c-1"]);
}

#[test]
fn a_link_of_its_own_leaves_the_others_alone() {
    let mut network = Network::quiet();
    let lossy = Defects {
        loss_percent: 50.0,
        ..Defects::default()
    };
    network.parties.insert(
        "node-1".to_owned(),
        Link {
            out: lossy,
            ..Link::default()
        },
    );
    let mut arena = Arena::new(network, 3);
    let [one, two, detector] = ["node-1", "node-2", "detector"].map(|name| arena.bus.join(name));
    arena.bus.listen(detector);
    let (of_one, of_two) = (
        arena.telemetry(one, "node-1"),
        arena.telemetry(two, "node-2"),
    );
    arena.run(30_000);
    arena.take_told();
    for seq in 1..=200 {
        arena.bus.say_telemetry(arena.now, one, of_one(seq));
        arena.bus.say_telemetry(arena.now, two, of_two(seq));
    }
    arena.run(31_000);
    let heard = |name: &str| {
        let of = |delivery: &&Delivery| matches!(&delivery.what, Arrival::Telemetry(telemetry, _) if telemetry.node.as_str() == name);
        arena.came.iter().filter(of).count()
    };
    assert_eq!(heard("node-2"), 200);
    assert!((60..140).contains(&heard("node-1")), "{}", heard("node-1"));
}

#[test]
fn presets_are_known_by_name_and_survive_being_written() {
    for (name, _) in crate::net::PRESETS {
        let network = Network::named(name).expect("a preset");
        let text = serde_json::to_string(&network).expect("it writes");
        let again: Network = serde_json::from_str(&text).expect("it reads");
        assert_eq!(network, again, "{name}");
    }
    assert_eq!(Network::named("none"), None);
    assert!(serde_json::from_str::<Network>(r#"{"links": {}}"#).is_err());
}
