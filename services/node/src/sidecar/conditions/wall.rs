//! Lets nothing through, as when packets vanish: what comes is held until its caller gives up, its time is over, or the wall
//! is gone.
//!
//! What passed before the wall stood is answered all the same.

/// Whom it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wall {
    /// Everybody.
    Closed,
    /// Who comes from another node, or goes to one.
    AroundNode,
}

impl Wall {
    pub(super) const fn stands_before_all(self) -> bool {
        matches!(self, Self::Closed)
    }

    pub(super) const fn stands_between(self, elsewhere: bool) -> bool {
        matches!(self, Self::AroundNode) && elsewhere
    }
}
