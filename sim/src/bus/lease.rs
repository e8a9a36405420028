//! The lease: at most one holder at a time. What `arena-bus` does for whoever wants it, as a machine: look, take it by compare and set,
//! renew it in time, stop in time (docs/adr/0006-lease-and-fencing.md).
//!
//! Invariant: the holder counts from before it asked for a renewal, the bus from when it stored it, so that the holder stops first.

use std::sync::Arc;
use std::time::Duration;

use arena_proto::carriage::lease_fence;
use arena_proto::{Lease, Timestamp};

use super::bucket::Condition;
use super::deliver::{Alarm, Event, Origin, Seen, Store, Up};
use super::limits::{
    KEEP_LEASE, LEASE_ATTEMPT_MAX, LEASE_HOLD_MAX, LEASE_RENEW_EVERY, LEASE_RETRY_EVERY,
    LEASE_TAKE_EVERY,
};
use super::outbox::{Body, Letter, Ticket};
use super::{Arrival, Bucket, Bus, LANE_UP, Message, Party, Reader, Refusal};
use crate::net::Kind;
use crate::queue::EntryId;

/// The only lease of an arena.
const NAME: &str = "remediator";
/// Its letters are nobody's business.
const NO_TICKET: Ticket = Ticket::NONE;

/// A party that wants the lease, or holds it.
#[derive(Debug)]
pub(super) struct Claim {
    holder: String,
    /// Tells it who else renews it, and when it was given back.
    watch: Reader,
    state: State,
    /// Counts questions and pauses, so that what comes too late is known as such.
    number: u32,
    alarm: Option<EntryId>,
}

#[derive(Debug)]
enum State {
    /// Somebody else has it, or may.
    Waiting,
    Looking,
    /// Asked for, since.
    Taking(Timestamp, Arc<Lease>),
    Held(Held),
}

#[derive(Debug)]
struct Held {
    lease: Arc<Lease>,
    revision: u64,
    expires: EntryId,
    asked: Asked,
}

/// What a holder waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The next renewal's time.
    Nothing,
    /// The answer to a renewal that was asked for at this time.
    Renewal(Timestamp),
    /// Whether a write of its own made the revision another one.
    Look,
}

impl Bus {
    /// Wants the lease from now on: [`Arrival::LeaseTaken`] tells when it is held, [`Arrival::LeaseLost`] when no more.
    pub fn take_lease(&mut self, now: Timestamp, party: Party, holder: &str) {
        self.now = self.now.max(now);
        self.drop_claim(party);
        let watch = self.watch_key(now, party, Bucket::Lease, Some(NAME));
        self.parties[party.index()].claim = Some(Claim {
            holder: holder.to_owned(),
            watch,
            state: State::Waiting,
            number: 0,
            alarm: None,
        });
        self.look_for(party);
    }

    /// Gives it back, so that the next one has it at once; wants it no more.
    pub fn release_lease(&mut self, now: Timestamp, party: Party) {
        self.now = self.now.max(now);
        let claim = self.parties[party.index()].claim.as_ref();
        if let Some(State::Held(held)) = claim.map(|claim| &claim.state) {
            let condition = Condition {
                key: held.revision,
                bucket: None,
            };
            let body = Body::Removal(Bucket::Lease, NAME.to_owned());
            self.write(party, body, condition);
        }
        self.drop_claim(party);
    }

    /// Who holds the lease, by the bus.
    #[must_use]
    pub fn lease(&self, now: Timestamp) -> Option<&Arc<Lease>> {
        let entry = self.buckets[Bucket::Lease as usize].entry(now, NAME)?;
        match &entry.message {
            Some(Message::Lease(lease)) => Some(lease),
            _ => None,
        }
    }

    /// Whether the party holds the lease, as far as it knows.
    #[must_use]
    pub fn holds_lease(&self, party: Party) -> bool {
        let claim = self.parties[party.index()].claim.as_ref();
        claim.is_some_and(|claim| matches!(claim.state, State::Held(_)))
    }

    pub(super) fn drop_claim(&mut self, party: Party) {
        let Some(claim) = self.parties[party.index()].claim.take() else {
            return;
        };
        let expires = match claim.state {
            State::Held(held) => Some(held.expires),
            _ => None,
        };
        for alarm in claim.alarm.into_iter().chain(expires) {
            self.queue.cancel(alarm);
        }
        self.close(party, claim.watch);
    }

    /// The connection is there again: a waiting one looks at once.
    pub(super) fn resume_claim(&mut self, party: Party) {
        let claim = self.parties[party.index()].claim.as_ref();
        if claim.is_some_and(|claim| matches!(claim.state, State::Waiting)) {
            self.look_for(party);
        }
    }

    /// Whether a reader is only for a claim.
    pub(super) fn is_of_claim(&self, party: Party, reader: Reader) -> bool {
        let claim = self.parties[party.index()].claim.as_ref();
        claim.is_some_and(|claim| claim.watch == reader)
    }

    /// The lease was written, or given back. True: it was only for the claim.
    pub(super) fn lease_heard(
        &mut self,
        party: Party,
        reader: Reader,
        put: Option<&Message>,
    ) -> bool {
        let claim = self.parties[party.index()].claim.as_ref();
        let Some(claim) = claim.filter(|claim| claim.watch == reader) else {
            return false;
        };
        if matches!(claim.state, State::Waiting) {
            match put {
                Some(_) => self.wait(party),
                None => self.look_for(party),
            }
        }
        true
    }

    fn alarm(&mut self, party: Party, after: Duration, alarm: impl FnOnce(u32) -> Alarm) {
        let at = self.now + after;
        let Some(claim) = &mut self.parties[party.index()].claim else {
            return;
        };
        if let Some(alarm) = claim.alarm.take() {
            self.queue.cancel(alarm);
        }
        claim.number += 1;
        claim.alarm = Some(self.queue.push(at, Event::Alarm(alarm(claim.number))));
    }

    fn claim(&mut self, party: Party, number: u32) -> Option<&mut Claim> {
        let claim = self.parties[party.index()].claim.as_mut()?;
        (claim.number == number).then_some(claim)
    }

    fn wait(&mut self, party: Party) {
        if let Some(claim) = &mut self.parties[party.index()].claim {
            claim.state = State::Waiting;
        }
        self.alarm(party, LEASE_TAKE_EVERY, |number| {
            Alarm::LeaseTake(party, number)
        });
    }

    pub(super) fn lease_take(&mut self, party: Party, number: u32) {
        if self.claim(party, number).is_some() {
            self.look_for(party);
        }
    }

    fn look_for(&mut self, party: Party) {
        if !self.parties[party.index()].connected {
            return self.wait(party);
        }
        if let Some(claim) = &mut self.parties[party.index()].claim {
            claim.state = State::Looking;
        }
        self.ask(party);
    }

    /// Asks who holds it.
    fn ask(&mut self, party: Party) {
        self.alarm(party, LEASE_ATTEMPT_MAX, |number| {
            Alarm::LeaseUnanswered(party, number)
        });
        let number = self.parties[party.index()].claim.as_ref();
        let number = number.map_or(0, |claim| claim.number);
        self.send_up(self.now, party, Kind::Loose, LANE_UP, Up::Look(number));
    }

    /// Writes it, and waits for the answer.
    fn write(&mut self, party: Party, body: Body, condition: Condition) {
        self.alarm(party, LEASE_ATTEMPT_MAX, |number| {
            Alarm::LeaseUnanswered(party, number)
        });
        let number = self.parties[party.index()].claim.as_ref();
        let origin = Origin::Lease(number.map_or(0, |claim| claim.number));
        let letter = Arc::new(Letter {
            ticket: NO_TICKET,
            body,
            condition: Some(condition),
        });
        self.send_store(self.now, party, Store { origin, letter });
    }

    pub(super) fn look(&self) -> Seen {
        let values = &self.buckets[Bucket::Lease as usize];
        let entry = values.entry(self.now, NAME);
        Seen {
            revision: entry.map_or(0, |entry| entry.revision),
            lease: self.lease(self.now).map(Arc::clone),
            last: values.last(),
        }
    }

    pub(super) fn lease_seen(&mut self, party: Party, number: u32, seen: &Seen) {
        let (now, began) = (self.now, self.began);
        let acquired_at = self.clock(party).at(now);
        let Some(claim) = self.claim(party, number) else {
            return;
        };
        match &mut claim.state {
            State::Looking if seen.lease.is_none() => {
                // Written only if nothing at all was written since it looked, it has exactly this revision.
                let fence =
                    lease_fence(began.unix_nanos().div_euclid(1_000_000_000), seen.last + 1);
                let lease = Arc::new(Lease {
                    name: NAME.to_owned(),
                    holder: claim.holder.clone(),
                    fence,
                    acquired_at,
                });
                claim.state = State::Taking(now, Arc::clone(&lease));
                let condition = Condition {
                    key: seen.revision,
                    bucket: Some(seen.last),
                };
                self.write(party, Body::Message(Message::Lease(lease)), condition);
            }
            State::Looking => self.wait(party),
            State::Held(held) if held.asked == Asked::Look => {
                if seen.lease.as_ref() == Some(&held.lease) {
                    held.revision = seen.revision;
                    held.asked = Asked::Nothing;
                    self.pause(party, LEASE_RETRY_EVERY);
                } else {
                    self.lease_lost(party);
                }
            }
            State::Waiting | State::Taking(..) | State::Held(_) => {}
        }
    }

    pub(super) fn lease_written(
        &mut self,
        party: Party,
        number: u32,
        result: Result<u64, Refusal>,
    ) {
        let Some(claim) = self.claim(party, number) else {
            return;
        };
        let asked_at = match &claim.state {
            State::Taking(asked_at, _)
            | State::Held(Held {
                asked: Asked::Renewal(asked_at),
                ..
            }) => *asked_at,
            _ => return,
        };
        let Ok(revision) = result else {
            match &mut claim.state {
                State::Held(held) => {
                    // An earlier write may have arrived after all.
                    held.asked = Asked::Look;
                    self.ask(party);
                }
                _ => self.wait(party),
            }
            return;
        };
        let alarm = Event::Alarm(Alarm::LeaseExpired(party));
        let expires = self.queue.push(asked_at + LEASE_HOLD_MAX, alarm);
        let Some(claim) = self.parties[party.index()].claim.as_mut() else {
            return;
        };
        match &mut claim.state {
            State::Taking(_, lease) => {
                let (lease, fence) = (Arc::clone(lease), lease.fence);
                claim.state = State::Held(Held {
                    lease,
                    revision,
                    expires,
                    asked: Asked::Nothing,
                });
                self.tell(party, Arrival::LeaseTaken(fence));
            }
            State::Held(held) => {
                let before = std::mem::replace(&mut held.expires, expires);
                held.revision = revision;
                held.asked = Asked::Nothing;
                self.queue.cancel(before);
            }
            _ => {}
        }
        self.pause(party, LEASE_RENEW_EVERY);
    }

    /// Until the next renewal.
    fn pause(&mut self, party: Party, pause: Duration) {
        self.alarm(party, pause, |number| Alarm::LeaseRenew(party, number));
    }

    pub(super) fn lease_renew(&mut self, party: Party, number: u32) {
        let now = self.now;
        let connected = self.parties[party.index()].connected;
        let Some(claim) = self.claim(party, number) else {
            return;
        };
        let State::Held(held) = &mut claim.state else {
            return;
        };
        if !connected {
            return self.pause(party, LEASE_RETRY_EVERY);
        }
        held.asked = Asked::Renewal(now);
        let condition = Condition {
            key: held.revision,
            bucket: None,
        };
        let body = Body::Message(Message::Lease(Arc::clone(&held.lease)));
        self.write(party, body, condition);
    }

    pub(super) fn lease_unanswered(&mut self, party: Party, number: u32) {
        let Some(claim) = self.claim(party, number) else {
            return;
        };
        match &mut claim.state {
            State::Held(held) => {
                held.asked = Asked::Nothing;
                self.pause(party, LEASE_RETRY_EVERY);
            }
            _ => self.wait(party),
        }
    }

    /// Nobody could be asked for so long that somebody else may hold it, or somebody does.
    pub(super) fn lease_lost(&mut self, party: Party) {
        let held = self.holds_lease(party);
        self.drop_claim(party);
        if held {
            self.tell(party, Arrival::LeaseLost);
        }
    }
}

const _: () = assert!(
    LEASE_HOLD_MAX.as_nanos() < KEEP_LEASE.as_nanos(),
    "a holder stops before its lease runs out"
);
