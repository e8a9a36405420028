//! The bus in process: what `arena-bus` and nats-server do for a live arena, with typed messages on a virtual clock.
//!
//! A [`Party`] is a program with a connection of its own. It says telemetry and canaries to whoever listens ([`Bus::say_telemetry`]: what is
//! lost is lost), and publishes what streams and buckets keep through an [`Outbox`] ([`Bus::publish`]: one after the other, each tried until
//! the bus has it on disk). It reads streams and watches buckets ([`Bus::read`], [`Bus::watch`]), acks what it was given when its work is
//! done ([`Bus::ack`]), and may hold the lease ([`Bus::take_lease`]). Everything that reaches a party comes out of [`Bus::deliver`], in the
//! order of time.
//!
//! `services/lib/bus/tests/simulated` plays the same scripts on this and on a real nats-server, and compares.
//!
//! Absent on purpose: bytes, subjects as text, permissions, requests to services; what a message means.
//!
//! Invariants, each held by a test:
//! - what was stored reaches every reader of it that acks, at least once, whatever the network does, as long as it is kept;
//! - an id is stored once within the duplicate window;
//! - where nothing is reordered or lost, what comes under one subject comes in order;
//! - of two writes that expect the same revision at most one is done; at most one party holds the lease at any time;
//! - the same seed and calls give the same deliveries.

mod bucket;
mod deliver;
mod lease;
pub mod limits;
mod log;
mod message;
mod offer;
mod outbox;
mod reader;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arena_proto::{Schema, SchemaId, Telemetry, Timestamp};

pub use message::{Bucket, Family, Home, Message, Stream, Subject};
pub use outbox::{Outbox, Patience, Refusal, Ticket};
pub use reader::{From, Read, Reader, Token};

use crate::net::{Clock, Kind, Network};
use crate::queue::EventQueue;
use deliver::{Event, Up};

/// A program with a connection of its own. Its number counts from 0, in the order of joining.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(u32);

impl Party {
    /// Its number.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something that reached a party.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// When, by the bus's clock.
    pub at: Timestamp,
    /// Whom.
    pub to: Party,
    /// What.
    pub what: Arrival,
}

/// What reaches a party.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// Telemetry that it listens to, with what its columns mean.
    Telemetry(Arc<Telemetry>, Arc<Schema>),
    /// A canary of its own.
    Canary(u64),
    /// A message that it reads or watches.
    Message {
        /// By this reader.
        reader: Reader,
        /// What.
        message: Message,
        /// For [`Bus::ack`]; acks of what is not durable do nothing.
        token: Token,
        /// When the bus stored it.
        stored_at: Timestamp,
    },
    /// A key that it watches was removed. That one ran out by its age is not told.
    Removed {
        /// By this reader.
        reader: Reader,
        /// Its key.
        key: String,
    },
    /// The reader has told all that was stored when it was opened.
    CaughtUp(Reader),
    /// What it published is on disk, under this number of its stream or bucket.
    Stored(Ticket, u64),
    /// What it published is not stored as far as it knows, and nobody tries any more.
    NotStored(Ticket, Refusal),
    /// Its connection came or went.
    Connected(bool),
    /// It holds the lease from now on, under this fence.
    LeaseTaken(u64),
    /// It does not hold the lease any more.
    LeaseLost,
}

/// Something that was stored, as the bus sees it: for who writes down everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: Party,
    /// Its number in its stream or bucket.
    pub sequence: u64,
    /// Where; of a bucket with its key.
    pub home: Home,
    /// `None`: the key was removed.
    pub message: Option<Message>,
}

/// The bus, and everybody's connection to it.
#[derive(Debug)]
pub struct Bus {
    network: Network,
    seed: u64,
    began: Timestamp,
    now: Timestamp,
    queue: EventQueue<Event>,
    /// Telemetry goes by the lanes of the queue. Off only in the test that shows that it makes no difference.
    lanes: bool,
    /// Outages that are not over: the server runs while there is none.
    outages: u32,
    parties: Vec<session::Member>,
    listeners: Vec<Party>,
    outboxes: Vec<outbox::OutboxState>,
    tickets: u64,
    readers: Vec<reader::ReaderState>,
    durables: BTreeMap<(String, Family), Reader>,
    routes: reader::Routes,
    logs: [log::Log; 6],
    buckets: [bucket::Values; 7],
    ready: VecDeque<Delivery>,
    stored: Option<Vec<Stored>>,
    /// Telemetry that reached the bus before its schema did: nobody can read it.
    unreadable: u64,
}

/// What travels to the bus, and what from it: one lane of the queue each.
const LANE_UP: usize = 0;
const LANE_DOWN: usize = 1;
/// Schemas of a node that telemetry may name: the one in use, and those of late messages (as in `arena-bus`).
const SCHEMAS_KEPT: usize = 4;

impl Bus {
    /// A bus that nobody has joined and that keeps nothing. Cuts and outages count from `began`.
    #[must_use]
    pub fn new(network: Network, seed: u64, began: Timestamp) -> Self {
        let mut bus = Self {
            network,
            seed,
            began,
            now: began,
            queue: EventQueue::new(2),
            lanes: true,
            outages: 0,
            parties: Vec::new(),
            listeners: Vec::new(),
            outboxes: Vec::new(),
            tickets: 0,
            readers: Vec::new(),
            durables: BTreeMap::new(),
            routes: reader::Routes::default(),
            logs: Stream::ALL.map(log::Log::of),
            buckets: Bucket::ALL.map(bucket::Values::of),
            ready: VecDeque::new(),
            stored: None,
            unreadable: 0,
        };
        bus.plan_outages();
        bus
    }

    /// The party's clock. What it does, it does by this one.
    #[must_use]
    pub fn clock(&self, party: Party) -> &Clock {
        &self.parties[party.index()].clock
    }

    /// Keeps what is stored from now on for [`Bus::take_stored`].
    pub fn write_down(&mut self) {
        self.stored.get_or_insert_default();
    }

    /// What was stored since the last time, in its order.
    pub fn take_stored(&mut self) -> Vec<Stored> {
        self.stored.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// What a stream keeps, oldest first, as it is on the bus.
    pub fn kept(&self, stream: Stream) -> impl Iterator<Item = &Message> {
        self.logs[stream as usize].messages()
    }

    /// What a bucket holds now, by key, as it is on the bus: with its revision.
    pub fn values(&self, bucket: Bucket) -> impl Iterator<Item = (&str, u64, &Message)> {
        self.buckets[bucket as usize].present(self.now)
    }

    /// Telemetry that nobody could read, because the bus did not have its schema.
    #[must_use]
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The party hears all telemetry that reaches the bus from now on, while it is connected.
    pub fn listen(&mut self, party: Party) {
        if !self.listeners.contains(&party) {
            self.listeners.push(party);
        }
    }

    /// The party hears the telemetry of one other.
    pub fn listen_to(&mut self, party: Party, whom: Party) {
        let heard_by = &mut self.parties[whom.index()].heard_by;
        if !heard_by.contains(&party) {
            heard_by.push(party);
        }
    }

    /// What was stored before anybody joined.
    pub fn stored_before(&mut self, message: impl Into<Message>) {
        let message = message.into();
        match message.home() {
            Home::Stream(subject) => {
                let log = &mut self.logs[subject.family.stream() as usize];
                // Before anybody has said anything there is room.
                let _ = log.store(self.now, subject, message);
            }
            Home::Bucket(bucket, key) => {
                let _ = self.buckets[bucket as usize].put(self.now, &key, Some(message), None);
            }
        }
    }

    /// The party hears telemetry no more, but that of single others.
    pub fn listen_no_more(&mut self, party: Party) {
        self.listeners.retain(|listener| *listener != party);
    }

    /// Says telemetry, and waits for nothing. Refused without a word while the party knows that the bus is away.
    #[inline]
    pub fn say_telemetry(&mut self, now: Timestamp, from: Party, telemetry: Arc<Telemetry>) {
        self.send_up(now, from, Kind::Loose, LANE_UP, Up::Telemetry(telemetry));
    }

    /// Says a number to itself, and waits for nothing. Refused without a word while the party knows that the bus is away.
    pub fn say_canary(&mut self, now: Timestamp, from: Party, number: u64) {
        self.send_up(now, from, Kind::Loose, LANE_UP, Up::Canary(number));
    }

    /// When something may come out of [`Bus::deliver`] next, or something happens inside.
    #[must_use]
    pub fn next_event(&self) -> Option<Timestamp> {
        if self.ready.is_empty() {
            self.queue.next_at()
        } else {
            Some(self.now)
        }
    }

    /// The next thing that reached a party by now; `None` when that was all. What follows from it is to be said before the next is asked
    /// for: then everything happens in the order of time.
    pub fn deliver(&mut self, now: Timestamp) -> Option<Delivery> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Some(delivery);
            }
            let Some((at, event)) = self.queue.pop(now) else {
                self.now = self.now.max(now);
                return None;
            };
            self.now = at;
            match event {
                Event::Up { from, session, up } => self.arrive_up(from, session, up),
                Event::Down { to, session, down } => self.arrive_down(to, session, down),
                Event::Alarm(alarm) => self.ring(alarm),
            }
        }
    }

    fn tell(&mut self, to: Party, what: Arrival) {
        let at = self.now;
        self.ready.push_back(Delivery { at, to, what });
    }

    fn schema_of(&self, party: Party, id: SchemaId) -> Option<Arc<Schema>> {
        let known = &self.parties[party.index()].schemas;
        let (_, schema) = known.iter().find(|(known, _)| *known == id)?;
        Some(Arc::clone(schema))
    }

    fn keep_schema(&mut self, party: Party, schema: &Arc<Schema>) {
        let known = &mut self.parties[party.index()].schemas;
        let id = schema.id();
        if known.iter().all(|(known, _)| *known != id) {
            if known.len() >= SCHEMAS_KEPT {
                known.remove(0);
            }
            known.push((id, Arc::clone(schema)));
        }
    }
}
