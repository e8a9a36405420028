//! What an inbound leg saw since it was last asked. A request in flight counts with its age, so that a service that hangs
//! looks slow at once and not only after its callers gave up.
//!
//! Invariant: a request that its caller abandoned is neither a success nor an error, for the caller may have had a reason that
//! is not about this service (another call of it failed). Its age counts as a latency only from [`PATIENCE`] on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arena_chassis::Clock;
use arena_node_core::leg::PATIENCE;
use arena_proto::Timestamp;

use super::REQUESTS_MAX;
use super::histogram::Histogram;

/// One tick of a leg. Without requests the rate is zero, by which the detector knows that nobody waits, and the others are
/// NaN: there was nothing to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RequestStats {
    pub(crate) rate_hz: f32,
    pub(crate) error_percent: f32,
    pub(crate) latency_p50_ms: f32,
    pub(crate) latency_p95_ms: f32,
}

#[derive(Debug)]
struct Inner {
    arrived: u32,
    done: u32,
    failed: u32,
    latencies: Histogram,
    /// When each request in flight arrived.
    slots: Vec<Option<Timestamp>>,
    free: Vec<usize>,
}

/// Counts a leg's requests. Clones share the counts.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    clock: Clock,
    inner: Arc<Mutex<Inner>>,
}

impl Recorder {
    pub(crate) fn new(clock: Clock) -> Self {
        let inner = Inner {
            arrived: 0,
            done: 0,
            failed: 0,
            latencies: Histogram::default(),
            slots: vec![None; REQUESTS_MAX],
            free: (0..REQUESTS_MAX).collect(),
        };
        Self {
            clock,
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request arrived; `None` when the leg is full.
    pub(crate) fn begin(&self) -> Option<InFlight> {
        let at = self.clock.now();
        let mut inner = self.lock();
        inner.arrived = inner.arrived.saturating_add(1);
        let Some(slot) = inner.free.pop() else {
            inner.done = inner.done.saturating_add(1);
            inner.failed = inner.failed.saturating_add(1);
            return None;
        };
        inner.slots[slot] = Some(at);
        drop(inner);
        Some(InFlight {
            recorder: self.clone(),
            slot,
            at,
            end: End::Abandoned,
        })
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.lock().slots.iter().flatten().count()
    }

    /// What was seen since the last time.
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    pub(crate) fn take(&self, now: Timestamp, elapsed: Duration) -> RequestStats {
        let mut inner = self.lock();
        let mut latencies = std::mem::take(&mut inner.latencies);
        for at in inner.slots.iter().flatten() {
            latencies.add(now.saturating_since(*at));
        }
        let (arrived, done, failed) = (inner.arrived, inner.done, inner.failed);
        (inner.arrived, inner.done, inner.failed) = (0, 0, 0);
        drop(inner);
        let error_percent = (done > 0).then(|| f64::from(failed) / f64::from(done) * 100.0);
        RequestStats {
            rate_hz: (f64::from(arrived) / elapsed.as_secs_f64().max(0.001)) as f32,
            error_percent: error_percent.map_or(f32::NAN, |percent| percent as f32),
            latency_p50_ms: latencies.quantile_ms(0.5),
            latency_p95_ms: latencies.quantile_ms(0.95),
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its caller gave up, or its connection was reset by this node.
    Abandoned,
    Succeeded,
    Failed,
}

/// A request in flight. One that is dropped without a word was abandoned.
#[derive(Debug)]
pub(crate) struct InFlight {
    recorder: Recorder,
    slot: usize,
    at: Timestamp,
    end: End,
}

impl InFlight {
    /// The answer was passed on; of a request that failed, it was the error.
    pub(crate) fn answered(&mut self) {
        if self.end == End::Abandoned {
            self.end = End::Succeeded;
        }
    }

    /// The service answered with an error of its own, not in time, or not at all.
    pub(crate) fn failed(&mut self) {
        self.end = End::Failed;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let latency = self.recorder.clock.now().saturating_since(self.at);
        let mut inner = self.recorder.lock();
        inner.slots[self.slot] = None;
        inner.free.push(self.slot);
        if self.end == End::Abandoned {
            if latency >= PATIENCE {
                inner.latencies.add(latency);
            }
            return;
        }
        inner.done = inner.done.saturating_add(1);
        let failed = u32::from(self.end == End::Failed);
        inner.failed = inner.failed.saturating_add(failed);
        inner.latencies.add(latency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_quiet_leg_has_a_rate_of_zero_and_no_other_reading() {
        let stats = Recorder::new(Clock::new()).take(Timestamp::EPOCH, SECOND);
        assert!(stats.rate_hz.abs() < f32::EPSILON && stats.error_percent.is_nan());
        assert!(stats.latency_p95_ms.is_nan());
    }

    #[test]
    fn a_request_in_flight_counts_with_its_age_until_it_ends() {
        let clock = Clock::new();
        let recorder = Recorder::new(clock);
        let request = recorder.begin().expect("room");
        let stats = recorder.take(clock.now() + Duration::from_secs(5), SECOND);
        assert!(stats.latency_p95_ms > 4_000.0, "{stats:?}");
        assert!(stats.error_percent.is_nan());
        drop(request);
        let stats = recorder.take(clock.now(), SECOND);
        assert!(
            stats.error_percent.is_nan() && stats.latency_p95_ms.is_nan(),
            "abandoned early: {stats:?}"
        );
    }

    #[test]
    fn a_full_leg_takes_no_more_and_says_so() {
        let recorder = Recorder::new(Clock::new());
        let held: Vec<_> = (0..REQUESTS_MAX).filter_map(|_| recorder.begin()).collect();
        assert_eq!(held.len(), REQUESTS_MAX);
        assert!(recorder.begin().is_none());
        drop(held);
        assert!(recorder.begin().is_some());
    }
}
