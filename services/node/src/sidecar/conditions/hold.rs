//! Holds a share of the requests for a while: a network delay, a stall, a service that is slow now and then.

use std::time::Duration;

use arena_node_core::Chance;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    /// Of the requests, in percent.
    pub(crate) share: u64,
    /// How long they wait.
    pub(crate) latency: Duration,
    /// Up to this much more or less.
    pub(crate) jitter: Duration,
}

impl Hold {
    /// For how long the next request is held, if it is.
    pub(super) fn of(self, chance: &Chance) -> Option<Duration> {
        chance
            .takes(self.share)
            .then(|| chance.around(self.latency, self.jitter))
    }
}
