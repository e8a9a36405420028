//! `telemetry-duplicate`: by chance a message goes out twice, number and all.

use arena_faults::Params;
use arena_proto::Timestamp;

use super::chance::Chance;
use super::filter::{Message, Stage};

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
    fn pass(&mut self, _now: Timestamp, message: Message, chance: &mut Chance) -> Vec<Message> {
        if chance.percent(self.share) {
            return vec![message.clone(), message];
        }
        vec![message]
    }
}
