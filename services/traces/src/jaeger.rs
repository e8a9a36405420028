//! Traces as the JSON that the Jaeger UI reads: the types of Jaeger's `model/json`, and how OTLP is told in them.
//! <https://github.com/jaegertracing/jaeger/blob/v1.76.0/internal/uimodel/model.go>

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::{Span, status};
use serde::Serialize;
use serde_json::{Value, json};

use crate::store::{Process, Trace};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JaegerTrace {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<JaegerSpan>,
    processes: BTreeMap<String, JaegerProcess>,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JaegerSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    operation_name: String,
    references: Vec<Reference>,
    /// Microseconds since the Unix epoch.
    start_time: u64,
    /// Microseconds.
    duration: u64,
    tags: Vec<Tag>,
    logs: Vec<Log>,
    #[serde(rename = "processID")]
    process_id: String,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JaegerProcess {
    service_name: String,
    tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
struct Tag {
    key: String,
    r#type: &'static str,
    value: Value,
}

#[derive(Debug, Serialize)]
struct Log {
    /// Microseconds since the Unix epoch.
    timestamp: u64,
    fields: Vec<Tag>,
}

impl From<&Trace> for JaegerTrace {
    fn from(trace: &Trace) -> Self {
        let mut processes = Processes::default();
        let mut spans = Vec::with_capacity(trace.spans.len());
        for stored in trace.spans.values() {
            spans.push(span(&stored.span, processes.id_of(&stored.process)));
        }
        // The UI draws siblings in the order of their starts; so does who reads the JSON.
        spans.sort_by_key(|span| span.start_time);
        Self {
            trace_id: spans
                .first()
                .map_or_else(String::new, |span| span.trace_id.clone()),
            spans,
            processes: processes.known,
            warnings: None,
        }
    }
}

/// The senders in a trace, each once under an id of its own.
#[derive(Default)]
struct Processes {
    ids: BTreeMap<String, String>,
    known: BTreeMap<String, JaegerProcess>,
}

impl Processes {
    fn id_of(&mut self, process: &Arc<Process>) -> String {
        let tags: Vec<Tag> = process.attributes.iter().filter_map(tag).collect();
        // One sender comes with many requests, each with a resource of its own that says the same.
        let identity = json!([process.service, tags]).to_string();
        let next = format!("p{}", self.ids.len() + 1);
        let id = self.ids.entry(identity).or_insert(next).clone();
        self.known
            .entry(id.clone())
            .or_insert_with(|| JaegerProcess {
                service_name: process.service.clone(),
                tags,
            });
        id
    }
}

fn span(span: &Span, process_id: String) -> JaegerSpan {
    let trace_id = hex(&span.trace_id);
    let parent = (!span.parent_span_id.is_empty()).then(|| Reference {
        ref_type: "CHILD_OF",
        trace_id: trace_id.clone(),
        span_id: hex(&span.parent_span_id),
    });
    let links = span.links.iter().map(|link| Reference {
        ref_type: "FOLLOWS_FROM",
        trace_id: hex(&link.trace_id),
        span_id: hex(&link.span_id),
    });
    JaegerSpan {
        span_id: hex(&span.span_id),
        operation_name: span.name.clone(),
        references: parent.into_iter().chain(links).collect(),
        start_time: span.start_time_unix_nano / 1_000,
        duration: duration_micros(span),
        tags: tags(span),
        logs: span.events.iter().map(log).collect(),
        process_id,
        warnings: None,
        trace_id,
    }
}

/// Zero when it ends before it starts.
pub(crate) fn duration_micros(span: &Span) -> u64 {
    span.end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano)
        / 1_000
}

/// A span's kind in Jaeger's words; empty where it has none.
pub(crate) fn kind(span: &Span) -> &'static str {
    match span.kind() {
        SpanKind::Unspecified => "",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

/// A span's attributes as text, with what Jaeger makes tags of.
pub(crate) fn tag_texts(span: &Span, process: &Process) -> BTreeMap<String, String> {
    let of_process = process.attributes.iter().filter_map(tag);
    let all = of_process.chain(tags(span));
    all.map(|tag| match tag.value {
        Value::String(text) => (tag.key, text),
        other => (tag.key, other.to_string()),
    })
    .collect()
}

/// As the collector's translation from OTLP to Jaeger has it.
fn tags(span: &Span) -> Vec<Tag> {
    let text = |key: &str, value: &str| Tag {
        key: key.to_owned(),
        r#type: "string",
        value: value.into(),
    };
    let mut tags: Vec<Tag> = span.attributes.iter().filter_map(tag).collect();
    if !kind(span).is_empty() {
        tags.push(text("span.kind", kind(span)));
    }
    let status = span.status.clone().unwrap_or_default();
    match status.code() {
        status::StatusCode::Unset => {}
        status::StatusCode::Ok => tags.push(text("otel.status_code", "OK")),
        status::StatusCode::Error => {
            tags.push(text("otel.status_code", "ERROR"));
            tags.push(Tag {
                key: "error".to_owned(),
                r#type: "bool",
                value: true.into(),
            });
        }
    }
    if !status.message.is_empty() {
        tags.push(text("otel.status_description", &status.message));
    }
    tags
}

fn log(event: &Event) -> Log {
    let name = Tag {
        key: "event".to_owned(),
        r#type: "string",
        value: event.name.clone().into(),
    };
    let attributes = event.attributes.iter().filter_map(tag);
    Log {
        timestamp: event.time_unix_nano / 1_000,
        fields: std::iter::once(name).chain(attributes).collect(),
    }
}

/// `None` for an attribute without a value.
fn tag(attribute: &KeyValue) -> Option<Tag> {
    let value = attribute.value.as_ref()?.value.as_ref()?;
    let r#type = match value {
        any_value::Value::BoolValue(_) => "bool",
        any_value::Value::IntValue(_) => "int64",
        any_value::Value::DoubleValue(_) => "float64",
        _ => "string",
    };
    let value = match plain(value) {
        nested @ (Value::Array(_) | Value::Object(_)) => nested.to_string().into(),
        scalar => scalar,
    };
    Some(Tag {
        key: attribute.key.clone(),
        r#type,
        value,
    })
}

/// As deep as prost lets a message be nested (100).
fn plain(value: &any_value::Value) -> Value {
    let inner = |value: &AnyValue| value.value.as_ref().map_or(Value::Null, plain);
    match value {
        any_value::Value::StringValue(text) => text.clone().into(),
        any_value::Value::BoolValue(value) => (*value).into(),
        any_value::Value::IntValue(value) => (*value).into(),
        any_value::Value::DoubleValue(value) => (*value).into(),
        any_value::Value::BytesValue(bytes) => hex(bytes).into(),
        any_value::Value::ArrayValue(array) => array.values.iter().map(inner).collect(),
        any_value::Value::KvlistValue(list) => {
            let pair = |pair: &KeyValue| {
                (
                    pair.key.clone(),
                    pair.value.as_ref().map_or(Value::Null, inner),
                )
            };
            Value::Object(list.values.iter().map(pair).collect())
        }
        // An index into a table of strings, which only profiles have.
        any_value::Value::StringValueStrindex(_) => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
