//! The scripts.

use std::time::Duration;

use arena_proto::{Entity, FaultOperation, FaultRequest, IncidentEvent, NodeStatus};
use arena_sim::bus::{Family, From, Message, Read};

use crate::common;
use crate::{Arena, Changed, Ending, Given, Party, Reader, Told, Watch, Watched, WrongRevision};

/// The simulated server is away for so long, when publishers are to get their messages through all the same.
const SHORT: Duration = Duration::from_secs(2);
/// And when they are to give up, or a lease is to be lost.
const LONG: Duration = Duration::from_secs(20);

fn command(number: u32, on: &str) -> Message {
    common::command(&format!("c-{number}"), on).into()
}

fn incident(revision: u32, on: &str) -> Message {
    let of_node = IncidentEvent {
        entity: Entity::node(common::node(on)),
        ..common::incident(revision)
    };
    of_node.into()
}

fn status(node: &str, fence: u64) -> NodeStatus {
    NodeStatus {
        fence,
        ..common::status(node)
    }
}

async fn publish(arena: &mut impl Arena, party: Party, message: Message) -> Ending {
    let letter = arena.begin(party, message).await;
    arena.end(letter).await
}

/// Of these revisions, about these nodes.
async fn publish_incidents(arena: &mut impl Arena, party: Party, incidents: &[(u32, &str)]) {
    for (revision, node) in incidents {
        let answer = publish(arena, party, incident(*revision, node)).await;
        assert_eq!(answer, Ending::Stored);
    }
}

/// Tells so many messages, and acks each.
async fn read_on(arena: &mut impl Arena, told: &mut Told, who: &str, reader: Reader, count: usize) {
    for _ in 0..count {
        let given = arena.next(reader).await;
        told.given(who, &given);
        arena.ack(&given).await;
    }
}

/// Tells what is there for who begins to read now.
async fn tell_stored(arena: &mut impl Arena, told: &mut Told, who: &str, party: Party, read: Read) {
    for given in arena.stored(party, read).await {
        told.given(who, &given);
    }
    told.line(format!("{who} has read all that there is"));
}

async fn tell_change(arena: &mut impl Arena, told: &mut Told, who: &str, watch: Watch) {
    let changed = arena.change(watch).await;
    told.changed(who, &changed);
}

/// Hears on until something has happened.
async fn hear_until(
    arena: &mut impl Arena,
    watch: Watch,
    wanted: impl Fn(&Changed) -> bool,
) -> Changed {
    loop {
        let changed = arena.change(watch).await;
        if wanted(&changed) {
            return changed;
        }
    }
}

fn is_held_by(changed: &Changed, holder: &str) -> bool {
    matches!(changed, Changed::Put(Message::Lease(lease)) if lease.holder == holder)
}

async fn tell_value(arena: &mut impl Arena, told: &mut Told, node: &str) {
    match arena.get(node).await {
        Some((revision, status)) => told.with(format!("{node} has revision {revision}"), &status),
        None => told.line(format!("nothing is known of {node}")),
    }
}

pub(crate) async fn telemetry(arena: &mut impl Arena, told: &mut Told) {
    let [node, early, late] = [arena.join().await, arena.join().await, arena.join().await];
    arena.put_schema(node, "node-1").await;
    arena.listen(early).await;
    for seq in [1, 2] {
        let said = common::telemetry("node-1", seq);
        arena.say(node, said).await;
        let heard = arena.hear(early).await;
        told.with(format!("the early one hears {}", heard.seq), &heard);
    }
    arena.listen(late).await;
    for seq in [3, 4] {
        let said = common::telemetry("node-1", seq);
        arena.say(node, said).await;
    }
    for (who, party) in [("early", early), ("late", late)] {
        for _ in 0..2 {
            let heard = arena.hear(party).await;
            told.with(format!("the {who} one hears {}", heard.seq), &heard);
        }
    }
    for (party, number) in [(early, 1), (late, 2), (early, 3)] {
        let heard = arena.canary(party, number).await;
        told.line(format!("canary {number}: hears {heard}"));
    }
    let other = arena.join().await;
    arena.say_until_refused(other, early, "node-2").await;
    told.line("telemetry without its schema is refused");
    arena.put_schema(other, "node-2").await;
    arena.say_until_heard(other, early, "node-2").await;
    told.line("with its schema it is heard");
}

pub(crate) async fn streams(arena: &mut impl Arena, told: &mut Told) {
    let [detector, a, b, node] = [
        arena.join().await,
        arena.join().await,
        arena.join().await,
        arena.join().await,
    ];
    let durable = |name| Read::durable(Family::Incident, name);
    let of_a = arena.read(a, durable("a")).await;
    let of_node = durable("node-1").node(common::node("node-1"));
    let of_node = arena.read(node, of_node).await;
    let incidents = [(1, "node-1"), (2, "node-2"), (3, "node-1"), (4, "node-2")];
    publish_incidents(arena, detector, &incidents).await;
    let of_b = arena.read(b, durable("b")).await;
    let of_new = arena.read(b, durable("new").from(From::New)).await;
    read_on(arena, told, "a", of_a, 4).await;
    read_on(arena, told, "b, who came later,", of_b, 4).await;
    read_on(arena, told, "node-1", of_node, 2).await;

    let read = Read::ephemeral(Family::Incident);
    let all = arena.stored(a, read.clone()).await;
    let since = From::Since(all[2].stored_at);
    for (who, read) in [
        ("who wants all", read.clone()),
        (
            "who wants the last ones",
            read.clone().from(From::LastPerSubject),
        ),
        ("who wants what is new", read.clone().from(From::New)),
        ("who wants those since the third", read.clone().from(since)),
        (
            "who wants node-2's",
            read.clone().node(common::node("node-2")),
        ),
    ] {
        tell_stored(arena, told, who, a, read).await;
    }

    publish_incidents(arena, detector, &[(5, "node-2"), (6, "node-1")]).await;
    read_on(arena, told, "a", of_a, 2).await;
    read_on(arena, told, "who wants what is new", of_new, 2).await;
    read_on(arena, told, "node-1", of_node, 1).await;

    // Two kinds in one stream: each reader is given its kind, and numbers are those of the stream.
    let asked = common::fault();
    let revert = FaultRequest {
        operation: FaultOperation::Revert,
        ..asked.clone()
    };
    for message in [
        asked.into(),
        common::fault_status().into(),
        Message::from(revert),
    ] {
        let answer = publish(arena, node, message).await;
        told.answered("node-1", "a fault or its status", answer);
    }
    for family in [Family::Fault, Family::FaultStatus] {
        let who = format!("who reads {family:?}");
        tell_stored(arena, told, &who, a, Read::ephemeral(family)).await;
    }
}

pub(crate) async fn duplicates(arena: &mut impl Arena, told: &mut Told) {
    let [one, two] = [arena.join().await, arena.join().await];
    for (who, party, number) in [
        ("one", one, 1),
        ("two", two, 1),
        ("one", one, 1),
        ("two", two, 2),
    ] {
        let answer = publish(arena, party, incident(number, "node-1")).await;
        told.answered(who, &format!("inc-1.e{number}"), answer);
    }
    let read = Read::ephemeral(Family::Incident);
    tell_stored(arena, told, "a reader", one, read).await;
}

pub(crate) async fn comes_back(arena: &mut impl Arena, told: &mut Told) {
    let [detector, node] = [arena.join().await, arena.join().await];
    let read = Read::durable(Family::Incident, "node-1").from(From::New);
    let begun = arena.read(node, read.clone()).await;
    publish_incidents(arena, detector, &[(1, "node-1"), (2, "node-1")]).await;
    read_on(arena, told, "the first", begun, 2).await;
    arena.close(begun).await;
    publish_incidents(arena, detector, &[(3, "node-1"), (4, "node-1")]).await;
    let again = arena.read(node, read.clone()).await;
    read_on(
        arena,
        told,
        "the same program, closed and opened,",
        again,
        2,
    )
    .await;
    arena.die(node).await;
    publish_incidents(arena, detector, &[(5, "node-1")]).await;
    arena.come_back(node).await;
    let next = arena.read(node, read.clone()).await;
    read_on(arena, told, "the program after its death", next, 1).await;
    arena.close(next).await;
    publish_incidents(arena, detector, &[(6, "node-1")]).await;
    let other = arena.join().await;
    let other = arena.read(other, read.clone()).await;
    read_on(arena, told, "another program by the same name", other, 1).await;
    arena.close(other).await;
    publish_incidents(
        arena,
        detector,
        &[(7, "node-1"), (8, "node-2"), (9, "node-1")],
    )
    .await;
    let of_other = arena.read(node, read.node(common::node("node-2"))).await;
    publish_incidents(arena, detector, &[(10, "node-1"), (11, "node-2")]).await;
    read_on(
        arena,
        told,
        "by the same name, who wants node-2's,",
        of_other,
        2,
    )
    .await;
}

pub(crate) async fn redelivery(arena: &mut impl Arena, told: &mut Told) {
    let [detector, node] = [arena.join().await, arena.join().await];
    let incidents = [(1, "node-1"), (2, "node-1"), (3, "node-1")];
    publish_incidents(arena, detector, &incidents).await;
    let read = Read {
        in_hand_max: 2,
        ..Read::durable(Family::Incident, "node-1")
    };
    let reader = arena.read(node, read.clone()).await;
    let [first, second] = [arena.next(reader).await, arena.next(reader).await];
    told.given("node-1", &first);
    told.given("node-1", &second);
    arena.ack(&first).await;
    told.line("inc-1.e1 is acked, so there is room for one more");
    let third = arena.next(reader).await;
    told.given("node-1", &third);
    told.line("neither is acked in time");
    for _ in 0..2 {
        let given = arena.next(reader).await;
        told.given("node-1", &given);
    }
    // Also what it was given the first time acks it.
    arena.ack(&second).await;
    arena.ack(&third).await;
    publish_incidents(arena, detector, &[(4, "node-1")]).await;
    told.line("both are acked");
    let fourth = arena.next(reader).await;
    told.given("node-1", &fourth);
    arena.close(reader).await;
    told.line("its reader is closed before it has acked that");
    let reader = arena.read(node, read).await;
    read_on(arena, told, "node-1", reader, 1).await;
    publish_incidents(arena, detector, &[(5, "node-1")]).await;
    read_on(arena, told, "node-1", reader, 1).await;
}

pub(crate) async fn full(arena: &mut impl Arena, told: &mut Told) {
    let remediator = arena.join().await;
    arena.fill(1).await;
    for number in [1, 2] {
        let answer = publish(arena, remediator, command(number, "node-1")).await;
        told.answered("the remediator", &format!("c-{number}"), answer);
    }
    let again = publish(arena, remediator, command(1, "node-1")).await;
    told.answered("the remediator", "c-1 once more", again);
    let letter = arena.begin(remediator, command(2, "node-1")).await;
    arena.make_room().await;
    let later = arena.end(letter).await;
    told.answered(
        "the remediator, who tries on until there is room,",
        "c-2",
        later,
    );
}

pub(crate) async fn forgotten(arena: &mut impl Arena, told: &mut Told) {
    let [remediator, node] = [arena.join().await, arena.join().await];
    for number in [1, 2] {
        let answer = publish(arena, remediator, command(number, "node-1")).await;
        told.answered("the remediator", &format!("c-{number}"), answer);
    }
    arena.forget().await;
    told.line("a minute goes by");
    let read = Read::durable(Family::Command, "node-1");
    let reader = arena.read(node, read).await;
    for number in [1, 3] {
        let answer = publish(arena, remediator, command(number, "node-1")).await;
        told.answered("the remediator", &format!("c-{number}"), answer);
    }
    read_on(arena, told, "node-1", reader, 2).await;
}

pub(crate) async fn bucket(arena: &mut impl Arena, told: &mut Told) {
    let [node, early] = [arena.join().await, arena.join().await];
    tell_value(arena, told, "node-1").await;
    arena.put(node, status("node-1", 1)).await;
    let watch = arena.watch(early, Watched::Status).await;
    tell_change(arena, told, "the early one", watch).await;
    for fence in [2, 2] {
        arena.put(node, status("node-1", fence)).await;
        tell_change(arena, told, "the early one", watch).await;
        tell_value(arena, told, "node-1").await;
    }
    for (name, fence, revision) in [
        ("node-1", 3, 2),
        ("node-1", 3, 3),
        ("node-1", 4, 3),
        ("node-1", 4, 0),
        ("node-2", 5, 4),
        ("node-2", 5, 0),
        ("node-2", 6, 0),
    ] {
        let written = arena.put_if(node, status(name, fence), revision).await;
        let what = format!("fence {fence} of {name} if revision {revision}");
        match written {
            Ok(revision) => {
                told.line(format!("{what}: written as {revision}"));
                tell_change(arena, told, "the early one", watch).await;
            }
            Err(WrongRevision) => told.line(format!("{what}: refused")),
        }
        tell_value(arena, told, name).await;
    }
    arena.remove(node, "node-1").await;
    tell_change(arena, told, "the early one", watch).await;
    tell_value(arena, told, "node-1").await;
    // A removal is a write: it has a revision, and who expects nothing finds it.
    for (fence, revision) in [(7, 0), (7, 5), (7, 6)] {
        let written = arena.put_if(node, status("node-1", fence), revision).await;
        told.line(format!("node-1 again if revision {revision}: {written:?}"));
    }
    tell_change(arena, told, "the early one", watch).await;
    arena.remove(node, "node-2").await;
    tell_change(arena, told, "the early one", watch).await;
    arena.remove(node, "node-0").await;
    tell_change(arena, told, "the early one", watch).await;
    let late = arena.join().await;
    let late = arena.watch(late, Watched::Status).await;
    arena.put(node, status("node-3", 8)).await;
    for _ in 0..4 {
        tell_change(arena, told, "the late one", late).await;
    }
    tell_change(arena, told, "the early one", watch).await;
}

pub(crate) async fn lease(arena: &mut impl Arena, told: &mut Told) {
    let [one, two, node] = [arena.join().await, arena.join().await, arena.join().await];
    let watch = arena.watch(node, Watched::Lease).await;
    arena.want_lease(one, "one").await;
    let first = arena.take_lease(one).await;
    told.line(format!("one takes the lease with fence {first}"));
    tell_change(arena, told, "a node", watch).await;
    arena.want_lease(two, "two").await;
    arena.outlive_lease(watch).await;
    told.line(format!(
        "renewed over and over: one holds it: {}, two holds it: {}",
        arena.holds_lease(one).await,
        arena.holds_lease(two).await
    ));
    arena.die(one).await;
    let second = arena.take_lease(two).await;
    told.line(format!(
        "one dies, and two takes it; with a higher fence: {}",
        second > first
    ));
    let changed = hear_until(arena, watch, |changed| !is_held_by(changed, "one")).await;
    told.changed("a node", &changed);
    arena.give_lease_back(two).await;
    let changed = hear_until(arena, watch, |changed| !is_held_by(changed, "two")).await;
    told.changed("a node", &changed);

    arena.come_back(one).await;
    arena.want_lease(one, "one").await;
    let third = arena.take_lease(one).await;
    told.line(format!(
        "given back, one takes it; with a higher fence: {}",
        third > second
    ));
    arena.usurp_lease(two, "usurper").await;
    arena.lose_lease(one).await;
    told.line(format!(
        "somebody else writes it: one holds it: {}",
        arena.holds_lease(one).await
    ));
    arena.lease_runs_out().await;
    told.line("it runs out");
    arena.want_lease(two, "two").await;
    let fourth = arena.take_lease(two).await;
    told.line(format!(
        "two takes it; with a higher fence: {}",
        fourth > third
    ));
    // That it ran out is not told.
    let changed = hear_until(arena, watch, |changed| is_held_by(changed, "usurper")).await;
    told.changed("a node", &changed);
    let changed = arena.change(watch).await;
    told.changed("a node", &changed);

    arena.kill(LONG).await;
    arena.lose_lease(two).await;
    told.line("the server is killed: two loses it");
    arena.want_lease(two, "two").await;
    arena.start().await;
    let fifth = arena.take_lease(two).await;
    told.line(format!(
        "it is back, and two takes it; with a higher fence: {}",
        fifth > fourth
    ));
}

pub(crate) async fn outage(arena: &mut impl Arena, told: &mut Told) {
    let [detector, remediator, node] = [arena.join().await, arena.join().await, arena.join().await];
    let durable = Read::durable(Family::Incident, "remediator");
    let durable = arena.read(remediator, durable).await;
    let ephemeral = arena
        .read(remediator, Read::ephemeral(Family::Incident))
        .await;
    let watch = arena.watch(remediator, Watched::Status).await;
    arena.listen(detector).await;
    arena.put_schema(node, "node-1").await;
    publish_incidents(arena, detector, &[(1, "node-1"), (2, "node-1")]).await;
    read_on(arena, told, "durable", durable, 1).await;
    let unacked = arena.next(durable).await;
    told.given("durable", &unacked);
    told.line("which is not acked");
    read_on(arena, told, "ephemeral", ephemeral, 2).await;
    let new = Read::ephemeral(Family::Incident).from(From::New);
    let new = arena.read(node, new).await;
    arena.put(node, status("node-1", 1)).await;
    tell_change(arena, told, "a watch", watch).await;

    arena.kill(SHORT).await;
    told.line("the server is killed");
    let letter = arena.begin(detector, incident(3, "node-1")).await;
    let lost = common::telemetry("node-1", 1);
    arena.say(node, lost).await;
    arena.start().await;
    told.line("the server is started again");
    let answer = match arena.end(letter).await {
        // As the shells do when their patience with a slow start is over.
        Ending::NoAnswer => publish(arena, detector, incident(3, "node-1")).await,
        answer => answer,
    };
    told.answered("the detector", "meanwhile inc-1.e3", answer);
    // Killed within moments after an ack the live server may have forgotten it, and then tells at once what it would tell after the ack wait.
    let mut came: Vec<Given> = Vec::new();
    while came.len() < 2 {
        let given = arena.next(durable).await;
        arena.ack(&given).await;
        if given.sequence > 1 && came.iter().all(|other| other.sequence != given.sequence) {
            came.push(given);
        }
    }
    came.sort_by_key(|given| given.sequence);
    for given in &came {
        told.given("durable", given);
    }
    read_on(arena, told, "ephemeral", ephemeral, 1).await;
    read_on(arena, told, "who wanted what is new", new, 1).await;
    tell_change(arena, told, "the watch, once more,", watch).await;
    tell_value(arena, told, "node-1").await;
    let read = Read::ephemeral(Family::Incident);
    tell_stored(arena, told, "who begins now", node, read).await;
    arena.say_until_heard(node, detector, "node-1").await;
    told.line("telemetry is heard again");

    let again = publish(arena, remediator, incident(3, "node-1")).await;
    told.answered("the remediator", "inc-1.e3 too", again);
    publish_incidents(arena, detector, &[(4, "node-1")]).await;
    read_on(arena, told, "durable", durable, 1).await;
    let written = arena.put_if(node, status("node-1", 2), 1).await;
    told.line(format!("node-1 if revision 1: {written:?}"));
    tell_change(arena, told, "the watch", watch).await;

    arena.kill(LONG).await;
    told.line("the server is killed, and stays away");
    let answer = publish(arena, detector, incident(5, "node-1")).await;
    told.answered("the detector", "inc-1.e5", answer);
    arena.start().await;
    publish_incidents(arena, detector, &[(6, "node-1")]).await;
    read_on(arena, told, "ephemeral", ephemeral, 2).await;
}
