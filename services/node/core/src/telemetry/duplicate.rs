//! `telemetry-duplicate`: by chance a message goes out twice, number and all.

use arena_faults::Params;
use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use crate::Chance;

#[derive(Debug)]
pub(super) struct Duplicate {
    share: u64,
}

impl Duplicate {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            share: params.count("share"),
        }
    }
}

impl Stage for Duplicate {
    fn pass(&mut self, _now: Timestamp, message: Message, chance: &Chance) -> Vec<Message> {
        if chance.takes(self.share) {
            return vec![message.clone(), message];
        }
        vec![message]
    }
}
