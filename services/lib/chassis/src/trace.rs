//! Spans as plain data, and where they go.
//!
//! Our spans are not opened and closed around code: their ids follow from an incident's id and their times come with
//! messages, often from before the process started. So a finished span is handed over whole. It is OpenTelemetry's
//! batch processor that queues (bounded, dropping when full), batches and sends it.
//!
//! Absent on purpose: sampling, context in thread locals, and the bridge from `tracing` spans.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arena_proto::{SpanId, Timestamp, TraceContext};
use opentelemetry::trace::{SpanContext, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};

use crate::export::{Destination, exporter};

/// How long a span may wait for company. Short, so that whoever looks after an incident sees its trace.
/// `OTEL_BSP_SCHEDULE_DELAY` overrides it.
const BATCH_DELAY: Duration = Duration::from_millis(300);

/// How long the last batch may take at the end of the program; a dead endpoint costs no more than this.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// On which side of an exchange a span is, in OpenTelemetry's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work within a component.
    Internal,
    /// Sends a message, and does not wait for its reply within the span.
    Producer,
    /// Processes a message.
    Consumer,
    /// Makes a request and waits for its reply.
    Client,
    /// Answers a request.
    Server,
}

/// A finished span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace, and the span's own id.
    pub context: TraceContext,
    /// The span that this one is a child of; `None` for the root of the trace.
    pub parent: Option<SpanId>,
    /// What was done, of low cardinality: `detect`, `process arena.command`.
    pub name: String,
    /// Its side of an exchange.
    pub kind: SpanKind,
    /// When it began.
    pub start: Timestamp,
    /// When it ended. A time before `start` is taken as `start`.
    pub end: Timestamp,
    /// More about it; keys in OpenTelemetry's dotted style, as `arena.incident.id`.
    pub attributes: Vec<(&'static str, String)>,
    /// Why it failed, in words; `None` when it did not.
    pub error: Option<String>,
}

/// Sends finished spans to an OTLP endpoint, in the background. Cheap to clone; clones share one queue.
///
/// Where no endpoint is set it does nothing, and costs nothing. Its thread starts with the first span.
#[derive(Debug, Clone)]
pub struct Tracer(Option<Arc<Pipeline>>);

#[derive(Debug)]
struct Pipeline {
    /// Taken by the first span.
    exporter: Mutex<Option<SpanExporter>>,
    processor: OnceLock<Option<BatchSpanProcessor>>,
    scope: InstrumentationScope,
}

impl Tracer {
    /// A tracer that drops every span.
    #[must_use]
    pub const fn disabled() -> Self {
        Self(None)
    }

    /// The tracer that the standard `OTEL_*` variables ask for, for the service `arena-<name>`; disabled when no endpoint
    /// is set or `OTEL_SDK_DISABLED` is true. An endpoint that cannot be used is logged, and disables it too.
    #[must_use]
    pub fn from_env(name: &str) -> Self {
        Self::open(&Destination::from_env(), name)
    }

    /// A tracer to an OTLP/HTTP base address such as `http://127.0.0.1:4318`, whatever the environment says.
    #[must_use]
    pub fn to_endpoint(endpoint: &str, name: &str) -> Self {
        Self::open(&Destination::Base(endpoint.to_owned()), name)
    }

    fn open(destination: &Destination, name: &str) -> Self {
        match exporter(destination, name) {
            Ok(None) => Self::disabled(),
            Ok(Some(exporter)) => Self(Some(Arc::new(Pipeline {
                exporter: Mutex::new(Some(exporter)),
                processor: OnceLock::new(),
                scope: InstrumentationScope::builder("arena")
                    .with_version(env!("CARGO_PKG_VERSION"))
                    .build(),
            }))),
            Err(error) => {
                tracing::warn!("traces are off: {error}");
                Self::disabled()
            }
        }
    }

    /// Whether spans go anywhere.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Queues a span. Never blocks; when the queue is full the span is dropped.
    pub fn record(&self, span: Span) {
        let Some(pipeline) = &self.0 else { return };
        if let Some(processor) = pipeline.processor() {
            processor.on_end(pipeline.convert(span));
        }
    }

    /// Sends what is queued and stops, within two seconds. Blocks: call it when the program has ended.
    pub fn shutdown(&self) {
        let started = self
            .0
            .as_ref()
            .and_then(|pipeline| pipeline.processor.get());
        if let Some(Some(processor)) = started
            && let Err(error) = processor.shutdown_with_timeout(FLUSH_TIMEOUT)
        {
            tracing::debug!("the last spans were not sent: {error}");
        }
    }
}

impl Pipeline {
    fn processor(&self) -> Option<&BatchSpanProcessor> {
        let start = || {
            let mut exporter = self.exporter.lock().unwrap_or_else(PoisonError::into_inner);
            let mut config = BatchConfigBuilder::default();
            if std::env::var_os("OTEL_BSP_SCHEDULE_DELAY").is_none() {
                config = config.with_scheduled_delay(BATCH_DELAY);
            }
            Some(BatchSpanProcessor::new(exporter.take()?, config.build()))
        };
        self.processor.get_or_init(start).as_ref()
    }

    fn convert(&self, span: Span) -> SpanData {
        let attributes = span.attributes.into_iter();
        SpanData {
            span_context: SpanContext::new(
                span.context.trace_id.0.into(),
                span.context.span_id.0.into(),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: span.parent.map_or(0, |parent| parent.0).into(),
            // The parent is another component's span, or this one's in another life.
            parent_span_is_remote: span.parent.is_some(),
            span_kind: span.kind.into(),
            name: span.name.into(),
            start_time: system_time(span.start),
            end_time: system_time(span.end.max(span.start)),
            attributes: attributes
                .map(|(key, value)| KeyValue::new(key, value))
                .collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: span.error.map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// Times before the epoch, which no clock of ours gives, are taken as the epoch.
fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(at.unix_nanos()).unwrap_or(0))
}

impl From<SpanKind> for opentelemetry::trace::SpanKind {
    fn from(kind: SpanKind) -> Self {
        match kind {
            SpanKind::Internal => Self::Internal,
            SpanKind::Producer => Self::Producer,
            SpanKind::Consumer => Self::Consumer,
            SpanKind::Client => Self::Client,
            SpanKind::Server => Self::Server,
        }
    }
}
