//! `telemetry-loss`: messages are dropped by chance; their numbers are used up.

use arena_faults::Params;
use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use crate::Chance;

#[derive(Debug)]
pub(super) struct Loss {
    share: u64,
}

impl Loss {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            share: params.count("share"),
        }
    }
}

impl Stage for Loss {
    fn pass(&mut self, _now: Timestamp, message: Message, chance: &Chance) -> Vec<Message> {
        if chance.takes(self.share) {
            return Vec::new();
        }
        vec![message]
    }
}
