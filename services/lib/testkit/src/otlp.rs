//! A real OTLP/HTTP receiver, to see the spans that a program exports.
//!
//! Absent on purpose: gRPC, metrics and logs; nothing of ours sends them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use arena_proto::{SpanId, Timestamp, TraceId};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, status};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

/// A span as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedSpan {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The span's parent; `None` for a root.
    pub parent: Option<SpanId>,
    /// What was done.
    pub name: String,
    /// Its side of an exchange.
    pub kind: SpanKind,
    /// When it began.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// `service.name` of its resource.
    pub service: String,
    /// Text attributes of the span.
    pub attributes: BTreeMap<String, String>,
    /// Text attributes of its resource.
    pub resource: BTreeMap<String, String>,
    /// Why it failed; `None` when it did not.
    pub error: Option<String>,
}

type Spans = Arc<Mutex<Vec<ReceivedSpan>>>;

/// A receiver on a free port of loopback; it ends when dropped.
#[derive(Debug)]
pub struct OtlpReceiver {
    endpoint: String,
    spans: Spans,
    server: JoinHandle<()>,
}

impl OtlpReceiver {
    /// Starts to receive, on the runtime of the caller.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot bind an OTLP receiver")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let spans = Spans::default();
        let router = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(Arc::clone(&spans));
        let server = tokio::spawn(async move {
            // Ends with the task only: axum retries what accept() can return.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            endpoint,
            spans,
            server,
        })
    }

    /// What to set `OTEL_EXPORTER_OTLP_ENDPOINT` to.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Every span so far, in order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(spans): State<Spans>, body: Bytes) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut received = Vec::new();
    for of_resource in request.resource_spans {
        let attributes = of_resource.resource.unwrap_or_default().attributes;
        let resource = text_attributes(&attributes);
        for span in of_resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            let Some(span) = read(span, &resource) else {
                return StatusCode::BAD_REQUEST;
            };
            received.push(span);
        }
    }
    spans
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .append(&mut received);
    StatusCode::OK
}

/// `None` when an id has not the right length.
fn read(span: Span, resource: &BTreeMap<String, String>) -> Option<ReceivedSpan> {
    let id = |bytes: Vec<u8>| bytes.try_into().ok().map(u64::from_be_bytes).map(SpanId);
    let parent = match span.parent_span_id {
        none if none.is_empty() => None,
        parent => Some(id(parent)?),
    };
    let time = |nanos: u64| Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    let failed = |status: &status::StatusCode| *status == status::StatusCode::Error;
    let status = span.status.unwrap_or_default();
    Some(ReceivedSpan {
        trace_id: TraceId(u128::from_be_bytes(span.trace_id.try_into().ok()?)),
        span_id: id(span.span_id)?,
        parent,
        name: span.name,
        kind: SpanKind::try_from(span.kind).ok()?,
        start: time(span.start_time_unix_nano),
        end: time(span.end_time_unix_nano),
        service: resource.get("service.name").cloned().unwrap_or_default(),
        attributes: text_attributes(&span.attributes),
        resource: resource.clone(),
        error: Some(status.code()).filter(failed).map(|_| status.message),
    })
}

fn text_attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| {
        let value = attribute.value.as_ref()?.value.as_ref()?;
        let any_value::Value::StringValue(text) = value else {
            return None;
        };
        Some((attribute.key.clone(), text.clone()))
    };
    attributes.iter().filter_map(text).collect()
}
