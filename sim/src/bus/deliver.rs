//! What is under way: to the bus, from it, and what rings.

use std::sync::Arc;
use std::time::Duration;

use arena_proto::{Lease, Schema, Telemetry, Timestamp};

use super::outbox::Letter;
use super::{Arrival, Bus, LANE_DOWN, Message, Outbox, Party, Reader, Refusal, Token};
use crate::net::{Kind, Passage, Ways};

/// What the queue holds.
#[derive(Debug)]
pub(super) enum Event {
    /// Arrives at the bus, if the connection that it was said over is still there.
    Up {
        from: Party,
        session: u32,
        up: Up,
    },
    /// Arrives at a party, on the same condition.
    Down {
        to: Party,
        session: u32,
        down: Down,
    },
    Alarm(Alarm),
}

/// To the bus.
#[derive(Debug, Clone)]
pub(super) enum Up {
    Telemetry(Arc<Telemetry>),
    Canary(u64),
    Store(Store),
    Ack(Token),
    /// From where the party is, unless the bus remembers.
    Open(Reader, u64),
    /// Who holds the lease? With the number of the question.
    Look(u32),
}

/// Something to be stored, and who waits for the answer.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) origin: Origin,
    pub(super) letter: Arc<Letter>,
}

/// Who asked, and by which attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Outbox(Outbox, u32),
    Lease(u32),
}

/// From the bus.
#[derive(Debug, Clone)]
pub(super) enum Down {
    Telemetry(Arc<Telemetry>, Arc<Schema>),
    Canary(u64),
    Message(Reader, u64, Timestamp, Message),
    Removed(Reader, String),
    CaughtUp(Reader),
    Answer(Origin, Result<u64, Refusal>),
    Looked(u32, Box<Seen>),
}

/// What there is about the lease.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Of the key; 0: nothing is there.
    pub(super) revision: u64,
    pub(super) lease: Option<Arc<Lease>>,
    /// Of the whole bucket.
    pub(super) last: u64,
}

/// What rings at its time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alarm {
    Unanswered(Outbox, u32),
    TryAgain(Outbox, u32),
    AckWait(Token),
    /// A cut begins, and how long it lasts; by chance: another follows.
    Cut {
        party: Party,
        ways: Ways,
        ends: Timestamp,
        by_chance: bool,
    },
    Mended {
        party: Party,
        ways: Ways,
        by_chance: bool,
    },
    /// A party notices that nobody answers its pings.
    Noticed(Party, u32),
    Connect(Party, u32, usize),
    Outage {
        ends: Timestamp,
        by_chance: bool,
    },
    OutageOver {
        by_chance: bool,
    },
    LeaseTake(Party, u32),
    LeaseUnanswered(Party, u32),
    LeaseRenew(Party, u32),
    LeaseExpired(Party),
}

impl Bus {
    /// Puts something on its way to the bus; nothing when the party knows that the bus is away.
    #[inline]
    pub(super) fn send_up(&mut self, now: Timestamp, from: Party, kind: Kind, lane: usize, up: Up) {
        self.now = self.now.max(now);
        let lane = self.lanes.then_some(lane);
        self.set_out(now, from, kind, up, (Duration::ZERO, lane));
    }

    /// The same with something that the bus needs until `ready` to work on: it has effect only then.
    pub(super) fn send_up_after(
        &mut self,
        now: Timestamp,
        ready: Timestamp,
        from: Party,
        kind: Kind,
        up: Up,
    ) {
        let work = ready.saturating_since(now);
        self.set_out(now, from, kind, up, (work, None));
    }

    /// `work`: so much later than it arrives it has effect. A lane takes what arrives in the order of the sending.
    #[inline]
    fn set_out(
        &mut self,
        now: Timestamp,
        from: Party,
        kind: Kind,
        up: Up,
        (work, lane): (Duration, Option<usize>),
    ) {
        let member = &mut self.parties[from.index()];
        if !member.connected {
            return;
        }
        let session = member.session;
        if member.out.is_cut() {
            member.out.hold(now, Event::Up { from, session, up });
            return;
        }
        let Passage { first, second } = member.out.way.pass(now, kind);
        if let Some(at) = second {
            let up = up.clone();
            self.queue.push(at + work, Event::Up { from, session, up });
        }
        if let Some(at) = first {
            let event = Event::Up { from, session, up };
            match lane {
                Some(lane) => self.queue.push_in_lane(lane, at + work, event),
                None => self.queue.push(at + work, event),
            };
        }
    }

    /// Puts something on its way to a party; nothing when the bus has no connection to it.
    #[inline]
    pub(super) fn send_down(&mut self, to: Party, kind: Kind, lane: usize, down: Down) {
        let now = self.now;
        let member = &mut self.parties[to.index()];
        if !member.connected {
            return;
        }
        let session = member.session;
        if member.back.is_cut() {
            member.back.hold(now, Event::Down { to, session, down });
            return;
        }
        let Passage { first, second } = member.back.way.pass(now, kind);
        if let Some(at) = second {
            let down = down.clone();
            self.queue.push(at, Event::Down { to, session, down });
        }
        if let Some(at) = first {
            let event = Event::Down { to, session, down };
            if self.lanes {
                self.queue.push_in_lane(lane, at, event);
            } else {
                self.queue.push(at, event);
            }
        }
    }

    #[inline]
    pub(super) fn arrive_up(&mut self, from: Party, session: u32, up: Up) {
        if self.parties[from.index()].session != session {
            return;
        }
        match up {
            Up::Telemetry(telemetry) => self.fan_out(from, telemetry),
            Up::Canary(number) => {
                self.send_down(from, Kind::Loose, LANE_DOWN, Down::Canary(number));
            }
            Up::Store(store) => self.store(from, &store),
            Up::Ack(token) => self.acked(token),
            Up::Open(reader, after) => self.open(reader, after),
            Up::Look(number) => {
                let seen = Box::new(self.look());
                let down = Down::Looked(number, seen);
                self.send_down(from, Kind::Loose, LANE_DOWN, down);
            }
        }
    }

    #[inline]
    fn fan_out(&mut self, from: Party, telemetry: Arc<Telemetry>) {
        let Some(schema) = self.schema_of(from, telemetry.schema_id) else {
            self.unreadable += 1;
            return;
        };
        for index in 0..self.parties[from.index()].heard_by.len() {
            let listener = self.parties[from.index()].heard_by[index];
            let down = Down::Telemetry(Arc::clone(&telemetry), Arc::clone(&schema));
            self.send_down(listener, Kind::Loose, LANE_DOWN, down);
        }
        let Some(last) = self.listeners.last().copied() else {
            return;
        };
        for index in 0..self.listeners.len() - 1 {
            let down = Down::Telemetry(Arc::clone(&telemetry), Arc::clone(&schema));
            self.send_down(self.listeners[index], Kind::Loose, LANE_DOWN, down);
        }
        let down = Down::Telemetry(telemetry, schema);
        self.send_down(last, Kind::Loose, LANE_DOWN, down);
    }

    #[inline]
    pub(super) fn arrive_down(&mut self, to: Party, session: u32, down: Down) {
        if self.parties[to.index()].session != session {
            return;
        }
        match down {
            Down::Telemetry(telemetry, schema) => {
                self.tell(to, Arrival::Telemetry(telemetry, schema));
            }
            Down::Canary(number) => self.tell(to, Arrival::Canary(number)),
            Down::Message(reader, sequence, stored_at, message) => {
                self.hand_over(to, reader, sequence, stored_at, message);
            }
            Down::Removed(reader, key) => self.hand_removal_over(to, reader, key),
            Down::CaughtUp(reader) => {
                if self.tells_caught_up(to, reader) {
                    self.tell(to, Arrival::CaughtUp(reader));
                }
            }
            Down::Answer(Origin::Outbox(outbox, attempt), result) => {
                self.answered(outbox, attempt, result);
            }
            Down::Answer(Origin::Lease(number), result) => self.lease_written(to, number, result),
            Down::Looked(number, seen) => self.lease_seen(to, number, &seen),
        }
    }

    pub(super) fn ring(&mut self, alarm: Alarm) {
        match alarm {
            Alarm::Unanswered(outbox, attempt) => self.unanswered(outbox, attempt),
            Alarm::TryAgain(outbox, attempt) => self.try_again(outbox, attempt),
            Alarm::AckWait(token) => self.offer_again(token),
            Alarm::Cut {
                party,
                ways,
                ends,
                by_chance,
            } => self.cut(party, ways, ends, by_chance),
            Alarm::Mended {
                party,
                ways,
                by_chance,
            } => self.mend(party, ways, by_chance),
            Alarm::Noticed(party, session) => self.notice(party, session),
            Alarm::Connect(party, session, attempt) => self.connect(party, session, attempt),
            Alarm::Outage { ends, by_chance } => self.go_away(ends, by_chance),
            Alarm::OutageOver { by_chance } => self.come_back(by_chance),
            Alarm::LeaseTake(party, number) => self.lease_take(party, number),
            Alarm::LeaseUnanswered(party, number) => self.lease_unanswered(party, number),
            Alarm::LeaseRenew(party, number) => self.lease_renew(party, number),
            Alarm::LeaseExpired(party) => self.lease_lost(party),
        }
    }
}
