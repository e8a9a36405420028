//! The live events, as server-sent events.

use std::convert::Infallible;

use arena_gateway_core::Event;
use arena_gateway_core::view::{Resync, Snapshot};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::Query;
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(events))
}

/// What is wanted of the events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Whether the readings of each second are wanted.
    #[serde(default = "yes")]
    samples: bool,
}

const fn yes() -> bool {
    true
}

/// The data of an event.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the stream to who reads the OpenAPI")]
enum Message {
    /// `snapshot`: everything.
    Snapshot(Box<Snapshot>),
    /// `resync`: what was missed cannot be told any more; a snapshot follows.
    Resync(Resync),
    /// Any other: one change.
    Change(Box<Event>),
}

/// Everything, and then each change, for as long as the connection stands.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "live",
    params(
        Wanted,
        ("Last-Event-ID" = Option<String>, Header, description = "Who comes back names the last event that it has, and gets what it missed"),
    ),
    responses((status = 200, body = Message, content_type = "text/event-stream"))
)]
async fn events(
    State(gateway): State<Gateway>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let last = headers.get("last-event-id");
    let last = last.map(|id| id.to_str().unwrap_or_default());
    let stream = gateway.live.stream(last, wanted.samples);
    let body = futures::stream::unfold(stream, async |mut stream| {
        let bytes = stream.next().await?;
        Some((Ok::<_, Infallible>(bytes), stream))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(body)).into_response()
}
