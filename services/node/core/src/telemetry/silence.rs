//! `node-silent`: nothing gets out, as when the node's link to the bus is cut; numbers are used up. The status is held back by its
//! writer, which asks [`super::TelemetryFaults::silenced`].

use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use crate::Chance;

#[derive(Debug)]
pub(super) struct Silence;

impl Stage for Silence {
    fn pass(&mut self, _now: Timestamp, _message: Message, _: &Chance) -> Vec<Message> {
        Vec::new()
    }
}
