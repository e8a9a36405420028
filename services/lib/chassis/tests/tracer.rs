//! The tracer against a real OTLP receiver, and against none.

use std::time::Duration;

use arena_chassis::{Span, SpanKind, Tracer};
use arena_proto::{SpanId, Timestamp, TraceContext, TraceId};
use arena_testkit::otlp::{self, OtlpReceiver};

const TRACE: TraceId = TraceId(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
const ROOT: SpanId = SpanId(0x00ff_0000_0000_0001);

fn span(id: SpanId, parent: Option<SpanId>, name: &str) -> Span {
    Span {
        context: TraceContext {
            trace_id: TRACE,
            span_id: id,
        },
        parent,
        name: name.to_owned(),
        kind: SpanKind::Internal,
        start: Timestamp::from_unix_millis(1_700_000_000_000),
        end: Timestamp::from_unix_nanos(1_700_000_002_345_678_901),
        attributes: Vec::new(),
        error: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_arrive_with_the_ids_parents_times_and_kinds_they_were_given() {
    let receiver = OtlpReceiver::start().await.expect("a receiver");
    let tracer = Tracer::to_endpoint(receiver.endpoint(), "detector");
    tracer.record(span(ROOT, None, "incident"));
    tracer.record(Span {
        kind: SpanKind::Consumer,
        attributes: vec![("arena.action", "restart".to_owned())],
        error: Some("no such process".to_owned()),
        ..span(SpanId(2), Some(ROOT), "process arena.command")
    });
    tokio::task::spawn_blocking(move || tracer.shutdown())
        .await
        .expect("flushed");

    let spans = receiver.spans();
    assert_eq!(spans.len(), 2);
    let (root, child) = (&spans[0], &spans[1]);
    assert_eq!(
        (root.trace_id, root.span_id, root.parent),
        (TRACE, ROOT, None)
    );
    assert_eq!(
        (root.name.as_str(), root.kind),
        ("incident", otlp::SpanKind::Internal)
    );
    assert_eq!(root.start, Timestamp::from_unix_millis(1_700_000_000_000));
    assert_eq!(
        root.end,
        Timestamp::from_unix_nanos(1_700_000_002_345_678_901)
    );
    assert_eq!(root.service, "arena-detector");
    assert!(root.resource.contains_key("service.instance.id"));
    assert_eq!(root.resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(root.error, None);
    assert_eq!((child.trace_id, child.parent), (TRACE, Some(ROOT)));
    assert_eq!(child.kind, otlp::SpanKind::Consumer);
    assert_eq!(child.attributes["arena.action"], "restart");
    assert_eq!(child.error.as_deref(), Some("no such process"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_arrive_without_a_flush() {
    let receiver = OtlpReceiver::start().await.expect("a receiver");
    let tracer = Tracer::to_endpoint(receiver.endpoint(), "detector");
    tracer.record(span(ROOT, None, "incident"));
    while receiver.spans().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A listener that never accepts: connected, and silent.
#[test]
fn an_endpoint_that_does_not_answer_neither_blocks_recording_nor_the_end() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let tracer = Tracer::to_endpoint(&endpoint, "detector");
    // More than the queue holds.
    for id in 1..10_000 {
        tracer.record(span(SpanId(id), Some(ROOT), "detect"));
    }
    // Returns at all: the test runs as long as it takes, and the request alone would take 10 s.
    tracer.shutdown();
    drop(silent);
}

#[test]
fn an_endpoint_where_nobody_listens_costs_nothing() {
    let tracer = Tracer::to_endpoint("http://127.0.0.1:1", "detector");
    tracer.record(span(ROOT, None, "incident"));
    tracer.shutdown();
}

#[test]
fn an_endpoint_that_is_no_address_turns_traces_off() {
    assert!(!Tracer::to_endpoint("not an address", "detector").is_enabled());
    assert!(!Tracer::disabled().is_enabled());
}
