//! `telemetry-reorder`: messages are gathered, and leave in a random order, one as another comes. While they are gathered every
//! second one still brings one out: a pause would be another fault.

use std::collections::VecDeque;

use arena_faults::Params;
use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use crate::Chance;

/// One that so many windows of messages have come after leaves next: late, and not lost.
const WINDOWS_LATE_MAX: usize = 2;

#[derive(Debug)]
pub(super) struct Reorder {
    window: usize,
    /// As they came, each with how many had come before it.
    held: VecDeque<(usize, Message)>,
    come: usize,
}

impl Reorder {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            window: usize::try_from(params.count("window")).unwrap_or(usize::MAX),
            held: VecDeque::new(),
            come: 0,
        }
    }
}

impl Stage for Reorder {
    fn pass(&mut self, _now: Timestamp, message: Message, chance: &Chance) -> Vec<Message> {
        self.held.push_back((self.come, message));
        self.come = self.come.wrapping_add(1);
        if self.held.len() < self.window && self.come % 2 == 1 {
            return Vec::new();
        }
        let late = |came: usize| self.come.wrapping_sub(came) > WINDOWS_LATE_MAX * self.window;
        let is_late = self.held.front().is_some_and(|(came, _)| late(*came));
        let next = if is_late {
            0
        } else {
            chance.one_of(self.held.len())
        };
        let leaves = self.held.remove(next);
        leaves.map(|(_, message)| message).into_iter().collect()
    }

    fn end(&mut self) -> Vec<Message> {
        let held = self.held.drain(..);
        held.map(|(_, message)| message).collect()
    }
}
