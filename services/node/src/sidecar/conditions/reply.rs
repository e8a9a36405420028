//! Answers a share of the requests in the place of whom they are for, who never hears of them.

use hyper::StatusCode;

use super::Stopped;
use arena_node_core::Chance;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Of the requests, in percent.
    pub(crate) share: u64,
    /// What they are answered with.
    pub(crate) status: StatusCode,
    /// The body, without the end of its line.
    pub(crate) words: String,
}

impl Reply {
    pub(super) fn takes(&self, chance: &Chance) -> bool {
        chance.takes(self.share)
    }

    pub(super) fn words(&self) -> Stopped {
        Stopped::Answered(self.status, self.words.clone())
    }
}
