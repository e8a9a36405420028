//! When it is calm, and when requests have to be followed one by one.
//!
//! Invariants: nothing that could hurt a request is there while it is calm; it is not calm again before everybody who was under way when the
//! last trouble ended has an answer.

use std::time::Duration;

use arena_proto::Timestamp;

use super::World;
use super::call::{Answer, Asker, CallRef};
use super::faults::Kind;
use super::places::ServiceIx;
use super::role::Role;
use super::{Happening, Route};

/// How often it is looked whether it is calm again.
const LOOK: Duration = Duration::from_millis(100);

impl World {
    /// Something about a service has changed: a probe may answer otherwise, and requests may fare otherwise.
    pub(super) fn touch(&mut self, now: Timestamp, service: ServiceIx) {
        self.levels_stale = true;
        let state = &mut self.services[service.at()];
        let answers = state
            .process
            .as_ref()
            .is_some_and(super::process::Process::answers);
        if state.answers != answers {
            state.answers = answers;
            if answers {
                self.silent.remove(&service);
            } else {
                self.silent.insert(service);
            }
            self.happenings.push(Happening::Changed(service));
        }
        self.reconsider(now, service);
    }

    /// Whether this service can hurt a request.
    pub(super) fn reconsider(&mut self, now: Timestamp, service: ServiceIx) {
        let disturbs = self.disturbs(service);
        let state = &mut self.services[service.at()];
        if state.disturbs == disturbs {
            return;
        }
        state.disturbs = disturbs;
        if disturbs {
            self.disturbing += 1;
            self.stir(now);
        } else {
            self.disturbing -= 1;
            self.quiet_since = now;
        }
    }

    fn disturbs(&self, service: ServiceIx) -> bool {
        let state = &self.services[service.at()];
        let role = self.places.services[service.at()].role;
        let Some(process) = state.process.as_ref() else {
            return state.route != Route::Away;
        };
        if role == Role::Traffic {
            let surges = process
                .inside
                .iter()
                .any(|inside| matches!(inside.kind, Kind::Surge(_)));
            let walled = state.outs.iter().any(|out| !out.leg.is_clear());
            return surges || walled || !process.answers() || process.ending.is_some();
        }
        if state.route == Route::Away {
            return false;
        }
        let stuck = !process.answers() || process.ending.is_some();
        let legs = !state.leg.is_clear() || state.outs.iter().any(|out| !out.leg.is_clear());
        let disk = state.quota.is_some()
            || process
                .inside
                .iter()
                .any(|inside| inside.kind.is_of_storage());
        let crowded = self.wake_ms(service) > 2.0 * self.physics.wake_ms;
        let narrow = process.program.places < super::physics::PLACES;
        stuck || legs || disk || crowded || narrow
    }

    /// What the sidecars know of a replica changes.
    pub fn set_routable(&mut self, now: Timestamp, service: ServiceIx, route: Route) {
        self.advance(now);
        let before = std::mem::replace(&mut self.services[service.at()].route, route);
        if before == route {
            return;
        }
        let place = &self.places.services[service.at()];
        let (pool, is_candidate) = (place.pool, place.proxied);
        let candidates = &mut self.candidates[pool.at()];
        let was_shut = candidates.is_empty();
        if let Some(list) = candidates.of(before) {
            list.retain(|replica| *replica != service);
        }
        if let Some(list) = candidates.of(route).filter(|_| is_candidate) {
            let at = list.partition_point(|replica| *replica < service);
            list.insert(at, service);
        }
        let is_shut = candidates.is_empty();
        if self.called[pool.at()] && was_shut != is_shut {
            if is_shut {
                self.disturbing += 1;
                self.stir(now);
            } else {
                self.disturbing -= 1;
                self.quiet_since = now;
            }
        }
        self.touch(now, service);
    }

    /// From now on every request is followed.
    pub(super) fn stir(&mut self, now: Timestamp) {
        if !self.calm {
            return;
        }
        self.calm_before += now.saturating_since(self.calm_since);
        self.calm = false;
        self.look_at = now + LOOK;
        for index in 0..self.crowds.len() {
            self.users_come(now, self.crowds[index]);
        }
    }

    /// How long it has been calm since the beginning.
    pub(super) fn calm_time(&self, now: Timestamp) -> Duration {
        if self.calm {
            self.calm_before + now.saturating_since(self.calm_since)
        } else {
            self.calm_before
        }
    }

    /// Looks whether it is calm.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.levels_stale && (self.calm || self.disturbing == 0) {
            self.relevel();
            if self.overloaded {
                self.stir(now);
            }
        }
        if self.calm || self.disturbing > 0 || self.overloaded || now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        let since = self.quiet_since;
        if now.saturating_since(since) < LOOK
            || self.calls.all().any(|(_, call)| call.began < since)
        {
            return;
        }
        let rest: Vec<CallRef> = self.calls.all().map(|(call, _)| call).collect();
        for call in rest {
            self.give_place_back(call);
            if let Some(ended) = self.forget(call)
                && ended.asker == Asker::User
            {
                // They are as well served as everybody from now on.
                let pool = self.places.services[ended.caller.at()].pool;
                let took = self.levels[pool.at()].calls_ms;
                self.user_served(ended.caller, took, Answer::Right);
            }
        }
        for index in 0..self.crowds.len() {
            self.users_rest(self.crowds[index]);
        }
        self.calm = true;
        self.calm_since = now;
    }
}
