//! HTTP itself: the router, who may ask, how much, and how a mistake is told.

pub mod count;
pub mod problem;

use utoipa_axum::router::OpenApiRouter;

use crate::api;
use crate::state::Gateway;

/// Everything that is served.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .merge(api::alerts::router())
        .merge(api::telemetry::router())
        .merge(api::health::router())
        .merge(api::events::router())
        .merge(api::samples::router())
        .merge(api::metrics::router())
        .merge(api::webhooks::router())
}
