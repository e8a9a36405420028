//! Spans of an incident's trace as plain data: the shell hands them to the tracer.

use arena_proto::{CommandId, IncidentId, SpanId, Timestamp, TraceContext};

use crate::Output;
use crate::case::{Case, Stage};
use crate::flight::Flight;

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

/// The name of the span from the first event heard to the first command.
pub const PLAN: &str = "plan";
/// The name of the span from a command to its outcome.
pub const ACT: &str = "act";
/// The name and key of the root span.
const ROOT: &str = "incident";
/// The name of the spans of verification; the key of the last one, the verdict.
pub(crate) const VERIFY: &str = "verify";

/// The key of a command's `act` span.
#[must_use]
pub fn act_key(command: &CommandId) -> String {
    format!("{ACT}.{command}")
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

impl Case {
    /// The span `plan` ends with the first command, or with a verdict before any.
    pub(crate) fn record_planned(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        if !std::mem::replace(&mut self.planned, true) {
            out.push(self.span(PLAN, PLAN.to_owned(), (self.heard_at, now), None));
        }
    }

    /// The verdict: the root span ends with it. A later one, after an escalation, does not end it again.
    pub(crate) fn record_end(
        &mut self,
        now: Timestamp,
        verdict: &str,
        error: Option<String>,
        out: &mut Vec<Output>,
    ) {
        if matches!(self.stage, Stage::Escalated) {
            return;
        }
        self.record_planned(now, out);
        let times = (self.event.first_abnormal_at, now);
        let mut root = self.span(ROOT, ROOT.to_owned(), times, error);
        if let Output::Record(span) = &mut root {
            span.attributes.push(("arena.verdict", verdict.to_owned()));
        }
        out.push(root);
    }

    pub(crate) fn act_span(
        &self,
        flight: &Flight,
        end: Timestamp,
        error: Option<String>,
    ) -> Output {
        let key = act_key(&flight.command_id);
        self.flight_span(ACT, key, flight, (flight.issued_at, end), error)
    }

    pub(crate) fn verify_span(
        &self,
        key: String,
        flight: &Flight,
        start: Timestamp,
        end: Timestamp,
        error: Option<String>,
    ) -> Output {
        self.flight_span(VERIFY, key, flight, (start, end), error)
    }

    fn flight_span(
        &self,
        name: &'static str,
        key: String,
        flight: &Flight,
        times: (Timestamp, Timestamp),
        error: Option<String>,
    ) -> Output {
        let mut output = self.span(name, key, times, error);
        if let Output::Record(span) = &mut output {
            let command = flight.command_id.to_string();
            span.attributes.push(("arena.command", command));
            let action = flight.action.to_string();
            span.attributes.push(("arena.action", action));
            span.attributes
                .push(("arena.target", flight.target.to_string()));
        }
        output
    }

    fn span(
        &self,
        name: &'static str,
        key: String,
        (start, end): (Timestamp, Timestamp),
        error: Option<String>,
    ) -> Output {
        Output::Record(Box::new(Span {
            incident: self.event.id.clone(),
            key,
            name,
            start,
            end: end.max(start),
            attributes: vec![
                ("arena.incident", self.event.id.to_string()),
                ("arena.entity", self.event.entity.to_string()),
                ("arena.symptom", self.event.symptom.clone()),
            ],
            error,
        }))
    }
}
