//! Who of an arena says and hears what on the bus, as the live programs' shells have it: each part's connection with its readers, watches and
//! outboxes.
//!
//! A detector hears telemetry and watches KV `status`; a node reads its commands and faults; and so on, by docs/ARCHITECTURE.md, "Subjects,
//! streams, buckets". Absent on purpose: the bus ([`crate::bus`]), and what is done about a message. Invariants: what a part acks while
//! something of it is on its way out is acked once that is on disk; telemetry goes out after the schema that it names is on disk.

mod clock;
mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{
    Command, Control, FaultRequest, FaultStatus, IncidentEvent, NodeName, NodeStatus, Observer,
    Outcome, Plan, Schema, Telemetry, Timestamp,
};

use crate::bus::{
    self, Arrival, Bucket, Family, From, Message as Stored, Outbox, Patience, Read, Ticket,
};
use crate::net::Network;
use crate::world::NodeIx;

/// As a node tries again what the bus gave up on (`services/node/src/publish.rs`).
const NODE_RETRIES: Duration = Duration::from_millis(500);
/// As the detector does (`detector/src/publisher.rs`); the others, who would end and be started again, are as patient.
const RETRIES: Duration = Duration::from_secs(1);
/// Whoever watches a run watches the bus from beside it, unless the network says otherwise.
const WATCHER: &str = "watcher";

/// A part of the arena that is on the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Detector,
    Remediator,
    Healer,
    Injector,
    Watcher,
    Node(NodeIx),
}

/// What is said, and heard.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Telemetry(Arc<Telemetry>, Arc<Schema>),
    Canary(u64),
    Incident(Arc<IncidentEvent>),
    Plan(Arc<Plan>),
    Command(Arc<Command>),
    Outcome(Arc<Outcome>),
    Fault(Arc<FaultRequest>),
    FaultStatus(Arc<FaultStatus>),
    Status(Arc<NodeStatus>),
    Schema(Arc<Schema>),
    Control(Arc<Control>),
    Observer(Arc<Observer>),
    /// The connection came, or went; heard only.
    Connected(bool),
    /// It holds the lease from now on, under this fence; heard only.
    LeaseTaken(u64),
    /// It does not hold the lease any more; heard only.
    LeaseLost,
}

/// For [`Bus::ack`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token(bus::Party, bus::Token);

/// Something that a part hears.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) to: Party,
    pub(crate) message: Message,
    pub(crate) token: Option<Token>,
}

/// A part's connection.
#[derive(Debug)]
struct Seat {
    host: Party,
    /// What streams keep.
    letters: Outbox,
    /// What only counts in its newest words: KV `status`, `observer`.
    words: Outbox,
    schemas: Outbox,
    /// Until the schema is on disk.
    schema_on_its_way: Option<Ticket>,
    held: Vec<Arc<Telemetry>>,
    /// Acked once all letters are on disk.
    done: Vec<bus::Token>,
}

/// The bus, and who is on it.
#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "one carries, the other knows who says what"
)]
pub(crate) struct Bus {
    bus: bus::Bus,
    names: Vec<NodeName>,
    parties: BTreeMap<Party, bus::Party>,
    /// Those of the nodes, in their order, once they have joined.
    nodes: Vec<Option<bus::Party>>,
    /// By the number of the party.
    seats: Vec<Seat>,
    /// What the remediator reads while it holds the lease.
    reading: Vec<bus::Reader>,
}

impl Bus {
    pub(crate) fn new(
        names: &BTreeMap<NodeName, NodeIx>,
        control: Control,
        mut network: Network,
        (seed, began): (u64, Timestamp),
    ) -> Self {
        let mut by_index: Vec<_> = names.iter().map(|(name, ix)| (*ix, name.clone())).collect();
        by_index.sort();
        network.parties.entry(WATCHER.to_owned()).or_default();
        let mut bus = bus::Bus::new(network, seed, began);
        bus.stored_before(control);
        Self {
            bus,
            nodes: vec![None; names.len()],
            names: by_index.into_iter().map(|(_, name)| name).collect(),
            parties: BTreeMap::new(),
            seats: Vec::new(),
            reading: Vec::new(),
        }
    }

    fn name(&self, party: Party) -> String {
        match party {
            Party::Detector => "detector".to_owned(),
            Party::Remediator => "remediator".to_owned(),
            Party::Healer => "healer".to_owned(),
            Party::Injector => "injector".to_owned(),
            Party::Watcher => WATCHER.to_owned(),
            Party::Node(ix) => self.names[ix.0 as usize].to_string(),
        }
    }

    /// A part starts, for the first time or again, and opens what it reads.
    pub(crate) fn connect(&mut self, now: Timestamp, host: Party) {
        let party = if let Some(party) = self.party(host) {
            self.bus.revive(now, party);
            party
        } else {
            let party = self.bus.join(&self.name(host));
            let pause = match host {
                Party::Node(_) => NODE_RETRIES,
                _ => RETRIES,
            };
            self.seats.push(Seat {
                host,
                letters: self.bus.outbox(party, Patience::UntilStored(pause)),
                words: self.bus.outbox(party, Patience::LastWord(pause)),
                schemas: self.bus.outbox(party, Patience::LastWord(pause)),
                schema_on_its_way: None,
                held: Vec::new(),
                done: Vec::new(),
            });
            match host {
                Party::Node(ix) => self.nodes[ix.0 as usize] = Some(party),
                _ => drop(self.parties.insert(host, party)),
            }
            party
        };
        self.open(now, host, party);
    }

    /// What each part reads and watches, in the order in which the live one opens it.
    fn open(&mut self, now: Timestamp, host: Party, party: bus::Party) {
        let bus = &mut self.bus;
        let (watched, read): (&[Bucket], &[Family]) = match host {
            Party::Detector => (&[Bucket::Status], &[]),
            Party::Remediator => (&[Bucket::Control, Bucket::Observer, Bucket::Status], &[]),
            Party::Healer => (
                &[Bucket::Control, Bucket::Observer, Bucket::Status],
                &[
                    Family::Incident,
                    Family::Plan,
                    Family::Command,
                    Family::Outcome,
                ],
            ),
            Party::Injector => (
                &[Bucket::Control, Bucket::Status],
                &[Family::FaultStatus, Family::Incident, Family::Plan],
            ),
            Party::Watcher => (
                &[Bucket::Status],
                &[
                    Family::FaultStatus,
                    Family::Incident,
                    Family::Plan,
                    Family::Outcome,
                ],
            ),
            Party::Node(_) => (&[Bucket::Control], &[]),
        };
        for bucket in watched {
            bus.watch(now, party, *bucket);
        }
        for family in read {
            bus.read(now, party, Read::ephemeral(*family));
        }
        match host {
            Party::Detector | Party::Healer => bus.listen(party),
            Party::Node(ix) => {
                let name = &self.names[ix.0 as usize];
                for family in [Family::Command, Family::Fault] {
                    let read = Read::durable(family, format!("node-{name}"));
                    bus.read(now, party, read.from(From::New).node(name.clone()));
                }
            }
            // What it reads it reads while it holds the lease.
            Party::Remediator | Party::Injector | Party::Watcher => {}
        }
    }

    /// Wants the lease; [`Message::LeaseTaken`] tells when it has it.
    pub(crate) fn take_lease(&mut self, now: Timestamp, host: Party) {
        let name = self.name(host);
        if let Some(party) = self.parties.get(&host) {
            self.bus.take_lease(now, *party, &name);
        }
    }

    /// Opens what a remediator reads while it holds the lease: the bus remembers how far it came.
    pub(crate) fn read_as_remediator(&mut self, now: Timestamp, host: Party) {
        let Some(party) = self.parties.get(&host) else {
            return;
        };
        for family in [Family::Incident, Family::Outcome] {
            let read = Read::durable(family, "remediator").from(From::New);
            self.reading.push(self.bus.read(now, *party, read));
        }
    }

    /// Closes it.
    pub(crate) fn read_no_more(&mut self, host: Party) {
        if let Some(party) = self.parties.get(&host) {
            for reader in self.reading.drain(..) {
                self.bus.close(*party, reader);
            }
        }
    }

    /// A part is killed.
    pub(crate) fn disconnect(&mut self, now: Timestamp, host: Party) {
        let Some(party) = self.party(host) else {
            return;
        };
        self.bus.crash(now, party);
        let seat = &mut self.seats[party.index()];
        seat.schema_on_its_way = None;
        seat.held.clear();
        seat.done.clear();
    }

    pub(crate) fn publish(&mut self, now: Timestamp, from: Party, message: Message) {
        let Some(party) = self.party(from) else {
            return;
        };
        let bus = &mut self.bus;
        let seat = &mut self.seats[party.index()];
        let letter = match message {
            Message::Telemetry(telemetry, _) => {
                if seat.schema_on_its_way.is_some() {
                    seat.held.push(telemetry);
                } else {
                    bus.say_telemetry(now, party, telemetry);
                }
                return;
            }
            Message::Canary(number) => return bus.say_canary(now, party, number),
            Message::Schema(schema) => {
                if feels_users(&schema) {
                    for listener in [Party::Injector, Party::Watcher] {
                        if let Some(listener) = self.parties.get(&listener) {
                            bus.listen_to(*listener, party);
                        }
                    }
                }
                let ticket = bus.publish(now, seat.schemas, Stored::Schema(schema));
                seat.schema_on_its_way = Some(ticket);
                return;
            }
            Message::Status(status) => {
                bus.publish(now, seat.words, Stored::Status(status));
                return;
            }
            Message::Observer(observer) => {
                bus.publish(now, seat.words, Stored::Observer(observer));
                return;
            }
            Message::Incident(event) => Stored::Incident(event),
            Message::Plan(plan) => Stored::Plan(plan),
            Message::Command(command) => Stored::Command(command),
            Message::Outcome(outcome) => Stored::Outcome(outcome),
            Message::Fault(request) => Stored::Fault(request),
            Message::FaultStatus(status) => Stored::FaultStatus(status),
            Message::Control(control) => Stored::Control(control),
            Message::Connected(_) | Message::LeaseTaken(_) | Message::LeaseLost => return,
        };
        bus.publish(now, seat.letters, letter);
    }

    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.bus.next_event()
    }

    pub(crate) fn deliver(&mut self, now: Timestamp) -> Option<Delivery> {
        loop {
            let bus::Delivery { at, to, what } = self.bus.deliver(now)?;
            let (message, token) = match what {
                Arrival::Telemetry(telemetry, schema) => {
                    (Message::Telemetry(telemetry, schema), None)
                }
                Arrival::Canary(number) => (Message::Canary(number), None),
                Arrival::Message { message, token, .. } => match heard(message) {
                    Some(message) => (message, Some(Token(to, token))),
                    None => continue,
                },
                Arrival::Connected(connected) => (Message::Connected(connected), None),
                Arrival::Stored(ticket, _) => {
                    self.stored(at, to, ticket);
                    continue;
                }
                Arrival::LeaseTaken(fence) => (Message::LeaseTaken(fence), None),
                Arrival::LeaseLost => (Message::LeaseLost, None),
                // Nobody of an arena does anything about these.
                Arrival::Removed { .. } | Arrival::CaughtUp(_) | Arrival::NotStored(..) => continue,
            };
            return Some(Delivery {
                to: self.seats[to.index()].host,
                message,
                token,
            });
        }
    }

    fn stored(&mut self, at: Timestamp, party: bus::Party, ticket: Ticket) {
        let seat = &mut self.seats[party.index()];
        if seat.schema_on_its_way == Some(ticket) {
            seat.schema_on_its_way = None;
            for telemetry in std::mem::take(&mut seat.held) {
                self.bus.say_telemetry(at, party, telemetry);
            }
        }
        if !self.bus.is_busy(seat.letters) {
            for token in std::mem::take(&mut seat.done) {
                self.bus.ack(at, party, token);
            }
        }
    }

    /// The work on a message is done; what was said about it is on disk before the bus hears so.
    pub(crate) fn ack(&mut self, now: Timestamp, Token(party, token): Token) {
        let seat = &mut self.seats[party.index()];
        if self.bus.is_busy(seat.letters) {
            seat.done.push(token);
        } else {
            self.bus.ack(now, party, token);
        }
    }
}

/// The node's telemetry tells what users feel: the only one that whoever watches, and a villain, hear.
fn feels_users(schema: &Schema) -> bool {
    let mut columns = schema.columns.iter();
    columns.any(|column| column.metric == "user_error_percent")
}

/// `None`: nobody of an arena does anything about it.
fn heard(message: Stored) -> Option<Message> {
    Some(match message {
        Stored::Incident(event) => Message::Incident(event),
        Stored::Plan(plan) => Message::Plan(plan),
        Stored::Command(command) => Message::Command(command),
        Stored::Outcome(outcome) => Message::Outcome(outcome),
        Stored::Fault(request) => Message::Fault(request),
        Stored::FaultStatus(status) => Message::FaultStatus(status),
        Stored::Status(status) => Message::Status(status),
        Stored::Schema(schema) => Message::Schema(schema),
        Stored::Control(control) => Message::Control(control),
        Stored::Observer(observer) => Message::Observer(observer),
        Stored::Evidence(_) | Stored::Approval(_) | Stored::Lease(_) | Stored::Alert(_) => {
            return None;
        }
    })
}
