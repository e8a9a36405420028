//! How much of each list is kept. A page that applies events keeps as much, by the same rule, and so has what a snapshot has.

use arena_proto::Timestamp;

use crate::view::{CommandView, FaultView, IncidentView};

/// Of a list of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of those that are not over, the newest are kept.
    pub open: usize,
    /// Of those that are over, the newest are kept.
    pub over: usize,
}

impl Limits {
    /// An arena with 500 open incidents has one trouble, and it is not to be read line by line. What is over is a screen or two; the
    /// recorder has the rest.
    pub const INCIDENTS: Self = Self {
        open: 500,
        over: 100,
    };
    /// A node takes a handful of faults at a time.
    pub const FAULTS: Self = Self {
        open: 200,
        over: 200,
    };
    /// A command takes seconds.
    pub const COMMANDS: Self = Self {
        open: 200,
        over: 200,
    };
}

/// What a list is ordered and cut by.
pub trait Line {
    /// Which one.
    fn id(&self) -> &str;
    /// When it began.
    fn at(&self) -> Timestamp;
    /// Nothing more is expected of it.
    fn is_over(&self) -> bool;
}

impl Line for IncidentView {
    fn id(&self) -> &str {
        &self.id
    }

    fn at(&self) -> Timestamp {
        self.opened_at
    }

    /// One that was escalated is open: a person is wanted.
    fn is_over(&self) -> bool {
        use arena_proto::IncidentState::{Closed, Resolved};
        matches!(self.state, Resolved | Closed)
    }
}

impl Line for FaultView {
    fn id(&self) -> &str {
        &self.id
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_over(&self) -> bool {
        self.state.is_final()
    }
}

impl Line for CommandView {
    fn id(&self) -> &str {
        &self.id
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_over(&self) -> bool {
        self.state.is_final()
    }
}

/// Orders a list, newest first, and leaves out what is beyond the limits.
pub fn keep<L: Line>(list: &mut Vec<L>, limits: Limits) {
    list.sort_by(|left, right| (right.at(), right.id()).cmp(&(left.at(), left.id())));
    let (mut open, mut over) = (0, 0);
    list.retain(|line| {
        let (count, max) = if line.is_over() {
            (&mut over, limits.over)
        } else {
            (&mut open, limits.open)
        };
        *count += 1;
        *count <= max
    });
}
