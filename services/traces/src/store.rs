//! The traces that are kept: a bounded map, oldest trace out first. Pure.
//!
//! Invariants: never more than [`BYTES_MAX`] (as on the wire) in never more than [`TRACES_MAX`] traces; a span that comes again
//! replaces what it was, since our ids follow from incidents and a restarted component sends the same span anew.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use prost::Message;

/// Traces kept: days of incidents, and more than anybody pages through.
const TRACES_MAX: usize = 2_000;

/// Spans kept of one trace: what the UI still draws without stalling. An incident has about ten.
const SPANS_PER_TRACE_MAX: usize = 5_000;

/// Bytes kept, as on the wire (in memory it is two to three times that): 2,000 incidents take about 10 MB.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Who sent spans.
#[derive(Debug)]
pub(crate) struct Process {
    /// `service.name`.
    pub(crate) service: String,
    /// The attributes of the resource.
    pub(crate) attributes: Vec<KeyValue>,
}

/// A span and who sent it.
#[derive(Debug)]
pub(crate) struct StoredSpan {
    pub(crate) span: Span,
    pub(crate) process: Arc<Process>,
    bytes: usize,
}

/// The spans of one trace by id, and thus in the same order each time. Never empty.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) spans: BTreeMap<[u8; 8], StoredSpan>,
}

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Store {
    traces: BTreeMap<u128, Trace>,
    /// The keys of `traces` by the arrival of their first span.
    oldest: VecDeque<u128>,
    bytes: usize,
}

impl Store {
    /// Takes in what one exporter sent; returns how many spans were refused, for ids that are none or a full trace.
    pub(crate) fn insert(&mut self, sent: ResourceSpans) -> usize {
        let resource = sent.resource.unwrap_or_default();
        let resource_bytes = resource.encoded_len();
        let process = Arc::new(Process::from(resource));
        let spans = sent.scope_spans.into_iter().flat_map(|scope| scope.spans);
        let refused = |span| !self.insert_span(span, &process, resource_bytes);
        spans.map(refused).filter(|refused| *refused).count()
    }

    fn insert_span(&mut self, span: Span, process: &Arc<Process>, resource_bytes: usize) -> bool {
        let Some((trace_id, span_id)) = ids(&span) else {
            return false;
        };
        // The resource is counted with each span: a sender can put one span to a resource.
        let bytes = span.encoded_len() + resource_bytes;
        if bytes > BYTES_MAX {
            return false;
        }
        let oldest = &mut self.oldest;
        let trace = self.traces.entry(trace_id).or_insert_with(|| {
            oldest.push_back(trace_id);
            Trace::default()
        });
        if trace.spans.len() >= SPANS_PER_TRACE_MAX && !trace.spans.contains_key(&span_id) {
            return false;
        }
        let stored = StoredSpan {
            span,
            process: Arc::clone(process),
            bytes,
        };
        let replaced = trace.spans.insert(span_id, stored);
        self.bytes = self.bytes + bytes - replaced.map_or(0, |replaced| replaced.bytes);
        self.evict();
        true
    }

    fn evict(&mut self) {
        while self.bytes > BYTES_MAX || self.traces.len() > TRACES_MAX {
            let Some(oldest) = self.oldest.pop_front() else {
                return;
            };
            let evicted = self.traces.remove(&oldest).unwrap_or_default();
            self.bytes -= evicted.spans.values().map(|span| span.bytes).sum::<usize>();
        }
    }

    /// One trace.
    pub(crate) fn trace(&self, id: u128) -> Option<&Trace> {
        self.traces.get(&id)
    }

    /// Every trace.
    pub(crate) fn traces(&self) -> impl Iterator<Item = &Trace> {
        self.traces.values()
    }
}

impl Trace {
    /// When its first span began, in nanoseconds since the Unix epoch.
    pub(crate) fn start(&self) -> u64 {
        let starts = self
            .spans
            .values()
            .map(|stored| stored.span.start_time_unix_nano);
        starts.min().unwrap_or(0)
    }
}

impl From<Resource> for Process {
    fn from(resource: Resource) -> Self {
        let name = resource
            .attributes
            .iter()
            .find(|attribute| attribute.key == "service.name");
        let value = name.and_then(|name| name.value.as_ref()?.value.as_ref());
        let service = match value {
            Some(any_value::Value::StringValue(service)) => service.clone(),
            // What OpenTelemetry says to call a service that has no name.
            _ => "unknown_service".to_owned(),
        };
        Self {
            service,
            attributes: resource.attributes,
        }
    }
}

/// The ids of a span; `None` when they have the wrong length or are all zero.
fn ids(span: &Span) -> Option<(u128, [u8; 8])> {
    let trace_id = u128::from_be_bytes(span.trace_id.as_slice().try_into().ok()?);
    let span_id: [u8; 8] = span.span_id.as_slice().try_into().ok()?;
    (trace_id != 0 && span_id != [0; 8]).then_some((trace_id, span_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::trace::v1::ScopeSpans;

    fn span(trace: u128, id: u64, name: String) -> Span {
        Span {
            trace_id: trace.to_be_bytes().to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            name,
            ..Span::default()
        }
    }

    fn sent(spans: Vec<Span>) -> ResourceSpans {
        ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }
    }

    #[test]
    fn the_oldest_trace_goes_when_there_are_too_many() {
        let mut store = Store::default();
        for trace in 1..=TRACES_MAX as u128 + 1 {
            assert_eq!(store.insert(sent(vec![span(trace, 1, "a".into())])), 0);
        }
        assert!(store.trace(1).is_none());
        assert!(store.trace(2).is_some());
        assert_eq!(store.traces().count(), TRACES_MAX);
        assert_eq!(store.oldest.len(), TRACES_MAX);
    }

    #[test]
    fn the_oldest_trace_goes_when_they_are_too_big() {
        let mut store = Store::default();
        for trace in 1..=9 {
            store.insert(sent(vec![span(trace, 1, "x".repeat(BYTES_MAX / 8))]));
        }
        assert!(store.bytes <= BYTES_MAX);
        assert!(store.trace(1).is_none());
        assert!(store.trace(9).is_some());
    }

    #[test]
    fn a_full_trace_refuses_new_spans_and_takes_repeated_ones() {
        let mut store = Store::default();
        let many = (1..=SPANS_PER_TRACE_MAX as u64 + 2).map(|id| span(1, id, "a".into()));
        assert_eq!(store.insert(sent(many.collect())), 2);
        assert_eq!(store.insert(sent(vec![span(1, 1, "again".into())])), 0);
        let trace = store.trace(1).expect("the trace");
        assert_eq!(trace.spans.len(), SPANS_PER_TRACE_MAX);
        assert_eq!(trace.spans[&1_u64.to_be_bytes()].span.name, "again");
    }

    #[test]
    fn a_repeated_span_is_counted_once() {
        let mut store = Store::default();
        store.insert(sent(vec![span(1, 1, "a".into())]));
        let once = store.bytes;
        store.insert(sent(vec![span(1, 1, "a".into())]));
        assert_eq!(store.bytes, once);
    }

    #[test]
    fn ids_that_are_none_are_refused() {
        let mut store = Store::default();
        let mut short = span(1, 1, "a".into());
        short.trace_id.pop();
        let zero = span(0, 1, "a".into());
        let spanless = span(1, 0, "a".into());
        assert_eq!(store.insert(sent(vec![short, zero, spanless])), 3);
        assert_eq!(store.traces().count(), 0);
    }
}
