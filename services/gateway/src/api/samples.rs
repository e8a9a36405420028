//! The last readings.

use arena_gateway_core::SamplesQuery;
use arena_gateway_core::view::SamplesReport;
use arena_proto::Entity;
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::problem::{Kind, Problem};
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
    since: Option<String>,
}

/// The last five minutes of each series, a value a second.
#[utoipa::path(
    get,
    path = "/api/v1/samples",
    tag = "live",
    params(Wanted),
    responses((status = 200, body = SamplesReport), (status = 400, body = Problem))
)]
async fn samples(
    State(gateway): State<Gateway>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<SamplesReport>, Problem> {
    let since = wanted.since.as_deref().map(humantime::parse_duration);
    let since = since.transpose().map_err(|error| {
        let what = format!("query: since: {error}\n  mend: write `30s` or `2m`");
        Problem::new(Kind::BadRequest, what)
    })?;
    let query = SamplesQuery {
        entity: wanted.entity,
        metric: wanted.metric,
        since: since.map(|since| gateway.clock.now() - since),
    };
    Ok(Json(gateway.live.samples(&query)))
}
