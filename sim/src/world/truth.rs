//! What users really feel, and who is hurt, whatever telemetry says. For the referee alone.

use std::collections::BTreeSet;

use arena_proto::Timestamp;

use super::World;
use super::calm;
use super::flow::took_ms;
use super::places::{ServiceIx, count};
use super::state::Felt;

/// What was true since it was asked last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Truth {
    /// Checkouts begun.
    pub requests: u64,
    /// Of those that ended: not answered, not in time, or wrongly.
    pub failed: u64,
    /// Of those that ended: all.
    pub done: u64,
    /// What users waited, the 95th percentile in milliseconds, who still waits with the wait so far; `None` when nobody did.
    pub p95_ms: Option<f32>,
    /// Users' time that was lost, in seconds: of who failed, the whole of what a user is patient for; of who was served, what went beyond
    /// [`SLOW_MS`].
    pub user_seconds_lost: f64,
    /// Services that do not serve as they should: dead, stuck, or failing or slow to more than one in twenty, in the order of the arena.
    pub hurt: Vec<ServiceIx>,
}

/// A user who waits no longer than this has lost nothing, in milliseconds: the level of `latency_high` in detector/policy.toml.
pub const SLOW_MS: f64 = 200.0;

/// A service is hurt when more than one of so many requests to it failed or was slow: what a 95th percentile shows.
const HURT_ONE_IN: u32 = 20;

impl World {
    /// What was true since this was asked last.
    pub fn truth(&mut self, now: Timestamp) -> Truth {
        self.advance(now);
        let calm_time = self.calm_time(now);
        let calm_s = calm_time.saturating_sub(self.felt_calm_at).as_secs_f64();
        self.felt_calm_at = calm_time;
        let mut truth = std::mem::take(&mut self.truth);
        for index in 0..self.crowds.len() {
            let crowd = self.crowds[index];
            let ages: Vec<f64> = self.ages(now, crowd).collect();
            self.felt.took_all(ages);
            let pool = self.places.services[crowd.at()].pool;
            let took_ms = self
                .levels
                .get(pool.at())
                .map_or(0.0, |level| level.calls_ms * calm::TAIL);
            let came = self.users_hz(crowd) * calm_s + self.felt_left;
            self.felt_left = came - came.floor();
            let before = self.felt.came;
            self.felt.pretend(came.floor(), || took_ms);
            let served = u64::from(self.felt.came - before);
            truth.requests += served;
            truth.done += served;
        }
        let [p95] = self.felt.quantiles([95]);
        truth.p95_ms = Some(p95).filter(|p95| !p95.is_nan());
        self.felt.clear();
        truth.hurt = self.hurt(now);
        for service in std::mem::take(&mut self.noticed) {
            self.services[service.at()].felt = Felt::default();
        }
        truth
    }

    /// A request to a service is over.
    pub(super) fn notice(&mut self, service: ServiceIx, took_ms: f64, failed: bool) {
        let felt = &mut self.services[service.at()].felt;
        if felt.ended == 0 {
            self.noticed.push(service);
        }
        felt.count(took_ms, failed);
    }

    /// Only who does not answer, or had a request that was followed, can be hurt.
    fn hurt(&self, now: Timestamp) -> Vec<ServiceIx> {
        let called = self.calls.all().filter_map(|(_, call)| call.callee);
        let called = called.chain(self.noticed.iter().copied());
        let sick = called.filter(|service| self.is_hurt(now, *service));
        let hurt: BTreeSet<ServiceIx> = sick.chain(self.silent.iter().copied()).collect();
        Vec::from_iter(hurt)
    }

    fn is_hurt(&self, now: Timestamp, service: ServiceIx) -> bool {
        let state = &self.services[service.at()];
        let calls = self
            .calls
            .inbound(service)
            .iter()
            .filter_map(|call| self.calls.get(*call));
        let late = calls
            .filter(|call| took_ms(now, call.arrived) > SLOW_MS)
            .count();
        let bad = state.felt.bad + count(late);
        let all = state.felt.ended + count(late);
        bad > 0 && bad * HURT_ONE_IN > all
    }
}
