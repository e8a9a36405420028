//! Cuts a share of the requests off: their connections are closed without an answer.

use arena_node_core::Chance;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Of the requests, in percent.
    pub(crate) share: u64,
}

impl Cut {
    pub(super) fn takes(self, chance: &Chance) -> bool {
        chance.takes(self.share)
    }
}
