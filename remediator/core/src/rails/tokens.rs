//! How many actions in all: a bucket that fills with time. Rebuilt after a restart from the plans that acted.

use std::time::Duration;

use arena_proto::{Number, Timestamp};

use super::{Rail, Refusal, numbers, seconds};
use crate::words::say;

/// One action is earned in this time: actions that are needed more often for long do not help.
const ACTION_EARNED_IN: Duration = Duration::from_secs(1);
/// How many actions may be saved up: what a node with a dozen services that died at once needs is there.
const ACTIONS_SAVED_MAX: u32 = 12;

/// What is saved up, as the time that it takes to earn it.
#[derive(Debug)]
pub(super) struct Tokens {
    saved: Duration,
    saved_at: Timestamp,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            saved: ACTION_EARNED_IN * ACTIONS_SAVED_MAX,
            saved_at: Timestamp::EPOCH,
        }
    }
}

impl Tokens {
    /// May one more action be taken?
    pub(super) fn check(&mut self, now: Timestamp) -> Result<(), Refusal> {
        self.earn(now);
        if self.saved >= ACTION_EARNED_IN {
            return Ok(());
        }
        let left = ACTION_EARNED_IN.saturating_sub(self.saved);
        let sentence = format!(
            "{ACTIONS_SAVED_MAX} actions at once and one more every {} is the limit; the next is earned in {}",
            say(ACTION_EARNED_IN),
            say(left)
        );
        Err(Refusal {
            numbers: numbers([
                ("actions_max", Number::from(ACTIONS_SAVED_MAX)),
                ("next_in_s", seconds(left)),
            ]),
            retry_at: Some(now + left),
            ..Refusal::new(Rail::Tokens, sentence)
        })
    }

    /// An action is taken.
    pub(super) fn spend(&mut self, now: Timestamp) {
        self.earn(now);
        self.saved = self.saved.saturating_sub(ACTION_EARNED_IN);
    }

    fn earn(&mut self, now: Timestamp) {
        let earned = self.saved + now.saturating_since(self.saved_at);
        self.saved = earned.min(ACTION_EARNED_IN * ACTIONS_SAVED_MAX);
        self.saved_at = self.saved_at.max(now);
    }
}
