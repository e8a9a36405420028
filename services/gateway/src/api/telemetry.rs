//! Telemetry of nodes whose agents do not speak NATS.

use arena_gateway_core::inbound::PostedTelemetry;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::RawJson;
use crate::http::problem::Problem;
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// Takes what a node tells of itself, once a second (docs/alerts.md). From then on it is a node like any other, but that nothing can be
/// done to it.
#[utoipa::path(
    post,
    path = "/api/v1/telemetry",
    tag = "telling",
    request_body = PostedTelemetry,
    responses(
        (status = 202, description = "It is on the bus."),
        (status = 400, body = Problem),
        (status = 409, body = Problem, description = "An agent speaks for this node."),
        (status = 429, body = Problem),
        (status = 503, body = Problem)
    )
)]
async fn receive(
    State(gateway): State<Gateway>,
    RawJson(body): RawJson,
) -> Result<StatusCode, Problem> {
    gateway.doors.telemetry.take(&body).await?;
    Ok(StatusCode::ACCEPTED)
}
