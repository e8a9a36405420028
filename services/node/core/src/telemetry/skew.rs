//! `telemetry-skew`: the node's clock is wrong, and with it every time that its telemetry tells.

use std::sync::Arc;
use std::time::Duration;

use arena_faults::Params;
use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use crate::Chance;

#[derive(Debug)]
pub(super) struct Skew {
    offset: Duration,
    behind: bool,
}

impl Skew {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            offset: params.duration("offset"),
            behind: params.word("direction") == "behind",
        }
    }

    fn of(&self, time: Timestamp) -> Timestamp {
        if self.behind {
            time - self.offset
        } else {
            time + self.offset
        }
    }
}

impl Stage for Skew {
    fn pass(&mut self, _now: Timestamp, mut message: Message, _: &Chance) -> Vec<Message> {
        let telemetry = &mut message.telemetry;
        telemetry.time = self.of(telemetry.time);
        for service in Arc::make_mut(&mut telemetry.services) {
            service.since = self.of(service.since);
        }
        vec![message]
    }
}
