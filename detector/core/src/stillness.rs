//! A node whose readings stand still while its messages go on: nothing there can be judged by its values.
//!
//! What a machine is measured by (CPU, memory, load, network) never stays the same to the last bit for long. So this is only
//! asked of a node that tells enough of that, and of all its columns together.

use arena_proto::{Schema, Telemetry};

use crate::signal::Reading;

pub(crate) const TELEMETRY_FROZEN: &str = "telemetry_frozen";

/// Readings of the node itself that have to be there: fewer may well stand still on a machine at rest.
const OWN_READINGS_MIN: usize = 4;

/// So many messages in a row with the same values are no chance: already two are rare.
const SAME_MAX: u32 = 10;

/// Since how many messages a node's values have been the same.
#[derive(Debug)]
pub(crate) struct Stillness {
    /// The columns of the node itself.
    own: Vec<usize>,
    same: u32,
}

impl Stillness {
    pub(crate) fn new(schema: &Schema) -> Self {
        let columns = schema.columns.iter().enumerate();
        let own = columns.filter(|(_, column)| column.service.is_none());
        Self {
            own: own.map(|(at, _)| at).collect(),
            same: 0,
        }
    }

    /// The values of a message, and those of the one before it that had any.
    pub(crate) fn take(&mut self, before: &[f32], telemetry: &Telemetry) {
        let values = &telemetry.values;
        let reads = |at: &&usize| values.get(**at).is_some_and(|value| !value.is_nan());
        let to_the_bit = |(one, other): (&f32, &f32)| one.to_bits() == other.to_bits();
        let same = before.len() == values.len()
            && before.iter().zip(values).all(to_the_bit)
            && self.own.iter().filter(reads).count() >= OWN_READINGS_MIN;
        self.same = if same { self.same.saturating_add(1) } else { 0 };
    }

    /// The last values were others than those before them.
    pub(crate) fn moves(&self) -> bool {
        self.same == 0
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.same >= SAME_MAX
    }

    /// What a message with these values says; `None` when it tells of states only.
    pub(crate) fn reading(&self, values: &[f32]) -> Option<Reading> {
        let reading = if self.is_frozen() {
            Reading::Abnormal
        } else {
            Reading::Healthy
        };
        Some(reading).filter(|_| !values.is_empty())
    }

    /// In words, for the symptom.
    pub(crate) fn in_words(&self) -> String {
        if self.is_frozen() {
            format!("the same values in {} messages in a row", self.same + 1)
        } else {
            "its values change".to_owned()
        }
    }
}
