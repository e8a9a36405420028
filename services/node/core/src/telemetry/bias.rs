//! `telemetry-bias`: a metric is off by a factor. Where there is no reading (NaN) there is still none.

use arena_faults::Params;
use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use super::selection::Selection;
use crate::Chance;

#[derive(Debug)]
pub(super) struct Bias {
    selection: Selection,
    factor: f32,
}

impl Bias {
    pub(super) fn new(params: &Params, selection: Selection) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "at most 1000 %")]
        let factor = params.count("factor") as f32 / 100.0;
        Self { selection, factor }
    }
}

impl Stage for Bias {
    fn pass(&mut self, _now: Timestamp, mut message: Message, _: &Chance) -> Vec<Message> {
        let times = |value: f32| value * self.factor;
        self.selection.change(&mut message, times);
        vec![message]
    }
}
