//! Spans in: OTLP over HTTP, as protobuf, gzipped or not.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>
//!
//! A content type that a web page cannot send without asking first is required, so no page can write here.

use std::io::Read;
use std::sync::PoisonError;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;

use crate::SharedStore;

const PROTOBUF: &str = "application/x-protobuf";

/// The largest request, also once it is decompressed: an exporter's usual batch of 512 spans is well below 1 MB.
const BODY_MAX_BYTES: usize = 4 * 1024 * 1024;

type Refusal = (StatusCode, &'static str);

pub(crate) fn router(store: SharedStore) -> Router {
    Router::new()
        .route("/v1/traces", post(receive))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(store)
}

async fn receive(
    State(store): State<SharedStore>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let request = decode(&headers, body)?;
    let refused: usize = {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = request.resource_spans.into_iter();
        sent.map(|of_resource| store.insert(of_resource)).sum()
    };
    let partial_success = (refused > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(refused).unwrap_or(i64::MAX),
        error_message: "ids that are none, or a trace that is full".to_owned(),
    });
    let answer = ExportTraceServiceResponse { partial_success };
    Ok(([(CONTENT_TYPE, PROTOBUF)], answer.encode_to_vec()).into_response())
}

fn decode(headers: &HeaderMap, body: Bytes) -> Result<ExportTraceServiceRequest, Refusal> {
    let header = |name: HeaderName| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
    };
    if !header(CONTENT_TYPE).eq_ignore_ascii_case(PROTOBUF) {
        let only = "only OTLP as protobuf is understood (content type application/x-protobuf)";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, only));
    }
    let body = match header(CONTENT_ENCODING) {
        "" | "identity" => body,
        "gzip" => decompress(&body)?.into(),
        _ => {
            return Err((
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "only gzip is understood",
            ));
        }
    };
    ExportTraceServiceRequest::decode(body).map_err(|_| {
        (
            StatusCode::BAD_REQUEST,
            "this is not an ExportTraceServiceRequest",
        )
    })
}

fn decompress(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut decompressed = Vec::new();
    let read = GzDecoder::new(body)
        .take(BODY_MAX_BYTES as u64 + 1)
        .read_to_end(&mut decompressed);
    match read {
        Err(_) => Err((StatusCode::BAD_REQUEST, "this is not gzip")),
        Ok(bytes) if bytes > BODY_MAX_BYTES => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "too large once decompressed"))
        }
        Ok(_) => Ok(decompressed),
    }
}
