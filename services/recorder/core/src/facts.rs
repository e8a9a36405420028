//! What every kind of fact shares: merging that forgets order and repetition, limits, and times.

use std::collections::BTreeMap;

use arena_proto::Timestamp;

/// A text in a fact is at most this long: a sentence or three. With the limits on decisions and actions it keeps the
/// largest record well below the 1 MB that a reply may have. The events table keeps the whole text.
const TEXT_BYTES_MAX: usize = 1000;

/// A text as a fact keeps it: bounded, and without control characters, which have no place on a terminal.
pub(crate) fn text(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text[..end].replace(|c: char| c.is_control(), " ")
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

/// The time between in milliseconds; zero when the clocks of two senders disagree about the order.
pub(crate) fn millis(from: Timestamp, to: Timestamp) -> f64 {
    to.saturating_since(from).as_secs_f64() * 1e3
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
