//! What a window on the arena shows, and which actions it may offer: the words and the JSON that the command line and the
//! gateway have in common. Pure.
//!
//! Absent on purpose: asking for anything (`arena-operator` does, over the bus), layout and colour (the window's own).
//! What is serialised here is a contract with scripts: fields are added, never renamed.

pub mod action;
pub mod control;
pub mod faults;
pub mod question;
pub mod status;

use arena_proto::Timestamp;

/// Does an agent or a component answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It does.
    Answers,
    /// It does not: what it last wrote is not what is.
    Silent {
        /// When it answered last; `None` where nobody was listening before.
        since: Option<Timestamp>,
    },
}

impl Liveness {
    /// Does it answer?
    #[must_use]
    pub const fn answers(self) -> bool {
        matches!(self, Self::Answers)
    }

    /// Since when nobody knows how it is; `None` when it answers, and when nobody can say that either.
    #[must_use]
    pub const fn unknown_since(self) -> Option<Timestamp> {
        match self {
            Self::Answers => None,
            Self::Silent { since } => since,
        }
    }
}
