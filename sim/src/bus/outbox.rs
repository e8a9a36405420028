//! What a party publishes: one message after the other, each tried until the bus says that it is on disk.
//!
//! As `arena-bus` does: an attempt waits for its ack, the next follows, after [`PUBLISH_MAX`] the bus gives up; and as the shells do: what
//! then becomes of it ([`Patience`]). The id of a message makes sure that what is tried again is stored once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::Timestamp;

use super::bucket::Condition;
use super::deliver::{Alarm, Down, Origin, Store, Up};
use super::limits::{ATTEMPT_EVERY, PUBLISH_MAX, REQUEST_TIMEOUT};
use super::{Arrival, Bucket, Bus, Home, Message, Party, Stored};
use crate::net::{Kind, microseconds};
use crate::queue::EntryId;

/// A way out of a party: what goes into one leaves in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outbox(u32);

/// Names what was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// Of what nobody waits for.
    pub(super) const NONE: Self = Self(u64::MAX);
}

/// What becomes of a message that the bus gave up on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It is tried again after this pause, on and on.
    UntilStored(Duration),
    /// The same, and a newer message takes the place of one that waits: only the last word counts.
    LastWord(Duration),
    /// It is given up, and [`Arrival::NotStored`] says so.
    GiveUp,
}

/// Why something was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody wrote meanwhile.
    #[error("somebody else wrote meanwhile")]
    WrongRevision,
    /// The stream has as many messages as it may.
    #[error("the stream is full")]
    Full,
    /// Nobody answered in time.
    #[error("the bus did not answer in time")]
    NoAnswer,
}

/// What is to be stored.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) ticket: Ticket,
    pub(super) body: Body,
    pub(super) condition: Option<Condition>,
}

/// A message, or that there is none any more.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Message(Message),
    Removal(Bucket, String),
}

#[derive(Debug)]
pub(super) struct OutboxState {
    party: Party,
    patience: Patience,
    waiting: VecDeque<Letter>,
    current: Option<Current>,
    /// Counts attempts, so that an answer or an alarm of an earlier one is known as such.
    attempts: u32,
}

#[derive(Debug)]
struct Current {
    letter: Arc<Letter>,
    /// When the bus began to try.
    began: Timestamp,
    alarm: Option<EntryId>,
    /// Why the last attempt was in vain.
    why: Refusal,
    /// It waits for the connection.
    stranded: bool,
}

impl Bus {
    /// A way out for a party.
    pub fn outbox(&mut self, party: Party, patience: Patience) -> Outbox {
        let outbox = Outbox(u32::try_from(self.outboxes.len()).unwrap_or(u32::MAX));
        self.outboxes.push(OutboxState {
            party,
            patience,
            waiting: VecDeque::new(),
            current: None,
            attempts: 0,
        });
        self.parties[party.index()].outboxes.push(outbox);
        outbox
    }

    /// Publishes a message. [`Arrival::Stored`] tells when it is on disk.
    pub fn publish(
        &mut self,
        now: Timestamp,
        outbox: Outbox,
        message: impl Into<Message>,
    ) -> Ticket {
        self.enter(now, outbox, Body::Message(message.into()), None)
    }

    /// Writes a value if its key still has this revision; 0: if nothing is there. Otherwise [`Arrival::NotStored`] says so.
    pub fn put_if(
        &mut self,
        now: Timestamp,
        outbox: Outbox,
        message: impl Into<Message>,
        revision: u64,
    ) -> Ticket {
        let condition = Condition {
            key: revision,
            bucket: None,
        };
        self.enter(now, outbox, Body::Message(message.into()), Some(condition))
    }

    /// Removes a key.
    pub fn remove(&mut self, now: Timestamp, outbox: Outbox, bucket: Bucket, key: &str) -> Ticket {
        self.enter(now, outbox, Body::Removal(bucket, key.to_owned()), None)
    }

    /// Whether anything is on its way out, or waits to be.
    #[must_use]
    pub fn is_busy(&self, outbox: Outbox) -> bool {
        self.outboxes[outbox.0 as usize].current.is_some()
    }

    fn enter(
        &mut self,
        now: Timestamp,
        outbox: Outbox,
        body: Body,
        condition: Option<Condition>,
    ) -> Ticket {
        self.now = self.now.max(now);
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        let letter = Letter {
            ticket,
            body,
            condition,
        };
        let state = &mut self.outboxes[outbox.0 as usize];
        if matches!(state.patience, Patience::LastWord(_)) {
            state.waiting.clear();
        }
        state.waiting.push_back(letter);
        self.next_letter(now, outbox);
        ticket
    }

    fn next_letter(&mut self, now: Timestamp, outbox: Outbox) {
        let state = &mut self.outboxes[outbox.0 as usize];
        if state.current.is_some() {
            return;
        }
        let Some(letter) = state.waiting.pop_front() else {
            return;
        };
        state.current = Some(Current {
            letter: Arc::new(letter),
            began: now,
            alarm: None,
            why: Refusal::NoAnswer,
            stranded: false,
        });
        self.attempt(now, outbox);
    }

    fn attempt(&mut self, now: Timestamp, outbox: Outbox) {
        let state = &mut self.outboxes[outbox.0 as usize];
        let Some(current) = &mut state.current else {
            return;
        };
        state.attempts += 1;
        let (attempt, party) = (state.attempts, state.party);
        let connected = self.parties[party.index()].connected;
        current.stranded = !connected;
        let store = Store {
            origin: Origin::Outbox(outbox, attempt),
            letter: Arc::clone(&current.letter),
        };
        let gives_up_at = current.began + PUBLISH_MAX;
        let ring_at = if connected {
            (now + REQUEST_TIMEOUT).min(gives_up_at)
        } else {
            gives_up_at
        };
        let alarm = Alarm::Unanswered(outbox, attempt);
        current.alarm = Some(
            self.queue
                .push(ring_at.max(now), super::Event::Alarm(alarm)),
        );
        if connected {
            self.send_store(now, party, store);
        }
    }

    pub(super) fn send_store(&mut self, now: Timestamp, party: Party, store: Store) {
        let written = now + microseconds(self.network.server.store_us);
        self.send_up_after(now, written, party, Kind::Loose, Up::Store(store));
    }

    /// Nobody answered an attempt, or there is no time for another.
    pub(super) fn unanswered(&mut self, outbox: Outbox, attempt: u32) {
        self.tried_in_vain(outbox, attempt, Refusal::NoAnswer);
    }

    fn tried_in_vain(&mut self, outbox: Outbox, attempt: u32, why: Refusal) {
        let now = self.now;
        let state = &mut self.outboxes[outbox.0 as usize];
        let Some(current) = state.current.as_mut().filter(|_| state.attempts == attempt) else {
            return;
        };
        if let Some(alarm) = current.alarm.take() {
            self.queue.cancel(alarm);
        }
        let gives_up_at = current.began + PUBLISH_MAX;
        if now < gives_up_at {
            current.why = why;
            let again_at = now + ATTEMPT_EVERY;
            let (at, alarm) = if again_at < gives_up_at {
                (again_at, Alarm::TryAgain(outbox, attempt))
            } else {
                (gives_up_at, Alarm::Unanswered(outbox, attempt))
            };
            current.alarm = Some(self.queue.push(at, super::Event::Alarm(alarm)));
            return;
        }
        match state.patience {
            Patience::UntilStored(pause) | Patience::LastWord(pause) => {
                current.began = now + pause;
                let alarm = Alarm::TryAgain(outbox, attempt);
                current.alarm = Some(self.queue.push(now + pause, super::Event::Alarm(alarm)));
            }
            Patience::GiveUp => {
                let why = current.why;
                self.close_letter(outbox, Err(why));
            }
        }
    }

    /// The pause after an attempt is over. Of what only the last word counts, a newer one is tried instead.
    pub(super) fn try_again(&mut self, outbox: Outbox, attempt: u32) {
        let now = self.now;
        let state = &mut self.outboxes[outbox.0 as usize];
        if state.attempts != attempt {
            return;
        }
        if let Patience::LastWord(_) = state.patience
            && let Some(newer) = state.waiting.pop_front()
            && let Some(current) = &mut state.current
        {
            current.letter = Arc::new(newer);
        }
        self.attempt(now, outbox);
    }

    /// The bus answered. An answer to an earlier attempt comes to nobody.
    pub(super) fn answered(&mut self, outbox: Outbox, attempt: u32, result: Result<u64, Refusal>) {
        let state = &self.outboxes[outbox.0 as usize];
        if state.attempts != attempt || state.current.is_none() {
            return;
        }
        match result {
            // It may have room again in time.
            Err(Refusal::Full) => self.tried_in_vain(outbox, attempt, Refusal::Full),
            result => self.close_letter(outbox, result),
        }
    }

    fn close_letter(&mut self, outbox: Outbox, result: Result<u64, Refusal>) {
        let state = &mut self.outboxes[outbox.0 as usize];
        let Some(current) = state.current.take() else {
            return;
        };
        let party = state.party;
        if let Some(alarm) = current.alarm {
            self.queue.cancel(alarm);
        }
        let ticket = current.letter.ticket;
        self.tell(
            party,
            match result {
                Ok(sequence) => Arrival::Stored(ticket, sequence),
                Err(why) => Arrival::NotStored(ticket, why),
            },
        );
        self.next_letter(self.now, outbox);
    }

    /// The connection is there again: what waited for it goes out.
    pub(super) fn resume_outboxes(&mut self, party: Party) {
        for index in 0..self.parties[party.index()].outboxes.len() {
            let outbox = self.parties[party.index()].outboxes[index];
            let state = &mut self.outboxes[outbox.0 as usize];
            if let Some(current) = state.current.as_mut().filter(|current| current.stranded) {
                if let Some(alarm) = current.alarm.take() {
                    self.queue.cancel(alarm);
                }
                self.attempt(self.now, outbox);
            }
        }
    }

    /// The program is gone, and with it what it had not said.
    pub(super) fn empty_outboxes(&mut self, party: Party) {
        for outbox in &self.parties[party.index()].outboxes {
            let state = &mut self.outboxes[outbox.0 as usize];
            state.waiting.clear();
            state.attempts += 1;
            if let Some(alarm) = state.current.take().and_then(|current| current.alarm) {
                self.queue.cancel(alarm);
            }
        }
    }

    /// Something reached the bus to be stored.
    pub(super) fn store(&mut self, from: Party, store: &Store) {
        let now = self.now;
        let Letter {
            body, condition, ..
        } = &*store.letter;
        let (home, message) = match body {
            Body::Message(message) => (message.home(), Some(message.clone())),
            Body::Removal(bucket, key) => (Home::Bucket(*bucket, key.clone()), None),
        };
        let result = match (&home, &message) {
            (Home::Stream(subject), Some(message)) => {
                let log = &mut self.logs[subject.family.stream() as usize];
                log.store(now, subject.clone(), message.clone())
                    .map(|outcome| (outcome.sequence, outcome.duplicate))
            }
            // Nothing is removed from a stream.
            (Home::Stream(_), None) => Err(Refusal::WrongRevision),
            (Home::Bucket(bucket, key), message) => self.buckets[*bucket as usize]
                .put(now, key, message.clone(), *condition)
                .map(|revision| (revision, false)),
        };
        if let Ok((sequence, false)) = result {
            if let Some(Message::Schema(schema)) = &message {
                self.keep_schema(from, schema);
            }
            match &home {
                Home::Stream(subject) => self.spread(subject, sequence),
                Home::Bucket(bucket, key) => self.spread_value(*bucket, key),
            }
            if let Some(stored) = &mut self.stored {
                stored.push(Stored {
                    at: now,
                    by: from,
                    sequence,
                    home,
                    message,
                });
            }
        }
        let origin = store.origin;
        let result = result.map(|(sequence, _)| sequence);
        self.send_down(
            from,
            Kind::Loose,
            super::LANE_DOWN,
            Down::Answer(origin, result),
        );
    }
}
