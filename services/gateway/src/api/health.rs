//! Is it there.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::Gateway;

/// That it runs.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`: who can answer runs.
    status: &'static str,
}

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(health))
}

/// Whether the gateway runs.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Health)))]
async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}
