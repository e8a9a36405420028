//! Is it there.

use arena_gateway_core::view::BusView;
use axum::Json;
use axum::extract::State;
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
    /// Whether it hears the bus.
    bus: BusView,
}

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(health))
}

/// Whether the gateway runs.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Health)))]
async fn health(State(gateway): State<Gateway>) -> Json<Health> {
    Json(Health {
        status: "ok",
        bus: gateway.live.bus(),
    })
}
