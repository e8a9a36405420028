//! The receivers of events.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Gateway;
use crate::webhooks::WebhookView;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(webhooks))
}

/// All receivers.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookList {
    /// By name; empty without `--webhooks`.
    webhooks: Vec<WebhookView>,
}

/// Who is told about incidents, and how far that has come.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "incidents", responses((status = 200, body = WebhookList)))]
async fn webhooks(State(gateway): State<Gateway>) -> Json<WebhookList> {
    let webhooks = gateway.webhooks.views();
    Json(WebhookList { webhooks })
}
