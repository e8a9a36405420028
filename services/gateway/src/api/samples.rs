//! The last readings.

use arena_gateway_core::SamplesQuery;
use arena_gateway_core::view::SamplesReport;
use arena_proto::Entity;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::Span;
use crate::http::extract::{Json, Query};
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(samples))
}

/// Which readings are wanted; what is left out does not restrict.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of this node or service.
    entity: Option<Entity>,
    /// Of this metric.
    metric: Option<String>,
    /// Of the last so long: `30s`, `2m`.
    since: Option<Span>,
}

/// The last five minutes of each series, a value a second.
#[utoipa::path(
    get,
    path = "/api/v1/samples",
    tag = "live",
    params(Wanted),
    responses((status = 200, body = SamplesReport))
)]
async fn samples(
    State(gateway): State<Gateway>,
    Query(wanted): Query<Wanted>,
) -> Json<SamplesReport> {
    let query = SamplesQuery {
        entity: wanted.entity,
        metric: wanted.metric,
        since: wanted.since.map(|Span(since)| gateway.clock.now() - since),
    };
    Json(gateway.live.samples(&query))
}
