//! The users: checkouts at a steady rate, whatever the shop makes of them (services/workload/src/traffic.rs).
//!
//! Invariant: users come on a grid of their rate, also where none of them is simulated.

use std::time::Duration;

use arena_proto::Timestamp;

use super::World;
use super::call::{Answer, Asker};
use super::faults::Kind;
use super::flow::{Event, took_ms};
use super::meter::Meter;
use super::places::ServiceIx;
use super::role::PATIENCE;
use super::truth::SLOW_MS;
use crate::queue::EntryId;

/// Users that wait at once; of a surge so many times more, at most [`UNDER_WAY_SURGE_MAX`].
const UNDER_WAY_MAX: u32 = 64;
/// See [`UNDER_WAY_MAX`].
const UNDER_WAY_SURGE_MAX: u32 = 512;
/// They come when the shop has opened, or after so long in any case.
const OPENING_WAIT: Duration = Duration::from_secs(5);
/// Between two looks at a shop that has not opened, and at a generator that is stopped.
const LOOK: Duration = Duration::from_millis(50);

/// The users of one service.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// When the next one comes; `None`: nobody does.
    due: Option<Timestamp>,
    event: Option<EntryId>,
    under_way: u32,
    /// The first has come.
    begun: bool,
    pub(super) meter: Meter,
}

impl Users {
    /// Their generator is gone, and they with it.
    pub(super) fn leave(&mut self) {
        (self.due, self.under_way, self.begun) = (None, 0, false);
    }
}

impl World {
    /// How many times as many users come as usual.
    pub(super) fn surge(&self, service: ServiceIx) -> f64 {
        let process = self.services[service.at()].process.as_ref();
        let inside = process.into_iter().flat_map(|process| &process.inside);
        let factor = |kind: Kind| match kind {
            Kind::Surge(factor) => factor,
            _ => 1.0,
        };
        inside.map(|inside| factor(inside.kind)).fold(1.0, f64::max)
    }

    /// A process has opened its port.
    pub(super) fn opened(&mut self, now: Timestamp, service: ServiceIx) {
        self.share_cpu(now, self.places.services[service.at()].node);
        if let Some(users) = self.services[service.at()].users.as_mut() {
            users.due = Some(now);
            if !self.calm {
                self.users_come(now, service);
            }
        }
    }

    /// From now on each user is simulated.
    pub(super) fn users_come(&mut self, now: Timestamp, service: ServiceIx) {
        let period = self.period(service);
        let Some(users) = self.services[service.at()].users.as_mut() else {
            return;
        };
        let Some(due) = users.due else {
            return;
        };
        let late = now.saturating_since(due);
        let missed = if period.is_zero() {
            0
        } else {
            late.as_nanos().div_ceil(period.as_nanos())
        };
        let due = due + period * u32::try_from(missed).unwrap_or(u32::MAX);
        users.due = Some(due);
        if let Some(before) = users.event.take() {
            self.events.cancel(before);
        }
        users.event = Some(self.events.push(due, Event::User(service)));
    }

    fn period(&self, service: ServiceIx) -> Duration {
        let rate = self.users_hz(service) * self.surge(service);
        if rate > 0.0 {
            Duration::from_secs_f64(1.0 / rate)
        } else {
            Duration::from_secs(1)
        }
    }

    /// A user is due.
    pub(super) fn user_due(&mut self, now: Timestamp, service: ServiceIx) {
        let state = &self.services[service.at()];
        let Some(process) = state
            .process
            .as_ref()
            .filter(|process| process.up && process.ending.is_none())
        else {
            return;
        };
        let edge = state.calls[0];
        let opens = process.up_at + OPENING_WAIT;
        let shut = edge
            .is_some_and(|out| self.candidates[state.outs[usize::from(out)].pool.at()].is_empty());
        let begun = state.users.as_ref().is_some_and(|users| users.begun);
        let waits = process.held || (shut && !begun && now < opens);
        let next = if waits { LOOK } else { self.period(service) };
        if !waits && self.users_hz(service) > 0.0 {
            self.user_comes(now, service, edge);
        }
        if let Some(users) = self.services[service.at()].users.as_mut() {
            users.due = Some(now + next);
            users.event = Some(self.events.push(now + next, Event::User(service)));
        }
    }

    fn user_comes(&mut self, now: Timestamp, service: ServiceIx, edge: Option<u8>) {
        let surge = self.surge(service);
        let Some(users) = self.services[service.at()].users.as_mut() else {
            return;
        };
        users.meter.came += 1;
        users.begun = true;
        self.truth.requests += 1;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a factor of 1 to 50"
        )]
        let most = UNDER_WAY_MAX
            .saturating_mul(surge as u32)
            .min(UNDER_WAY_SURGE_MAX);
        let place = edge.filter(|_| users.under_way < most);
        users.under_way += 1;
        if let Some(out) = place {
            let call = self.send(now, Asker::User, service, out);
            self.go_out(now, call);
        } else {
            self.user_served(service, 0.0, Answer::Failed);
        }
    }

    /// A user has an answer, or has given up.
    pub(super) fn user_served(&mut self, service: ServiceIx, took_ms: f64, answer: Answer) {
        let failed = answer != Answer::Right;
        if let Some(users) = self.services[service.at()].users.as_mut() {
            users.under_way = users.under_way.saturating_sub(1);
            users.meter.ended(took_ms, failed);
        }
        self.truth.done += 1;
        self.truth.failed += u64::from(failed);
        self.truth.user_seconds_lost += if failed {
            PATIENCE.as_secs_f64()
        } else {
            (took_ms - SLOW_MS).max(0.0) / 1000.0
        };
        self.felt.took(took_ms);
    }

    /// The ages of the users of a service who wait, in milliseconds.
    pub(super) fn ages(
        &self,
        now: Timestamp,
        service: ServiceIx,
    ) -> impl Iterator<Item = f64> + '_ {
        let calls = self.calls.outbound(service).iter();
        calls.filter_map(move |call| Some(took_ms(now, self.calls.get(*call)?.began)))
    }

    /// Nobody is simulated any more.
    pub(super) fn users_rest(&mut self, service: ServiceIx) {
        if let Some(users) = self.services[service.at()].users.as_mut() {
            users.under_way = 0;
            if let Some(event) = users.event.take() {
                self.events.cancel(event);
            }
        }
    }
}
