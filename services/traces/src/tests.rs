//! The viewer as a whole: spans in by one port, JSON and pages out by the other.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::{Value, json};

use super::*;

const TRACE: &str = "0123456789abcdef0011223344556677";
const MS: u64 = 1_000_000;
/// A time to start at, in nanoseconds since the Unix epoch.
const START: u64 = 1_700_000_000_000 * MS;

/// A viewer on free ports, until dropped.
struct Running {
    ui: String,
    otlp: String,
    shutdown: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn viewer() -> Running {
    let args = Args {
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        ui_port: 0,
        otlp_port: 0,
    };
    let viewer = Viewer::bind(&args).await.expect("free ports");
    let address = |listener: &TcpListener| listener.local_addr().expect("an address");
    let running = Running {
        ui: format!("http://{}", address(&viewer.ui)),
        otlp: format!("http://{}/v1/traces", address(&viewer.otlp)),
        shutdown: CancellationToken::new(),
    };
    tokio::spawn(viewer.serve(running.shutdown.clone()));
    running
}

/// Status, content type and body.
type Answer = (u16, String, Vec<u8>);

impl Running {
    async fn get(&self, path: &str) -> Answer {
        let address = format!("{}{path}", self.ui);
        // ureq speaks to a thread of its own, as a browser would.
        tokio::task::spawn_blocking(move || read(agent().get(address).call()))
            .await
            .expect("an answer")
    }

    async fn json(&self, path: &str) -> Value {
        let (status, _, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    async fn post(
        &self,
        media_type: &'static str,
        encoding: &'static str,
        body: Vec<u8>,
    ) -> Answer {
        let address = self.otlp.clone();
        tokio::task::spawn_blocking(move || {
            let request = agent().post(address).header("content-type", media_type);
            read(request.header("content-encoding", encoding).send(&body))
        })
        .await
        .expect("an answer")
    }

    async fn send(&self, request: &ExportTraceServiceRequest) -> ExportTraceServiceResponse {
        let (status, media_type, body) = self
            .post(
                "application/x-protobuf",
                "identity",
                request.encode_to_vec(),
            )
            .await;
        assert_eq!(
            (status, media_type.as_str()),
            (200, "application/x-protobuf")
        );
        ExportTraceServiceResponse::decode(&body[..]).expect("a response")
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut answer = answer.expect("an answer");
    let media_type = answer
        .headers()
        .get("content-type")
        .map(|value| value.to_str().expect("text"));
    let media_type = media_type.unwrap_or_default().to_owned();
    let body = answer.body_mut().read_to_vec().expect("a body");
    (answer.status().as_u16(), media_type, body)
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(any_value::Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// A span of the trace; times in milliseconds from its start.
fn span(id: u8, parent: Option<u8>, name: &str, from_ms: u64, to_ms: u64) -> Span {
    let id_bytes = |id: u8| vec![0, 0, 0, 0, 0, 0, 0, id];
    Span {
        trace_id: u128::from_str_radix(TRACE, 16)
            .expect("hex")
            .to_be_bytes()
            .to_vec(),
        span_id: id_bytes(id),
        parent_span_id: parent.map(id_bytes).unwrap_or_default(),
        name: name.to_owned(),
        kind: 1,
        start_time_unix_nano: START + from_ms * MS,
        end_time_unix_nano: START + to_ms * MS,
        ..Span::default()
    }
}

fn from_service(service: &str, spans: Vec<Span>) -> ResourceSpans {
    ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("service.name", service)],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans,
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    }
}

/// An incident's trace, in the order in which its parts are sent.
fn incident() -> ExportTraceServiceRequest {
    let failed = Span {
        kind: 5,
        status: Some(Status {
            message: "no such process".to_owned(),
            code: 2,
        }),
        attributes: vec![text("arena.action", "restart")],
        ..span(4, Some(3), "process arena.command", 2_100, 2_900)
    };
    ExportTraceServiceRequest {
        resource_spans: vec![
            from_service("arena-detector", vec![span(2, Some(1), "detect", 0, 2_000)]),
            from_service("arena-node", vec![failed]),
            from_service(
                "arena-remediator",
                vec![
                    span(3, Some(1), "act", 2_050, 3_000),
                    span(1, None, "incident", 0, 5_000),
                ],
            ),
        ],
    }
}

#[tokio::test]
async fn a_trace_is_told_in_jaegers_words() {
    let viewer = viewer().await;
    assert_eq!(viewer.send(&incident()).await.partial_success, None);
    let answer = viewer.json(&format!("/api/traces/{TRACE}")).await;
    let trace = &answer["data"][0];
    assert_eq!(trace["traceID"], TRACE);
    let spans = trace["spans"].as_array().expect("spans");
    assert_eq!(spans.len(), 4);
    let node = spans
        .iter()
        .find(|span| span["operationName"] == "process arena.command");
    let node = node.expect("the node's span");
    let process = node["processID"].as_str().expect("an id");
    assert_eq!(trace["processes"][process]["serviceName"], "arena-node");
    assert_eq!(node["startTime"], (START + 2_100 * MS) / 1_000);
    assert_eq!(node["duration"], 800_000);
    assert_eq!(
        node["references"],
        json!([{"refType": "CHILD_OF", "traceID": TRACE, "spanID": "0000000000000003"}])
    );
    assert_eq!(
        node["tags"],
        json!([
            {"key": "arena.action", "type": "string", "value": "restart"},
            {"key": "span.kind", "type": "string", "value": "consumer"},
            {"key": "otel.status_code", "type": "string", "value": "ERROR"},
            {"key": "error", "type": "bool", "value": true},
            {"key": "otel.status_description", "type": "string", "value": "no such process"},
        ])
    );
}

#[tokio::test]
async fn the_search_form_finds_what_it_asks_for() {
    let viewer = viewer().await;
    viewer.send(&incident()).await;
    assert_eq!(
        viewer.json("/api/services").await["data"],
        json!(["arena-detector", "arena-node", "arena-remediator"])
    );
    assert_eq!(
        viewer
            .json("/api/services/arena-remediator/operations")
            .await["data"],
        json!(["act", "incident"])
    );
    assert_eq!(
        viewer
            .json("/api/operations?service=arena-node&spanKind=consumer")
            .await["data"],
        json!([{"name": "process arena.command", "spanKind": "consumer"}])
    );
    assert_eq!(
        viewer.json("/api/dependencies?endTs=1").await["data"],
        json!([
            {"parent": "arena-remediator", "child": "arena-detector", "callCount": 1},
            {"parent": "arena-remediator", "child": "arena-node", "callCount": 1},
        ])
    );
    let start = START / 1_000;
    for (found, query) in [
        (1, "service=arena-node".to_owned()),
        (0, "service=arena-nobody".to_owned()),
        (0, "service=arena-node&operation=detect".to_owned()),
        (
            1,
            "service=arena-node&tags=%7B%22error%22%3A%22true%22%7D".to_owned(),
        ),
        (
            0,
            "service=arena-detector&tags=%7B%22error%22%3A%22true%22%7D".to_owned(),
        ),
        (
            1,
            "service=arena-node&tag=arena.action:restart&tag=error:true".to_owned(),
        ),
        (
            1,
            "service=arena-node&minDuration=800ms&maxDuration=0.8s".to_owned(),
        ),
        (0, "service=arena-node&minDuration=801ms".to_owned()),
        (1, format!("start={start}&end={start}")),
        (0, format!("start={}", start + 10_000_000)),
        (0, "service=arena-node&limit=0".to_owned()),
        (1, format!("traceID={TRACE}&traceID=1")),
    ] {
        let answer = viewer.json(&format!("/api/traces?{query}")).await;
        assert_eq!(answer["total"], found, "{query}");
    }
    assert_eq!(viewer.get("/api/traces?minDuration=soon").await.0, 400);
    assert_eq!(viewer.get("/api/traces/1").await.0, 404);
    assert_eq!(viewer.get("/api/traces/soon").await.0, 400);
    assert_eq!(viewer.get("/api/metrics/latencies").await.0, 404);
}

#[tokio::test]
async fn rubbish_is_refused_and_the_next_trace_is_taken() {
    let viewer = viewer().await;
    let protobuf = "application/x-protobuf";
    let json = || b"{\"resourceSpans\": []}".to_vec();
    assert_eq!(
        viewer.post(protobuf, "identity", vec![0xff; 100]).await.0,
        400
    );
    assert_eq!(viewer.post(protobuf, "identity", json()).await.0, 400);
    assert_eq!(
        viewer.post("application/json", "identity", json()).await.0,
        415
    );
    assert_eq!(
        viewer
            .post("text/plain", "identity", incident().encode_to_vec())
            .await
            .0,
        415
    );
    assert_eq!(
        viewer
            .post(protobuf, "gzip", incident().encode_to_vec())
            .await
            .0,
        400
    );
    assert_eq!(
        viewer
            .post(protobuf, "br", incident().encode_to_vec())
            .await
            .0,
        415
    );
    assert_eq!(
        viewer
            .post(protobuf, "gzip", gzip(&vec![0; 5 * 1024 * 1024]))
            .await
            .0,
        413
    );
    assert_eq!(viewer.json("/api/services").await["total"], 0);

    let without_ids = ExportTraceServiceRequest {
        resource_spans: vec![from_service("a", vec![Span::default()])],
    };
    let rejected = viewer
        .send(&without_ids)
        .await
        .partial_success
        .expect("a partial success");
    assert_eq!(rejected.rejected_spans, 1);

    let (status, ..) = viewer
        .post(protobuf, "gzip", gzip(&incident().encode_to_vec()))
        .await;
    assert_eq!(status, 200);
    assert_eq!(viewer.json("/api/services").await["total"], 3);
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).expect("compressed");
    encoder.finish().expect("compressed")
}

#[tokio::test]
async fn the_page_and_what_it_names_are_served() {
    let viewer = viewer().await;
    let (status, media_type, page) = viewer.get(&format!("/trace/{TRACE}")).await;
    let page = String::from_utf8(page).expect("text");
    assert_eq!(
        (status, media_type.as_str()),
        (200, "text/html; charset=utf-8")
    );
    assert!(
        page.contains("<title>Jaeger UI</title>"),
        "built without the UI: {page}"
    );
    assert!(
        page.contains("archiveEnabled"),
        "the configuration is not filled in"
    );
    let script = page
        .split("src=\".")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let script = script.expect("a script");
    let (status, media_type, body) = viewer.get(script).await;
    assert_eq!(
        (status, media_type.as_str()),
        (200, "text/javascript; charset=utf-8")
    );
    assert!(
        body.len() > 1_000_000,
        "decompressed for a client that takes no gzip"
    );
    assert_eq!(viewer.get("/static/LICENSE").await.0, 200);
    assert_eq!(viewer.get("/static/nothing.js").await.0, 404);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_the_flag_that_changes_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let error = listen(IpAddr::V4(Ipv4Addr::LOCALHOST), port, "--ui-port").await;
    let error = error.expect_err("the port is taken").to_string();
    assert_eq!(
        error,
        format!("cannot listen on 127.0.0.1:{port}; another port can be given with --ui-port")
    );
}
