//! Telemetry rolled up: of each series and bucket the count, least, greatest, sum and last reading.
//!
//! Buckets go by the time of arrival, not by the node's clock: a node whose clock is wrong must not lose its history,
//! and telemetry is live, so that the two differ by milliseconds. A bucket is in memory until it closes; what the bus
//! lost on the way is missing from its `count`.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{Entity, Schema, Telemetry, Timestamp};

/// The length of a bucket: ten samples at the tick of one second, and a day of them is 8640.
pub const BUCKET: Duration = Duration::from_secs(10);

/// Series that are rolled up; readings of more are counted as dropped. About 50 MB at the limit; the default arena has
/// fewer than 200.
pub const SERIES_MAX: usize = 200_000;

/// One metric of one entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Whose.
    pub entity: Entity,
    /// Which; the unit is last in its name.
    pub metric: String,
}

/// What a bucket says about one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Readings in the bucket, 1 or more.
    pub count: i64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// All added up: `sum / count` is the mean.
    pub sum: f64,
    /// The one that came last.
    pub last: f64,
}

impl Reading {
    /// One reading.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self {
            count: 1,
            min: value,
            max: value,
            sum: value,
            last: value,
        }
    }

    /// This, followed by `later`.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        Self {
            count: self.count.saturating_add(later.count),
            min: self.min.min(later.min),
            max: self.max.max(later.max),
            sum: self.sum + later.sum,
            last: later.last,
        }
    }
}

/// A closed bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollup {
    /// Its begin, a multiple of [`BUCKET`] since the Unix epoch.
    pub start: Timestamp,
    /// What it says about each series that had a reading.
    pub readings: BTreeMap<Series, Reading>,
}

/// The open bucket.
#[derive(Debug, Default)]
pub struct Rollups {
    start: Timestamp,
    readings: BTreeMap<Series, Reading>,
    dropped: u64,
}

impl Rollups {
    /// Takes one message that arrived at `now`; gives the bucket that this closed, if it did.
    pub fn observe(
        &mut self,
        now: Timestamp,
        telemetry: &Telemetry,
        schema: &Schema,
    ) -> Option<Rollup> {
        let closed = self.close(now);
        if self.readings.is_empty() {
            self.start = bucket_start(now);
        }
        for (column, value) in schema.columns.iter().zip(&telemetry.values) {
            // NaN says "no reading"; an infinity is no reading either, and would spoil the sum.
            if !value.is_finite() {
                continue;
            }
            let series = Series {
                entity: schema.entity(column),
                metric: column.metric.clone(),
            };
            let reading = Reading::of(f64::from(*value));
            if let Some(held) = self.readings.get_mut(&series) {
                *held = held.then(reading);
            } else if self.readings.len() < SERIES_MAX {
                self.readings.insert(series, reading);
            } else {
                self.dropped += 1;
            }
        }
        closed
    }

    /// Gives the bucket if its time is over at `now`. A clock that went back closes it too.
    pub fn close(&mut self, now: Timestamp) -> Option<Rollup> {
        (bucket_start(now) != self.start)
            .then(|| self.take())
            .flatten()
    }

    /// Gives what there is of the bucket, for a recorder that stops.
    pub fn take(&mut self) -> Option<Rollup> {
        if self.readings.is_empty() {
            return None;
        }
        Some(Rollup {
            start: self.start,
            readings: std::mem::take(&mut self.readings),
        })
    }

    /// When [`Rollups::close`] has something to give; `None` while there is nothing.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        (!self.readings.is_empty()).then(|| self.start + BUCKET)
    }

    /// Readings beyond [`SERIES_MAX`], since the start.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn bucket_start(at: Timestamp) -> Timestamp {
    let length = i64::try_from(BUCKET.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_unix_nanos(at.unix_nanos().div_euclid(length).saturating_mul(length))
}
