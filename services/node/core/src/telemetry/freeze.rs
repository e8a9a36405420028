//! `telemetry-freeze`: every message has the values of the last one before the fault. The services' states are told as they are,
//! and a message of states only stays one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_proto::{Column, Schema, Timestamp};

use super::filter::{Message, Stage};
use crate::Chance;

#[derive(Debug)]
pub(super) struct Freeze {
    /// What stands still; `None` until there is a message with values.
    frozen: Option<(Arc<Schema>, Vec<f32>)>,
}

impl Freeze {
    /// `latest`: the values of the last message that had some; without one the next has them.
    pub(super) const fn new(latest: Option<(Arc<Schema>, Vec<f32>)>) -> Self {
        Self { frozen: latest }
    }
}

impl Stage for Freeze {
    fn pass(&mut self, _now: Timestamp, mut message: Message, _: &Chance) -> Vec<Message> {
        let values = &mut message.telemetry.values;
        if !values.is_empty() {
            let (schema, frozen) = self
                .frozen
                .get_or_insert_with(|| (Arc::clone(&message.schema), values.clone()));
            if *schema != message.schema {
                *frozen = moved(schema, frozen, &message.schema);
                *schema = Arc::clone(&message.schema);
            }
            values.clone_from(frozen);
        }
        vec![message]
    }
}

/// The same values in the columns of another schema; a column that was not there has no reading.
fn moved(from: &Schema, values: &[f32], to: &Schema) -> Vec<f32> {
    let known: BTreeMap<&Column, f32> = from.columns.iter().zip(values.iter().copied()).collect();
    let columns = to.columns.iter();
    columns
        .map(|column| known.get(column).copied().unwrap_or(f32::NAN))
        .collect()
}
