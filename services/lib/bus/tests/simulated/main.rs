//! The simulator's bus does what the live one does: each script is played on both, on `arena-bus` with a real nats-server and on the bus
//! in process, and both must tell the same, word by word and message by message.
//!
//! Outcomes are compared and never times: the live side waits for what is to come, with generous limits, and that something does not come is
//! shown by what comes after it. docs/simulator.md, "Bus and network", says what is compared and where the two are known to differ.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod live;
mod scripts;
mod simulated;

use std::fmt::Debug;
use std::time::Duration;

use arena_proto::{NodeStatus, Telemetry, Timestamp};
use arena_sim::bus::{Bucket, Message, Read};
use expect_test::{Expect, expect};

use live::Live;
use simulated::Simulated;

/// A program with a connection of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Party(usize);

/// Reads a stream for a party.
#[derive(Debug, Clone, Copy)]
struct Reader(usize);

/// Watches a bucket for a party.
#[derive(Debug, Clone, Copy)]
struct Watch(usize);

/// What is on its way to the bus.
#[derive(Debug, Clone, Copy)]
struct Letter(usize);

/// A message as a reader was given it.
#[derive(Debug)]
struct Given {
    message: Message,
    sequence: u64,
    stored_at: Timestamp,
    /// For [`Arena::ack`].
    token: usize,
}

/// What becomes of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Stored,
    Full,
    NoAnswer,
}

/// A bucket that can be watched.
#[derive(Debug, Clone, Copy)]
enum Watched {
    Status,
    Lease,
}

/// What happened to a key.
#[derive(Debug)]
enum Changed {
    Put(Message),
    Removed(String),
}

/// Somebody else wrote meanwhile.
#[derive(Debug)]
struct WrongRevision;

/// A bus with programs on it that do what a script says. Each method comes back when what it is about has come true.
trait Arena {
    /// A program starts.
    async fn join(&mut self) -> Party;
    /// It is killed.
    async fn die(&mut self, party: Party);
    /// It is started again.
    async fn come_back(&mut self, party: Party);

    /// The party says what a node's telemetry means.
    async fn put_schema(&mut self, party: Party, node: &str);
    async fn say(&mut self, party: Party, telemetry: Telemetry);
    /// The party hears all telemetry from now on.
    async fn listen(&mut self, party: Party);
    async fn hear(&mut self, party: Party) -> Telemetry;
    /// Says telemetry of a node until a listener has heard some of it.
    async fn say_until_heard(&mut self, from: Party, to: Party, node: &str);
    /// Says telemetry of a node until a listener has refused some of it, because nobody knows what it means.
    async fn say_until_refused(&mut self, from: Party, to: Party, node: &str);
    /// Says a number to itself, and gives the one that it then hears.
    async fn canary(&mut self, party: Party, number: u64) -> u64;

    /// Begins to publish.
    async fn begin(&mut self, party: Party, message: Message) -> Letter;
    /// What becomes of it.
    async fn end(&mut self, letter: Letter) -> Ending;
    async fn read(&mut self, party: Party, read: Read) -> Reader;
    async fn next(&mut self, reader: Reader) -> Given;
    async fn ack(&mut self, given: &Given);
    async fn close(&mut self, reader: Reader);
    /// What is there for somebody who begins to read now, from first to last.
    async fn stored(&mut self, party: Party, read: Read) -> Vec<Given>;
    /// COMMANDS, of which nothing is kept yet, has room for so many messages.
    async fn fill(&mut self, room: u32);
    /// It has room again.
    async fn make_room(&mut self);
    /// COMMANDS has forgotten everything, ids too.
    async fn forget(&mut self);

    async fn put(&mut self, party: Party, status: NodeStatus);
    /// Gives the revision.
    async fn put_if(
        &mut self,
        party: Party,
        status: NodeStatus,
        revision: u64,
    ) -> Result<u64, WrongRevision>;
    /// Removes what a node said of itself.
    async fn remove(&mut self, party: Party, node: &str);
    /// What KV `status` has of a node, and its revision.
    async fn get(&mut self, node: &str) -> Option<(u64, NodeStatus)>;
    async fn watch(&mut self, party: Party, what: Watched) -> Watch;
    async fn change(&mut self, watch: Watch) -> Changed;

    /// Wants the lease from now on.
    async fn want_lease(&mut self, party: Party, holder: &str);
    /// Gives the fence, without what tells this bucket from others.
    async fn take_lease(&mut self, party: Party) -> u64;
    /// As far as it knows.
    async fn holds_lease(&mut self, party: Party) -> bool;
    async fn lose_lease(&mut self, party: Party);
    async fn give_lease_back(&mut self, party: Party);
    /// The lease is renewed so often that it would have run out without.
    async fn outlive_lease(&mut self, watch: Watch);
    /// Nobody holds it.
    async fn lease_runs_out(&mut self);
    /// Somebody else writes it.
    async fn usurp_lease(&mut self, party: Party, holder: &str);

    /// The server is killed, and everybody knows. The simulated one comes back by itself after so long, the live one with
    /// [`Arena::start`].
    async fn kill(&mut self, away: Duration);
    /// It is there again, and everybody is connected.
    async fn start(&mut self);
}

/// What one side told.
#[derive(Debug, Default)]
struct Told {
    lines: Vec<String>,
    /// Of each line.
    contents: Vec<String>,
}

impl Told {
    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
        self.contents.push(String::new());
    }

    /// With a message that is the same on both sides to the last field.
    fn with(&mut self, line: impl Into<String>, content: &impl Debug) {
        self.lines.push(line.into());
        self.contents.push(format!("{content:?}"));
    }

    fn given(&mut self, who: &str, given: &Given) {
        let what = name(&given.message);
        self.with(
            format!("{who} is given {what}, number {}", given.sequence),
            &given.message,
        );
    }

    fn answered(&mut self, who: &str, what: &str, answer: Ending) {
        let answer = match answer {
            Ending::Stored => "stored",
            Ending::Full => "the stream is full",
            Ending::NoAnswer => "no answer in time",
        };
        self.line(format!("{who} publishes {what}: {answer}"));
    }

    fn changed(&mut self, who: &str, changed: &Changed) {
        match changed {
            // When it was taken is told by a real clock on one side.
            Changed::Put(Message::Lease(lease)) => {
                self.line(format!("{who} hears that {} holds the lease", lease.holder));
            }
            Changed::Put(message) => {
                self.with(format!("{who} hears of {}", name(message)), message);
            }
            Changed::Removed(key) => self.line(format!("{who} hears that {key} was removed")),
        }
    }
}

/// What tells a message from others.
fn name(message: &Message) -> String {
    match message {
        Message::Status(status) => format!("{} with fence {}", status.node, status.fence),
        other => other
            .id()
            .unwrap_or_else(|| panic!("no script says {other:?}")),
    }
}

/// Plays a script on both, and compares.
macro_rules! same {
    ($script:path, $expected:expr) => {{
        let (mut live, mut simulated) = (Told::default(), Told::default());
        $script(&mut Simulated::new(), &mut simulated).await;
        $script(&mut Live::start().await, &mut live).await;
        compare(&live, &simulated, &$expected);
    }};
}

fn compare(live: &Told, simulated: &Told, expected: &Expect) {
    let text = |told: &Told| told.lines.join("\n");
    assert_eq!(
        text(live),
        text(simulated),
        "live on the left, simulated on the right"
    );
    assert_eq!(live.contents, simulated.contents);
    expected.assert_eq(&text(live));
}

#[tokio::test]
async fn telemetry_is_for_who_listens_when_it_is_said() {
    same!(
        scripts::telemetry,
        expect![[r#"
            the early one hears 1
            the early one hears 2
            the early one hears 3
            the early one hears 4
            the late one hears 3
            the late one hears 4
            canary 1: hears 1
            canary 2: hears 2
            canary 3: hears 3
            telemetry without its schema is refused
            with its schema it is heard"#]]
    );
}

#[tokio::test]
async fn a_stream_is_for_every_reader_whenever_it_comes() {
    same!(
        scripts::streams,
        expect![[r#"
            a is given inc-1.e1, number 1
            a is given inc-1.e2, number 2
            a is given inc-1.e3, number 3
            a is given inc-1.e4, number 4
            b, who came later, is given inc-1.e1, number 1
            b, who came later, is given inc-1.e2, number 2
            b, who came later, is given inc-1.e3, number 3
            b, who came later, is given inc-1.e4, number 4
            node-1 is given inc-1.e1, number 1
            node-1 is given inc-1.e3, number 3
            who wants all is given inc-1.e1, number 1
            who wants all is given inc-1.e2, number 2
            who wants all is given inc-1.e3, number 3
            who wants all is given inc-1.e4, number 4
            who wants all has read all that there is
            who wants the last ones is given inc-1.e3, number 3
            who wants the last ones is given inc-1.e4, number 4
            who wants the last ones has read all that there is
            who wants what is new has read all that there is
            who wants those since the third is given inc-1.e3, number 3
            who wants those since the third is given inc-1.e4, number 4
            who wants those since the third has read all that there is
            who wants node-2's is given inc-1.e2, number 2
            who wants node-2's is given inc-1.e4, number 4
            who wants node-2's has read all that there is
            a is given inc-1.e5, number 5
            a is given inc-1.e6, number 6
            who wants what is new is given inc-1.e5, number 5
            who wants what is new is given inc-1.e6, number 6
            node-1 is given inc-1.e6, number 6
            node-1 publishes a fault or its status: stored
            node-1 publishes a fault or its status: stored
            node-1 publishes a fault or its status: stored
            who reads Fault is given flt-1.APPLY, number 1
            who reads Fault is given flt-1.REVERT.1700000000000000000, number 3
            who reads Fault has read all that there is
            who reads FaultStatus is given flt-1.ACTIVE, number 2
            who reads FaultStatus has read all that there is"#]]
    );
}

#[tokio::test]
async fn an_id_is_stored_once_and_both_who_publish_it_are_told_so() {
    same!(
        scripts::duplicates,
        expect![[r#"
            one publishes inc-1.e1: stored
            two publishes inc-1.e1: stored
            one publishes inc-1.e1: stored
            two publishes inc-1.e2: stored
            a reader is given inc-1.e1, number 1
            a reader is given inc-1.e2, number 2
            a reader has read all that there is"#]]
    );
}

#[tokio::test]
async fn a_durable_reader_goes_on_where_it_was() {
    same!(
        scripts::comes_back,
        expect![[r#"
            the first is given inc-1.e1, number 1
            the first is given inc-1.e2, number 2
            the same program, closed and opened, is given inc-1.e3, number 3
            the same program, closed and opened, is given inc-1.e4, number 4
            the program after its death is given inc-1.e5, number 5
            another program by the same name is given inc-1.e6, number 6
            by the same name, who wants node-2's, is given inc-1.e8, number 8
            by the same name, who wants node-2's, is given inc-1.e11, number 11"#]]
    );
}

#[tokio::test]
async fn what_is_not_acked_comes_again_and_what_is_does_not() {
    same!(
        scripts::redelivery,
        expect![[r#"
            node-1 is given inc-1.e1, number 1
            node-1 is given inc-1.e2, number 2
            inc-1.e1 is acked, so there is room for one more
            node-1 is given inc-1.e3, number 3
            neither is acked in time
            node-1 is given inc-1.e2, number 2
            node-1 is given inc-1.e3, number 3
            both are acked
            node-1 is given inc-1.e4, number 4
            its reader is closed before it has acked that
            node-1 is given inc-1.e4, number 4
            node-1 is given inc-1.e5, number 5"#]]
    );
}

#[tokio::test]
async fn a_full_stream_refuses_commands() {
    same!(
        scripts::full,
        expect![[r#"
            the remediator publishes c-1: stored
            the remediator publishes c-2: the stream is full
            the remediator publishes c-1 once more: stored
            the remediator, who tries on until there is room, publishes c-2: stored"#]]
    );
}

#[tokio::test]
async fn a_command_is_forgotten_after_a_minute_and_so_is_its_id() {
    same!(
        scripts::forgotten,
        expect![[r#"
            the remediator publishes c-1: stored
            the remediator publishes c-2: stored
            a minute goes by
            the remediator publishes c-1: stored
            the remediator publishes c-3: stored
            node-1 is given c-1, number 3
            node-1 is given c-3, number 4"#]]
    );
}

#[tokio::test]
async fn a_bucket_has_revisions_and_tells_its_changes() {
    same!(
        scripts::bucket,
        expect![[r#"
            nothing is known of node-1
            the early one hears of node-1 with fence 1
            the early one hears of node-1 with fence 2
            node-1 has revision 2
            the early one hears of node-1 with fence 2
            node-1 has revision 3
            fence 3 of node-1 if revision 2: refused
            node-1 has revision 3
            fence 3 of node-1 if revision 3: written as 4
            the early one hears of node-1 with fence 3
            node-1 has revision 4
            fence 4 of node-1 if revision 3: refused
            node-1 has revision 4
            fence 4 of node-1 if revision 0: refused
            node-1 has revision 4
            fence 5 of node-2 if revision 4: refused
            nothing is known of node-2
            fence 5 of node-2 if revision 0: written as 5
            the early one hears of node-2 with fence 5
            node-2 has revision 5
            fence 6 of node-2 if revision 0: refused
            node-2 has revision 5
            the early one hears that node-1 was removed
            nothing is known of node-1
            node-1 again if revision 0: Err(WrongRevision)
            node-1 again if revision 5: Err(WrongRevision)
            node-1 again if revision 6: Ok(7)
            the early one hears of node-1 with fence 7
            the early one hears that node-2 was removed
            the early one hears that node-0 was removed
            the late one hears of node-1 with fence 7
            the late one hears that node-2 was removed
            the late one hears that node-0 was removed
            the late one hears of node-3 with fence 8
            the early one hears of node-3 with fence 8"#]]
    );
}

#[tokio::test]
async fn a_lease_has_one_holder_at_a_time() {
    same!(
        scripts::lease,
        expect![[r#"
            one takes the lease with fence 1
            a node hears that one holds the lease
            renewed over and over: one holds it: true, two holds it: false
            one dies, and two takes it; with a higher fence: true
            a node hears that two holds the lease
            a node hears that remediator was removed
            given back, one takes it; with a higher fence: true
            somebody else writes it: one holds it: false
            it runs out
            two takes it; with a higher fence: true
            a node hears that usurper holds the lease
            a node hears that two holds the lease
            the server is killed: two loses it
            it is back, and two takes it; with a higher fence: true"#]]
    );
}

#[tokio::test]
async fn the_server_is_killed_and_started_again() {
    same!(
        scripts::outage,
        expect![[r#"
            durable is given inc-1.e1, number 1
            durable is given inc-1.e2, number 2
            which is not acked
            ephemeral is given inc-1.e1, number 1
            ephemeral is given inc-1.e2, number 2
            a watch hears of node-1 with fence 1
            the server is killed
            the server is started again
            the detector publishes meanwhile inc-1.e3: stored
            durable is given inc-1.e2, number 2
            durable is given inc-1.e3, number 3
            ephemeral is given inc-1.e3, number 3
            who wanted what is new is given inc-1.e3, number 3
            the watch, once more, hears of node-1 with fence 1
            node-1 has revision 1
            who begins now is given inc-1.e1, number 1
            who begins now is given inc-1.e2, number 2
            who begins now is given inc-1.e3, number 3
            who begins now has read all that there is
            telemetry is heard again
            the remediator publishes inc-1.e3 too: stored
            durable is given inc-1.e4, number 4
            node-1 if revision 1: Ok(2)
            the watch hears of node-1 with fence 2
            the server is killed, and stays away
            the detector publishes inc-1.e5: no answer in time
            ephemeral is given inc-1.e4, number 4
            ephemeral is given inc-1.e6, number 5"#]]
    );
}

/// Nobody waits here for an hour, or for a day.
#[tokio::test]
async fn each_bucket_keeps_as_long() {
    let live = Live::start().await;
    for bucket in Bucket::ALL {
        let simulated = bucket.max_age().unwrap_or_default();
        assert_eq!(live.keeps(bucket).await, simulated, "{bucket:?}");
    }
}
