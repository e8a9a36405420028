//! Durations as people write them: "200ms", "1s", "1m 30s". For `#[serde(with = "arena_config::duration")]`.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer};

/// Reads "200ms".
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(serde::de::Error::custom)
}

/// Writes "200ms".
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&humantime::format_duration(*duration))
}

/// Reads "200ms"; the error says how a duration is written.
pub fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("{text:?} is not a duration: write a number and a unit, as in \"200ms\", \"1s\" or \"5m\""))
}

/// The same for `Option<Duration>`; use it with `#[serde(default)]`.
pub mod optional {
    use std::time::Duration;

    use serde::Deserializer;

    /// Reads "200ms".
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}
