//! Counts and latencies of the last second, of what ended in it and of what is still under way.
//!
//! Reads no clock: each call is told the time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One reading a second is taken, so a second's window counts each event about once.
const WINDOW: Duration = Duration::from_secs(1);
/// More events than this in one window are not kept: the oldest go first.
const EVENTS_MAX: usize = 10_000;

/// A thing that was begun and not yet ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token(u64);

/// The meter. Shared by reference; each call locks it for a moment.
#[derive(Default)]
pub(crate) struct Meter {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    begun: u64,
    under_way: BTreeMap<Token, Instant>,
    begins: VecDeque<Instant>,
    ends: VecDeque<End>,
}

struct End {
    at: Instant,
    took: Duration,
    failed: bool,
}

/// What a meter shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    /// Begun in the last second.
    pub(crate) rate_hz: f64,
    /// Failed, of those that ended in the last second; `None` when none did.
    pub(crate) failed_percent: Option<f64>,
    /// 95th percentile, nearest rank, of the durations of those that ended in the last second and the ages of those under way;
    /// `None` when there are neither.
    pub(crate) latency_p95_ms: Option<f64>,
}

impl Meter {
    /// Something begins.
    pub(crate) fn begin(&self, now: Instant) -> Token {
        let mut inner = self.lock();
        inner.begun += 1;
        let token = Token(inner.begun);
        inner.under_way.insert(token, now);
        inner.begins.push_back(now);
        if inner.begins.len() > EVENTS_MAX {
            inner.begins.pop_front();
        }
        token
    }

    /// It ends. A token that ended already is ignored.
    pub(crate) fn end(&self, token: Token, now: Instant, failed: bool) {
        let mut inner = self.lock();
        let Some(begun_at) = inner.under_way.remove(&token) else {
            return;
        };
        let took = now.saturating_duration_since(begun_at);
        inner.ends.push_back(End {
            at: now,
            took,
            failed,
        });
        if inner.ends.len() > EVENTS_MAX {
            inner.ends.pop_front();
        }
    }

    /// The last second as it stands.
    pub(crate) fn read(&self, now: Instant) -> Reading {
        let mut inner = self.lock();
        let recent = |at: &Instant| now.saturating_duration_since(*at) < WINDOW;
        while inner.begins.front().is_some_and(|at| !recent(at)) {
            inner.begins.pop_front();
        }
        while inner.ends.front().is_some_and(|end| !recent(&end.at)) {
            inner.ends.pop_front();
        }
        let failed = inner.ends.iter().filter(|end| end.failed).count();
        let durations = inner.ends.iter().map(|end| end.took);
        let ages = inner
            .under_way
            .values()
            .map(|begun_at| now.saturating_duration_since(*begun_at));
        Reading {
            rate_hz: as_f64(inner.begins.len()) / WINDOW.as_secs_f64(),
            failed_percent: (!inner.ends.is_empty())
                .then(|| 100.0 * as_f64(failed) / as_f64(inner.ends.len())),
            latency_p95_ms: percentile_95(durations.chain(ages).collect())
                .map(|latency| latency.as_secs_f64() * 1000.0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is complete before the next call, so a poisoned meter is still a meter.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn as_f64(count: usize) -> f64 {
    // Bounded by EVENTS_MAX.
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn percentile_95(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    let rank = (durations.len() * 95).div_ceil(100);
    durations.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn shows_what_ended_in_the_last_second() {
        let meter = Meter::default();
        let start = crate::clock::now();
        for index in 1..=20 {
            let token = meter.begin(start);
            meter.end(token, start + millis(index), index == 20);
        }
        assert_eq!(
            meter.read(start + millis(500)),
            Reading {
                rate_hz: 20.0,
                failed_percent: Some(5.0),
                latency_p95_ms: Some(19.0)
            }
        );
        assert_eq!(
            meter.read(start + millis(1100)),
            Reading {
                rate_hz: 0.0,
                failed_percent: None,
                latency_p95_ms: None
            }
        );
    }

    #[test]
    fn what_is_under_way_counts_with_its_age() {
        let meter = Meter::default();
        let start = crate::clock::now();
        let token = meter.begin(start);
        let reading = meter.read(start + millis(2500));
        assert_eq!(
            (reading.failed_percent, reading.latency_p95_ms),
            (None, Some(2500.0))
        );
        meter.end(token, start + millis(2600), false);
        meter.end(token, start + millis(9000), true);
        assert_eq!(
            meter.read(start + millis(2600)).failed_percent,
            Some(0.0),
            "ended once"
        );
    }
}
