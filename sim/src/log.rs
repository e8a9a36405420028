//! The event log of a run: one canonical JSON line an event, and the SHA-256 over all of them.
//!
//! Absent on purpose: files (the command line's), and what an event is (`hosts::recorder`). Invariant: the hash is of the lines, each with
//! its newline, whether they are kept or not; so `sha256sum` of the written file says the same.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What is kept of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Its hash.
    #[default]
    Hash,
    /// Its lines, too.
    Full,
}

/// The log while it is written.
#[derive(Debug, Clone)]
pub struct Log {
    level: LogLevel,
    hasher: Sha256,
    events: u64,
    lines: Vec<String>,
}

impl Log {
    /// Nothing happened yet.
    #[must_use]
    pub fn new(level: LogLevel) -> Self {
        Self {
            level,
            hasher: Sha256::new(),
            events: 0,
            lines: Vec::new(),
        }
    }

    /// Adds an event; the line has no newline in it.
    pub fn push(&mut self, line: &str) {
        self.hasher.update(line.as_bytes());
        self.hasher.update(b"\n");
        self.events += 1;
        if self.level == LogLevel::Full {
            self.lines.push(line.to_owned());
        }
    }

    /// How many events there are so far.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The log as it stands.
    #[must_use]
    pub fn finish(self) -> EventLog {
        let mut sha256 = String::with_capacity(64);
        for byte in self.hasher.finalize() {
            // Writing to a string does not fail.
            let _ = write!(sha256, "{byte:02x}");
        }
        EventLog {
            sha256,
            events: self.events,
            lines: self.lines,
        }
    }
}

/// A finished log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLog {
    /// Over all lines, in hexadecimal.
    pub sha256: String,
    /// How many.
    pub events: u64,
    /// The lines themselves, with [`LogLevel::Full`].
    pub lines: Vec<String>,
}

/// The first event in which two logs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its number, from 1.
    pub number: u64,
    /// What the one has there; `None`: it ended before.
    pub left: Option<String>,
    /// What the other has there.
    pub right: Option<String>,
}

/// Compares two logs line by line; `None`: they are the same.
pub fn first_difference<'a>(
    left: impl IntoIterator<Item = &'a str>,
    right: impl IntoIterator<Item = &'a str>,
) -> Option<Difference> {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    let mut number = 0;
    loop {
        number += 1;
        match (left.next(), right.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => {
                return Some(Difference {
                    number,
                    left: one.map(str::to_owned),
                    right: other.map(str::to_owned),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_file_with_or_without_the_lines() {
        let write = |level| {
            let mut log = Log::new(level);
            log.push("{\"a\":1}");
            log.push("{\"b\":2}");
            log.finish()
        };
        let (hash, full) = (write(LogLevel::Hash), write(LogLevel::Full));
        assert_eq!(hash.sha256, full.sha256);
        assert_eq!((hash.lines.len(), full.lines.len()), (0, 2));
        // printf '{"a":1}\n{"b":2}\n' | sha256sum
        expect_test::expect!["3881dc2ee848fe04d776737c86afbc783e482e7c5be6431d3aab36fa8fa2c928"]
            .assert_eq(&full.sha256);
    }

    #[test]
    fn the_first_difference_is_named_with_both_lines() {
        assert_eq!(first_difference(["a", "b"], ["a", "b"]), None);
        let found = first_difference(["a", "b"], ["a", "c"]).unwrap();
        assert_eq!((found.number, found.left.as_deref()), (2, Some("b")));
        let shorter = first_difference(["a", "b"], ["a"]).unwrap();
        assert_eq!((shorter.number, shorter.right), (2, None));
    }
}
