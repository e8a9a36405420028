//! What every kind of fact shares: merging that forgets order and repetition, limits, and times.

use std::collections::BTreeMap;

use arena_proto::{Numbers, Timestamp};

/// A text in a fact is at most this long: a sentence or three. With the limits on decisions and actions it keeps the
/// largest record well below the 1 MB that a reply may have. The events table keeps the whole text.
const TEXT_BYTES_MAX: usize = 1000;

/// A name in a fact (a rail, a cause, a metric) is at most this long; ours are below 40.
const NAME_BYTES_MAX: usize = 100;
/// Of more numbers those with the least names are kept. A rail decides by a handful.
const NUMBERS_MAX: usize = 16;
/// A number from here on is a whole one anyway, as far as a double tells: there are no decimals to round.
const ROUNDED_MAX: f64 = 1e12;

/// A text as a fact keeps it: bounded, and without control characters, which have no place on a terminal.
pub(crate) fn text(text: &str) -> String {
    cut(text, TEXT_BYTES_MAX)
}

/// A name as a fact keeps it.
pub(crate) fn name(name: &str) -> String {
    cut(name, NAME_BYTES_MAX)
}

fn cut(text: &str, bytes_max: usize) -> String {
    let end = text.floor_char_boundary(bytes_max);
    text[..end].replace(|c: char| c.is_control(), " ")
}

/// A text for a record, where an empty one says nothing.
pub(crate) fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Numbers as a fact keeps them: as text, because a double that went through JSON may come back another one.
pub(crate) fn numbers(numbers: &Numbers) -> BTreeMap<String, String> {
    numbers
        .iter()
        .take(NUMBERS_MAX)
        .map(|(key, number)| (name(key), number.to_string()))
        .collect()
}

/// A number for a record: three decimals at most, because nobody reads the rest of 1.4841030000000002.
pub(crate) fn rounded(value: f64) -> f64 {
    if value.abs() < ROUNDED_MAX {
        (value * 1e3).round() / 1e3
    } else {
        value
    }
}

/// Keeps the greater of two facts under one key.
pub(crate) fn merge<K: Ord, V: Ord>(facts: &mut BTreeMap<K, V>, key: K, fact: V) {
    match facts.entry(key) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(fact);
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            if fact > *entry.get() {
                entry.insert(fact);
            }
        }
    }
}

/// Keeps the lesser; anything is less than nothing.
pub(crate) fn keep_min<T: Ord>(slot: &mut Option<T>, fact: T) {
    if slot.as_ref().is_none_or(|held| fact < *held) {
        *slot = Some(fact);
    }
}

/// Keeps the greater; anything is more than nothing.
pub(crate) fn keep_max<T: Ord>(slot: &mut Option<T>, fact: T) {
    if slot.as_ref().is_none_or(|held| fact > *held) {
        *slot = Some(fact);
    }
}

/// The time between in milliseconds, to the microsecond; zero when the clocks of two senders disagree about the order.
#[must_use]
pub fn millis(from: Timestamp, to: Timestamp) -> f64 {
    rounded(to.saturating_since(from).as_secs_f64() * 1e3)
}

/// A time in a fact: nanoseconds, because RFC 3339 to the millisecond would not come back the same.
pub(crate) mod nanos {
    use arena_proto::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.unix_nanos())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_unix_nanos)
    }
}

/// The same for a time that may not be known.
pub(crate) mod nanos_or_none {
    use arena_proto::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        at.map(Timestamp::unix_nanos).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_unix_nanos))
    }
}
