//! Villain against Felix, and what each action is worth.

use arena_proto::{EfficacyRow, Score};
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::Since;
use crate::http::extract::{Json, Query};
use crate::http::problem::Problem;
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(score))
        .routes(routes!(efficacy))
}

/// Villain against Felix: what was done, seen, healed and missed, and how fast.
#[utoipa::path(get, path = "/api/v1/score", params(Since), responses((status = 200, body = Score)))]
async fn score(
    State(gateway): State<Gateway>,
    Query(since): Query<Since>,
) -> Result<Json<Score>, Problem> {
    Ok(Json(gateway.operator().score(since.duration()).await?))
}

/// What each action did, by symptom: of actions that were issued within this time.
#[utoipa::path(get, path = "/api/v1/efficacy", params(Since), responses((status = 200, body = [EfficacyRow])))]
async fn efficacy(
    State(gateway): State<Gateway>,
    Query(since): Query<Since>,
) -> Result<Json<Vec<EfficacyRow>>, Problem> {
    Ok(Json(gateway.operator().efficacy(since.duration()).await?))
}
