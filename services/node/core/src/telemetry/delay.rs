//! `telemetry-delay`: every message waits.

use std::collections::VecDeque;
use std::time::Duration;

use arena_faults::Params;
use arena_proto::Timestamp;

use super::filter::{Message, Stage};
use crate::Chance;

/// Messages that wait at most; beyond it the oldest goes at once. Eight times what the longest delay of 30 s holds at a message a
/// second; the rest is for services that change their state over and over.
const HELD_MAX: usize = 256;

#[derive(Debug)]
pub(super) struct Delay {
    delay: Duration,
    /// Oldest first, each with the time at which it goes out.
    held: VecDeque<(Timestamp, Message)>,
}

impl Delay {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            delay: params.duration("delay"),
            held: VecDeque::new(),
        }
    }
}

impl Stage for Delay {
    fn pass(&mut self, now: Timestamp, message: Message, _chance: &Chance) -> Vec<Message> {
        self.held.push_back((now + self.delay, message));
        let excess = self.held.len().saturating_sub(HELD_MAX);
        let released = self.held.drain(..excess);
        released.map(|(_, message)| message).collect()
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        self.held.front().map(|(at, _)| *at)
    }

    fn wake(&mut self, now: Timestamp) -> Vec<Message> {
        let due = self.held.iter().take_while(|(at, _)| *at <= now).count();
        let released = self.held.drain(..due);
        released.map(|(_, message)| message).collect()
    }

    fn end(&mut self) -> Vec<Message> {
        let released = self.held.drain(..);
        released.map(|(_, message)| message).collect()
    }
}
