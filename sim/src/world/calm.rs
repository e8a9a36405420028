//! What requests are like where nothing disturbs anybody: closed forms, a level for each pool.
//!
//! The rate of a pool follows from the users' and from who calls whom, shared by its open replicas; a latency is the sum of what a request
//! passes, the slowest of calls that are made at once. With utilisation far below one (each of the shop's services is busy for less than 2 %
//! of the time) nobody waits for anybody, so there is no queue in it: one that has a queue is not calm, and is simulated.

use super::World;
use super::places::PoolIx;
use super::role::Role;

/// What a replica of a pool sees.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Level {
    /// Requests to all of them together, a second.
    pub(super) demand_hz: f64,
    /// Replicas that serve.
    pub(super) open: u32,
    /// At the inbound leg, the median.
    pub(super) p50_ms: f64,
    /// What its own calls take, the median.
    pub(super) calls_ms: f64,
}

/// The 95th percentile of a second's requests over their median. Measured: 1.2 on a quiet machine, 1.3 to 2 on a busy one.
pub(super) const TAIL: f64 = 1.3;

/// A replica that is busy for longer than this share of its time has a queue: by the formula of a queue with one server
/// (M/M/1: a request waits `u / (1 - u)` times its service) a quarter of a service from here on.
const BUSY_MAX: f64 = 0.2;

/// How much a percentile of a second's requests differs from second to second. Measured: 0.15 of the median, up to 0.5 of the 95th
/// percentile on a machine that others use, too.
pub(super) const SPREAD: f64 = 0.25;

/// By how many legs the slower of two calls that are made at once is later than one that is made alone; as it is where they are simulated.
const JOIN: f64 = 2.5;

impl Level {
    /// Requests to one replica, a second.
    pub(super) fn rate_hz(&self) -> f64 {
        self.demand_hz / f64::from(self.open.max(1))
    }
}

/// In the order of the calls; every pool of a later role is called by none of an earlier one's callees.
const ORDER: [Role; 7] = [
    Role::Traffic,
    Role::Edge,
    Role::Orders,
    Role::Payments,
    Role::Inventory,
    Role::Ledger,
    Role::Plain,
];

impl World {
    /// Checkouts a second that this service's users ask for.
    pub(super) fn users_hz(&self, service: super::ServiceIx) -> f64 {
        let process = self.services[service.at()].process.as_ref();
        let process = process.filter(|process| process.up && process.program.role == Role::Traffic);
        process.map_or(0.0, |process| {
            f64::from(process.program.rate_hz.unwrap_or(self.rate_hz))
        })
    }

    /// The levels of all pools, as they are now.
    pub(super) fn relevel(&mut self) {
        let pools = self.places.pools.len();
        let mut levels = vec![Level::default(); pools];
        for (level, candidates) in levels.iter_mut().zip(&self.candidates) {
            // Who is drained serves when nobody else does.
            let serving = if candidates.open.is_empty() {
                &candidates.last
            } else {
                &candidates.open
            };
            level.open = super::places::count(serving.len());
        }
        for crowd in &self.crowds {
            levels[self.places.services[crowd.at()].pool.at()].demand_hz += self.users_hz(*crowd);
        }
        let role = |pool: usize| self.places.services[self.places.pools[pool][0].at()].role;
        let callees = |pool: usize| {
            role(pool)
                .calls()
                .iter()
                .filter_map(|name| self.places.pool(name))
                .map(PoolIx::at)
        };
        for stage in ORDER {
            for pool in (0..pools).filter(|pool| role(*pool) == stage) {
                for callee in callees(pool) {
                    levels[callee].demand_hz += levels[pool].demand_hz;
                }
            }
        }
        let physics = &self.physics;
        #[expect(clippy::cast_precision_loss, reason = "at most two")]
        for stage in ORDER.into_iter().rev() {
            for pool in (0..pools).filter(|pool| role(*pool) == stage) {
                let outbound = physics.leg_ms + physics.way_ms;
                // Those that are made at once pass the same legs, one after the other, and the slower one counts.
                let calls_ms = callees(pool)
                    .enumerate()
                    .map(|(turn, callee)| {
                        outbound + turn as f64 * JOIN * physics.leg_ms + levels[callee].p50_ms
                    })
                    .fold(0.0, f64::max);
                let disk = if stage == Role::Ledger {
                    physics.sync_ms
                } else {
                    0.0
                };
                let own = physics.leg_ms + physics.work_ms + physics.wake_ms;
                levels[pool].calls_ms = calls_ms;
                levels[pool].p50_ms = own + disk + calls_ms;
            }
        }
        let busy_ms = physics.work_ms.max(physics.sync_ms);
        let overloaded = |level: &Level| level.rate_hz() * busy_ms > BUSY_MAX * 1000.0;
        self.overloaded =
            (0..pools).any(|pool| role(pool) != Role::Traffic && overloaded(&levels[pool]));
        self.levels = levels;
        self.levels_stale = false;
    }
}
