//! Values that are in effect until a time each, by the id of their fault.
//!
//! Reads no clock: each call is told the time.

use std::collections::BTreeMap;
use std::time::Instant;

/// The values.
#[derive(Debug)]
pub(crate) struct Timed<T>(BTreeMap<String, Entry<T>>);

#[derive(Debug)]
struct Entry<T> {
    value: T,
    ends_at: Instant,
}

impl<T> Default for Timed<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Timed<T> {
    /// Puts a value into effect until `ends_at`; one with the same id is replaced.
    pub(crate) fn insert(&mut self, id: &str, value: T, ends_at: Instant) {
        self.0.insert(id.to_owned(), Entry { value, ends_at });
    }

    /// Ends a value; one that is not there has ended.
    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// It is in effect.
    pub(crate) fn contains(&self, id: &str, now: Instant) -> bool {
        self.0.get(id).is_some_and(|entry| now < entry.ends_at)
    }

    /// What is in effect, each with its end, by id; what has ended is forgotten.
    pub(crate) fn live(&mut self, now: Instant) -> impl Iterator<Item = (&mut T, Instant)> {
        self.0.retain(|_, entry| now < entry.ends_at);
        self.0
            .values_mut()
            .map(|entry| (&mut entry.value, entry.ends_at))
    }
}
