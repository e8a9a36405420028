//! Rubbish: counted by family, told once a kind, and never anybody's end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use arena_proto::DecodeError;

use crate::subject::Family;

/// How many messages of each family were refused, by the family's name.
pub type RejectedCounts = BTreeMap<&'static str, u64>;

#[derive(Debug, Default)]
pub(crate) struct Rejected {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: RejectedCounts,
    /// Kinds are words of this program, so this stays small whatever arrives.
    told: BTreeSet<(Family, &'static str)>,
}

impl Rejected {
    /// Counts a refused message, and logs it if it is the first of its kind.
    pub(crate) fn count(&self, family: Family, subject: &str, why: &DecodeError) {
        self.count_kind(family, subject, kind(why), &why.to_string());
    }

    pub(crate) fn count_kind(&self, family: Family, subject: &str, kind: &'static str, why: &str) {
        // A panic elsewhere cannot leave the counters half written.
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *state.counts.entry(family.as_str()).or_default() += 1;
        if state.told.insert((family, kind)) {
            tracing::warn!(
                subject,
                kind,
                "refused a message, and others like it from now on: {why}"
            );
        }
    }

    pub(crate) fn counts(&self) -> RejectedCounts {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .counts
            .clone()
    }
}

const fn kind(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::Protobuf { .. } => "protobuf",
        DecodeError::Json { .. } => "json",
        DecodeError::Missing { .. } => "missing field",
        DecodeError::MissingWord { .. } => "missing word",
        DecodeError::UnknownWord { .. } | DecodeError::UnknownText { .. } => "unknown word",
        DecodeError::OutOfRange { .. } => "out of range",
        DecodeError::Name { .. } => "bad name",
        DecodeError::WrongSubject { .. } => "wrong subject",
        DecodeError::TooLarge { .. } => "too large",
    }
}
