//! The simulator's side: the bus in process on a virtual clock, over a network without defects.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arena_proto::carriage::{COMMANDS_MAX, KEEP_COMMANDS, KEEP_LEASE, PUBLISH_MAX};
use arena_proto::{Lease, NodeStatus, Telemetry, Timestamp};
use arena_sim::bus::{
    Arrival, Bucket, Bus, Message, Outbox, Patience, Read, Refusal, Ticket, Token,
};
use arena_sim::{bus, net::Network};

use crate::common;
use crate::{Arena, Changed, Ending, Given, Letter, Party, Reader, Watch, Watched, WrongRevision};

/// The clock jumps so far at once.
const STEP: Duration = Duration::from_millis(10);
/// What has not come in ten minutes will not come.
const STEPS_MAX: u32 = 60_000;
/// A fence without what tells its bucket from others.
const REVISION: u64 = 0xffff_ffff;

pub(crate) struct Simulated {
    bus: Bus,
    now: Timestamp,
    parties: Vec<(bus::Party, Outbox)>,
    /// Whose each is, with what has come.
    readers: Vec<(bus::Reader, VecDeque<Given>)>,
    watches: Vec<(bus::Reader, VecDeque<Changed>)>,
    tokens: Vec<(bus::Party, Token)>,
    caught_up: Vec<bus::Reader>,
    letters: Vec<Ticket>,
    answers: BTreeMap<Ticket, Result<u64, Refusal>>,
    telemetry: BTreeMap<bus::Party, VecDeque<Arc<Telemetry>>>,
    canaries: BTreeMap<bus::Party, VecDeque<u64>>,
    fences: BTreeMap<bus::Party, u64>,
    losses: Vec<bus::Party>,
}

impl Simulated {
    pub(crate) fn new() -> Self {
        let now = common::at(0);
        Self {
            bus: Bus::new(Network::quiet(), 1, now),
            now,
            parties: Vec::new(),
            readers: Vec::new(),
            watches: Vec::new(),
            tokens: Vec::new(),
            caught_up: Vec::new(),
            letters: Vec::new(),
            answers: BTreeMap::new(),
            telemetry: BTreeMap::new(),
            canaries: BTreeMap::new(),
            fences: BTreeMap::new(),
            losses: Vec::new(),
        }
    }

    fn party(&self, party: Party) -> bus::Party {
        self.parties[party.0].0
    }

    /// Lets time go by until there is something.
    fn until<T>(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..STEPS_MAX {
            if let Some(value) = condition(self) {
                return value;
            }
            self.run(STEP);
        }
        panic!("{what} does not come");
    }

    fn run(&mut self, time: Duration) {
        self.now = self.now + time;
        while let Some(delivery) = self.bus.deliver(self.now) {
            self.take(delivery.to, delivery.what);
        }
    }

    fn take(&mut self, to: bus::Party, what: Arrival) {
        match what {
            Arrival::Telemetry(telemetry, _) => {
                self.telemetry.entry(to).or_default().push_back(telemetry);
            }
            Arrival::Canary(number) => self.canaries.entry(to).or_default().push_back(number),
            Arrival::Message {
                reader,
                message,
                token,
                stored_at,
            } => self.give(to, reader, message, token, stored_at),
            Arrival::Removed { reader, key } => self.tell(reader, Changed::Removed(key)),
            Arrival::CaughtUp(reader) => self.caught_up.push(reader),
            Arrival::Stored(ticket, number) => drop(self.answers.insert(ticket, Ok(number))),
            Arrival::NotStored(ticket, why) => drop(self.answers.insert(ticket, Err(why))),
            Arrival::LeaseTaken(fence) => drop(self.fences.insert(to, fence & REVISION)),
            Arrival::LeaseLost => self.losses.push(to),
            Arrival::Connected(_) => {}
        }
    }

    fn give(
        &mut self,
        to: bus::Party,
        reader: bus::Reader,
        message: Message,
        token: Token,
        stored_at: Timestamp,
    ) {
        let found = self.readers.iter_mut().rev().find(|(of, _)| *of == reader);
        let Some((_, given)) = found else {
            return self.tell(reader, Changed::Put(message));
        };
        given.push_back(Given {
            message,
            sequence: token.sequence(),
            stored_at,
            token: self.tokens.len(),
        });
        self.tokens.push((to, token));
    }

    fn tell(&mut self, reader: bus::Reader, changed: Changed) {
        let mut watches = self.watches.iter_mut();
        let (_, told) = watches.find(|(of, _)| *of == reader).unwrap();
        told.push_back(changed);
    }

    fn answer(&mut self, ticket: Ticket) -> Result<u64, Refusal> {
        self.until("an answer", |arena| arena.answers.remove(&ticket))
    }

    fn publish(&mut self, party: Party, message: impl Into<Message>) -> Ticket {
        let (_, outbox) = self.parties[party.0];
        self.bus.publish(self.now, outbox, message)
    }

    fn store(&mut self, party: Party, message: impl Into<Message>) {
        let ticket = self.publish(party, message);
        self.answer(ticket).unwrap();
    }
}

impl Arena for Simulated {
    async fn join(&mut self) -> Party {
        let party = self.bus.join("party");
        let outbox = self.bus.outbox(party, Patience::GiveUp);
        self.parties.push((party, outbox));
        Party(self.parties.len() - 1)
    }

    async fn die(&mut self, party: Party) {
        self.bus.crash(self.now, self.party(party));
    }

    async fn come_back(&mut self, party: Party) {
        let party = self.party(party);
        self.bus.revive(self.now, party);
        self.until("the connection", |arena| {
            arena.bus.is_connected(party).then_some(())
        });
    }

    async fn put_schema(&mut self, party: Party, node: &str) {
        self.store(party, common::schema(node));
    }

    async fn say(&mut self, party: Party, telemetry: Telemetry) {
        let party = self.party(party);
        self.bus.say_telemetry(self.now, party, Arc::new(telemetry));
    }

    async fn listen(&mut self, party: Party) {
        self.bus.listen(self.party(party));
    }

    async fn hear(&mut self, party: Party) -> Telemetry {
        let party = self.party(party);
        let heard = self.until("telemetry", |arena| {
            arena.telemetry.get_mut(&party)?.pop_front()
        });
        Telemetry::clone(&heard)
    }

    async fn say_until_heard(&mut self, from: Party, to: Party, node: &str) {
        let said = common::telemetry(node, 100);
        self.say(from, said.clone()).await;
        assert_eq!(self.hear(to).await, said);
    }

    async fn say_until_refused(&mut self, from: Party, _to: Party, node: &str) {
        self.say(from, common::telemetry(node, 10)).await;
        self.until("a refusal", |arena| {
            (arena.bus.unreadable() > 0).then_some(())
        });
    }

    async fn canary(&mut self, party: Party, number: u64) -> u64 {
        let party = self.party(party);
        self.bus.say_canary(self.now, party, number);
        self.until("a canary", |arena| {
            arena.canaries.get_mut(&party)?.pop_front()
        })
    }

    async fn begin(&mut self, party: Party, message: Message) -> Letter {
        let ticket = self.publish(party, message);
        self.letters.push(ticket);
        Letter(self.letters.len() - 1)
    }

    async fn end(&mut self, letter: Letter) -> Ending {
        match self.answer(self.letters[letter.0]) {
            Ok(_) => Ending::Stored,
            Err(Refusal::Full) => Ending::Full,
            Err(Refusal::NoAnswer) => Ending::NoAnswer,
            Err(Refusal::WrongRevision) => panic!("nobody expects a revision of a stream"),
        }
    }

    async fn read(&mut self, party: Party, read: Read) -> Reader {
        let reader = self.bus.read(self.now, self.party(party), read);
        self.readers.push((reader, VecDeque::new()));
        // The bus hears of it, as a live reader waits for it to.
        self.run(STEP);
        Reader(self.readers.len() - 1)
    }

    async fn next(&mut self, reader: Reader) -> Given {
        self.until("a message", |arena| arena.readers[reader.0].1.pop_front())
    }

    async fn ack(&mut self, given: &Given) {
        let (party, token) = self.tokens[given.token];
        self.bus.ack(self.now, party, token);
        self.run(STEP);
    }

    async fn close(&mut self, reader: Reader) {
        let (reader, _) = self.readers[reader.0];
        for (party, _) in &self.parties {
            self.bus.close(*party, reader);
        }
    }

    async fn stored(&mut self, party: Party, read: Read) -> Vec<Given> {
        let reader = self.read(party, read).await;
        let (name, _) = self.readers[reader.0];
        self.until("the end of what is stored", |arena| {
            arena.caught_up.contains(&name).then_some(())
        });
        self.close(reader).await;
        self.readers[reader.0].1.drain(..).collect()
    }

    async fn fill(&mut self, room: u32) {
        for number in room..COMMANDS_MAX {
            let command = common::command(&format!("before-{number}"), "node-9");
            self.bus.stored_before(command);
        }
        // They are forgotten after a minute: who publishes now is refused until it gives up, who does so after that has room in time.
        self.run(PUBLISH_MAX * 9 / 2);
    }

    async fn make_room(&mut self) {
        self.run(PUBLISH_MAX / 2);
    }

    async fn forget(&mut self) {
        self.run(KEEP_COMMANDS);
    }

    async fn put(&mut self, party: Party, status: NodeStatus) {
        self.store(party, status);
    }

    async fn put_if(
        &mut self,
        party: Party,
        status: NodeStatus,
        revision: u64,
    ) -> Result<u64, WrongRevision> {
        let (_, outbox) = self.parties[party.0];
        let ticket = self.bus.put_if(self.now, outbox, status, revision);
        self.answer(ticket).map_err(|why| {
            assert_eq!(why, Refusal::WrongRevision);
            WrongRevision
        })
    }

    async fn remove(&mut self, party: Party, node: &str) {
        let (_, outbox) = self.parties[party.0];
        let ticket = self.bus.remove(self.now, outbox, Bucket::Status, node);
        self.answer(ticket).unwrap();
    }

    async fn get(&mut self, node: &str) -> Option<(u64, NodeStatus)> {
        let mut values = self.bus.values(Bucket::Status);
        let (_, revision, message) = values.find(|(key, _, _)| *key == node)?;
        let Message::Status(status) = message else {
            panic!("KV status has {message:?}");
        };
        Some((revision, NodeStatus::clone(status)))
    }

    async fn watch(&mut self, party: Party, what: Watched) -> Watch {
        let bucket = match what {
            Watched::Status => Bucket::Status,
            Watched::Lease => Bucket::Lease,
        };
        let reader = self.bus.watch(self.now, self.party(party), bucket);
        self.watches.push((reader, VecDeque::new()));
        self.run(STEP);
        Watch(self.watches.len() - 1)
    }

    async fn change(&mut self, watch: Watch) -> Changed {
        self.until("a change", |arena| arena.watches[watch.0].1.pop_front())
    }

    async fn want_lease(&mut self, party: Party, holder: &str) {
        let party = self.party(party);
        self.fences.remove(&party);
        self.bus.take_lease(self.now, party, holder);
    }

    async fn take_lease(&mut self, party: Party) -> u64 {
        let party = self.party(party);
        self.until("the lease", |arena| arena.fences.get(&party).copied())
    }

    async fn holds_lease(&mut self, party: Party) -> bool {
        self.bus.holds_lease(self.party(party))
    }

    async fn lose_lease(&mut self, party: Party) {
        let party = self.party(party);
        self.until("its loss", |arena| {
            arena.losses.contains(&party).then_some(())
        });
        self.losses.retain(|other| *other != party);
    }

    async fn give_lease_back(&mut self, party: Party) {
        self.bus.release_lease(self.now, self.party(party));
    }

    async fn outlive_lease(&mut self, _watch: Watch) {
        self.run(KEEP_LEASE * 2);
    }

    async fn lease_runs_out(&mut self) {
        self.until("its end", |arena| {
            arena.bus.lease(arena.now).is_none().then_some(())
        });
    }

    async fn usurp_lease(&mut self, party: Party, holder: &str) {
        let held = self.bus.lease(self.now).unwrap();
        let usurper = Lease {
            holder: holder.to_owned(),
            fence: held.fence + 1,
            ..Lease::clone(held)
        };
        self.store(party, usurper);
    }

    async fn kill(&mut self, away: Duration) {
        self.bus.restart(self.now, away);
        self.run(STEP);
    }

    async fn start(&mut self) {
        self.until("the server", |arena| {
            let mut parties = arena.parties.iter();
            parties
                .all(|(party, _)| arena.bus.is_connected(*party))
                .then_some(())
        });
    }
}
