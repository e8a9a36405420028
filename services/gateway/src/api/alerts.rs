//! Alertmanager's webhook, and what came by it.

use arena_gateway_core::alerts::{AlertPayload, AlertView, Counts};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::extract::RawJson;
use crate::http::problem::Problem;
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(receive, list))
}

/// All alerts of the last day.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertList {
    /// Those that fire first, and of those what began last.
    alerts: Vec<AlertView>,
}

/// Takes a payload of Alertmanager's webhook, version 4 (docs/alerts.md). What was told before changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/alerts",
    tag = "telling",
    request_body = AlertPayload,
    responses(
        (status = 200, body = Counts),
        (status = 400, body = Problem),
        (status = 429, body = Problem),
        (status = 503, body = Problem)
    )
)]
async fn receive(
    State(gateway): State<Gateway>,
    RawJson(body): RawJson,
) -> Result<Json<Counts>, Problem> {
    gateway.doors.alerts.take(&body).await.map(Json)
}

/// What came by the webhook: matched, and part of an incident; or unmatched, and nothing is done about it.
#[utoipa::path(
    get,
    path = "/api/v1/alerts",
    tag = "telling",
    responses((status = 200, body = AlertList), (status = 503, body = Problem))
)]
async fn list(State(gateway): State<Gateway>) -> Result<Json<AlertList>, Problem> {
    let alerts = gateway.doors.alerts.list().await?;
    Ok(Json(AlertList { alerts }))
}
