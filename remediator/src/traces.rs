//! The core's spans as the tracer takes them, and the trace context of what is published.

use arena_chassis::{Span, SpanKind};
use arena_proto::{Command, Plan, Timestamp, TraceContext};
use arena_remediator_core as core;

/// A plan carries the root of its incident's trace.
pub(crate) fn of_plan(plan: &Plan) -> TraceContext {
    TraceContext::root(&plan.incident_id)
}

/// A command carries its `act` span, so that what the node does stands under it.
pub(crate) fn of_command(command: &Command) -> Option<TraceContext> {
    let incident = command.incident_id.as_ref()?;
    Some(TraceContext::of(incident, &core::act_key(&command.id)))
}

/// A finished span, `now` that all that was published before it is stored.
pub(crate) fn span(span: core::Span, now: Timestamp) -> Span {
    // The core decides in no time; what planning took is known when its command is stored.
    let end = if span.name == core::PLAN {
        span.end.max(now)
    } else {
        span.end
    };
    Span {
        context: span.context(),
        parent: span.parent(),
        kind: if span.name == core::ACT {
            SpanKind::Producer
        } else {
            SpanKind::Internal
        },
        name: span.name.to_owned(),
        start: span.start,
        end,
        attributes: span.attributes,
        error: span.error,
    }
}
