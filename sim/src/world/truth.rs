//! What users really feel, and who is hurt, whatever telemetry says. For the referee alone.

use arena_proto::Timestamp;

use super::World;
use super::places::ServiceIx;

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

impl World {
    /// What was true since this was asked last.
    pub fn truth(&mut self, now: Timestamp) -> Truth {
        self.advance(now);
        let mut truth = std::mem::take(&mut self.truth);
        let dead = |service: &ServiceIx| !self.services[service.at()].answers;
        let services = (0..super::places::count(self.services.len())).map(ServiceIx);
        truth.hurt = services.filter(dead).collect();
        truth
    }
}
