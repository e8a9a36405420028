//! What Prometheus scrapes.

use arena_gateway_core::metrics::{Receiver, Standing, negotiate, page};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Gateway;
use crate::webhooks::WebhookView;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// The arena and the gateway in numbers, for Prometheus. OpenMetrics; with `Accept: text/plain` the older format of Prometheus.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "gateway",
    responses((status = 200, content(
        (String = "application/openmetrics-text"),
        (String = "text/plain"),
    )))
)]
async fn metrics(State(gateway): State<Gateway>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get_all(header::ACCEPT).iter();
    let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
    let format = negotiate(&accept.join(","));
    let known = gateway.live.known();
    let receivers = gateway.webhooks.views().into_iter().map(receiver);
    let standing = Standing {
        version: gateway.about.version.clone(),
        started_at: gateway.about.started_at,
        ring: gateway.live.ring_len(),
        series_left_out: known.readings.series_left_out,
        refused: gateway.bus.rejected().into_iter().collect(),
        receivers: receivers.collect(),
    };
    let page = page(known, standing, &gateway.counters, format);
    ([(header::CONTENT_TYPE, format.content_type())], page)
}

fn receiver(view: WebhookView) -> Receiver {
    Receiver {
        name: view.name,
        delivered: view.delivered,
        failed: view.retried,
        lost: view.lost,
        waiting: view.waiting,
    }
}
