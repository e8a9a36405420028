//! Points in time, as nanoseconds since the Unix epoch. Nothing here reads a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::wire::DecodeError;

/// Nanoseconds since the Unix epoch; from 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Reads RFC 3339, in any time zone; `None` when it is none, or outside of what can be told.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?;
        time.timestamp_nanos_opt().map(Self)
    }

    /// The time from `earlier` to this, zero when `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub(crate) fn to_wire(self) -> pbjson_types::Timestamp {
        let nanos = i32::try_from(self.0.rem_euclid(1_000_000_000)).unwrap_or(0);
        pbjson_types::Timestamp {
            seconds: self.0.div_euclid(1_000_000_000),
            nanos,
        }
    }

    pub(crate) fn from_wire(
        wire: Option<&pbjson_types::Timestamp>,
        field: &'static str,
    ) -> Result<Self, DecodeError> {
        Self::from_wire_or_none(wire, field)?.ok_or(DecodeError::Missing { field })
    }

    pub(crate) fn from_wire_or_none(
        wire: Option<&pbjson_types::Timestamp>,
        field: &'static str,
    ) -> Result<Option<Self>, DecodeError> {
        wire.map(|wire| {
            wire.seconds
                .checked_mul(1_000_000_000)
                .and_then(|nanos| nanos.checked_add(i64::from(wire.nanos)))
                .filter(|_| (0..1_000_000_000).contains(&wire.nanos))
                .map(Self)
                .ok_or(DecodeError::OutOfRange {
                    field,
                    range: "a time between 1677 and 2262",
                })
        })
        .transpose()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time: DateTime<Utc> = DateTime::from_timestamp_nanos(self.0);
        f.pad(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads RFC 3339.
impl std::str::FromStr for Timestamp {
    type Err = DecodeError;

    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let nanos = DateTime::parse_from_rfc3339(text).ok();
        let nanos = nanos.and_then(|time| time.timestamp_nanos_opt());
        nanos.map(Self).ok_or(DecodeError::OutOfRange {
            field: "time",
            range: "RFC 3339, between 1677 and 2262",
        })
    }
}

/// Reads RFC 3339.
impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

pub(crate) fn duration_to_wire(duration: Duration) -> pbjson_types::Duration {
    pbjson_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

pub(crate) fn duration_from_wire(
    wire: Option<&pbjson_types::Duration>,
    field: &'static str,
) -> Result<Option<Duration>, DecodeError> {
    wire.map(|wire| {
        let seconds = u64::try_from(wire.seconds).ok();
        let nanos = u32::try_from(wire.nanos)
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000);
        seconds
            .zip(nanos)
            .map(|(seconds, nanos)| Duration::new(seconds, nanos))
            .ok_or(DecodeError::OutOfRange {
                field,
                range: "a duration of zero or more",
            })
    })
    .transpose()
}
