//! What a bucket holds: one value a key, each write with the next revision.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::Timestamp;

use super::{Bucket, Message, Refusal};

/// What was last written under a key.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) revision: u64,
    pub(super) at: Timestamp,
    /// `None`: it was removed.
    pub(super) message: Option<Message>,
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    /// The revision of the key; 0: nothing is there.
    pub(super) key: u64,
    /// The revision of the whole bucket.
    pub(super) bucket: Option<u64>,
}

/// A bucket.
#[derive(Debug)]
pub(super) struct Values {
    entries: BTreeMap<String, Entry>,
    last: u64,
    max_age: Option<Duration>,
}

impl Values {
    pub(super) const fn of(bucket: Bucket) -> Self {
        Self {
            entries: BTreeMap::new(),
            last: 0,
            max_age: bucket.max_age(),
        }
    }

    /// Writes, or removes; gives the revision.
    pub(super) fn put(
        &mut self,
        now: Timestamp,
        key: &str,
        message: Option<Message>,
        condition: Option<Condition>,
    ) -> Result<u64, Refusal> {
        let found = self.entry(now, key).map_or(0, |entry| entry.revision);
        if let Some(condition) = condition
            && (condition.key != found || condition.bucket.is_some_and(|last| last != self.last))
        {
            return Err(Refusal::WrongRevision);
        }
        self.last += 1;
        let entry = Entry {
            revision: self.last,
            at: now,
            message,
        };
        self.entries.insert(key.to_owned(), entry);
        Ok(self.last)
    }

    /// What is under a key and has not run out, removals too.
    pub(super) fn entry(&self, now: Timestamp, key: &str) -> Option<&Entry> {
        self.entries
            .get(key)
            .filter(|entry| self.is_there(now, entry))
    }

    fn is_there(&self, now: Timestamp, entry: &Entry) -> bool {
        self.max_age.is_none_or(|age| now < entry.at + age)
    }

    /// The revision of the last write.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }

    /// What is there now, removals too, in the order of the writes.
    pub(super) fn written(&self, now: Timestamp) -> Vec<(&str, &Entry)> {
        let entries = self
            .entries
            .iter()
            .map(|(key, entry)| (key.as_str(), entry));
        let mut there: Vec<_> = entries
            .filter(|(_, entry)| self.is_there(now, entry))
            .collect();
        there.sort_by_key(|(_, entry)| entry.revision);
        there
    }

    pub(super) fn present(&self, now: Timestamp) -> impl Iterator<Item = (&str, u64, &Message)> {
        self.entries
            .iter()
            .filter(move |(_, entry)| self.is_there(now, entry))
            .filter_map(|(key, entry)| {
                let message = entry.message.as_ref()?;
                Some((key.as_str(), entry.revision, message))
            })
    }
}
