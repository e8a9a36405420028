//! `telemetry-forge`: a metric lies, also where there is no reading.

use arena_faults::Params;
use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use super::selection::Selection;
use crate::Chance;

#[derive(Debug)]
pub(super) struct Forge {
    selection: Selection,
    value: f32,
}

impl Forge {
    pub(super) fn new(params: &Params, selection: Selection) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "samples travel as f32")]
        let value = params.count("value") as f32;
        Self { selection, value }
    }
}

impl Stage for Forge {
    fn pass(&mut self, _now: Timestamp, mut message: Message, _: &Chance) -> Vec<Message> {
        self.selection.change(&mut message, |_| self.value);
        vec![message]
    }
}
