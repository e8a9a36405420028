//! How a run went, for the eye: who was hurt, found, acted on, and when.

/// Something that lasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What it was.
    pub lane: Lane,
    /// What and where, in words.
    pub label: String,
    /// Since when, from the first fault on; what was before is 0.
    pub from_ms: u64,
    /// Until when; what did not end does so with the run.
    pub to_ms: u64,
}

/// What lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A fault, while it was in effect.
    Fault,
    /// An incident, while it was open.
    Incident,
    /// An action, while it was done.
    Action,
}

impl Lane {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Incident => "incident",
            Self::Action => "action",
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Course {
    /// By time.
    pub spans: Vec<Span>,
    /// Users were well for good since then, from the first fault on.
    pub healed_ms: Option<u64>,
    /// The run's end, from the first fault on.
    pub end_ms: u64,
}
