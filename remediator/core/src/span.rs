//! Spans of an incident's trace as plain data: the shell hands them to the tracer.

use arena_proto::{CommandId, IncidentId, SpanId, Timestamp, TraceContext};

/// A finished span. Its ids follow from the incident and its key, so that recording it again names the same span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Whose trace.
    pub incident: IncidentId,
    /// What tells it from the other spans of the trace.
    pub key: String,
    /// `incident`, `plan`, `act` or `verify`.
    pub name: &'static str,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// More about it.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed; `None` when it did not.
    pub error: Option<String>,
}

/// The name and key of the root span.
pub(crate) const ROOT: &str = "incident";
/// The name of the spans of verification; the key of the last one, the verdict.
pub(crate) const VERIFY: &str = "verify";

/// The key of a command's `act` span.
#[must_use]
pub fn act_key(command: &CommandId) -> String {
    format!("act.{command}")
}

impl Span {
    /// The trace and the span's own id.
    #[must_use]
    pub fn context(&self) -> TraceContext {
        TraceContext::of(&self.incident, &self.key)
    }

    /// The root of the trace, for every span but the root.
    #[must_use]
    pub fn parent(&self) -> Option<SpanId> {
        (self.key != ROOT).then(|| SpanId::root(&self.incident))
    }
}
