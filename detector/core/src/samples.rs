//! The last samples that a signal was judged by: what an incident shows as its evidence.

use std::collections::VecDeque;

use arena_proto::{Reading, Timestamp};

use crate::fleet::number;

/// Readings that are kept of a signal: ten ticks of a rule with one metric, more than its `for` and its `clear_for`.
const READINGS_MAX: usize = 10;

/// Readings of one signal, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    readings: VecDeque<Reading>,
}

impl Samples {
    /// What was read at `at`, comparable with the detector's clock; what has no reading is left out.
    pub(crate) fn push<'a>(
        &mut self,
        at: Timestamp,
        values: impl Iterator<Item = (&'a str, Option<f32>)>,
    ) {
        for (metric, value) in values {
            let Some(value) = value.and_then(number) else {
                continue;
            };
            if self.readings.len() == READINGS_MAX {
                self.readings.pop_front();
            }
            let metric = metric.to_owned();
            self.readings.push_back(Reading { at, metric, value });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.readings.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.readings.clear();
    }

    pub(crate) fn readings(&self) -> Vec<Reading> {
        self.readings.iter().cloned().collect()
    }
}
