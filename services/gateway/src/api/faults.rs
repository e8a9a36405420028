//! Faults: what is in effect and was lately, what there is to be made, and making and undoing them.

use arena_faults::{CATALOGUE, Fault, FaultName};
use arena_gateway_core::view::FaultView;
use arena_operator::OperatorError;
use arena_proto::{Entity, FaultId};
use arena_view::faults::{FaultReport, Machine, report};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::Span;
use super::text::Params;
use super::told::known;
use crate::http::extract::{Json, Path};
use crate::http::problem::{Kind, Problem};
use crate::state::Gateway;

/// What the injector reads as every fault, where an id stands.
const EVERY_FAULT: &str = "all";

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(faults, apply, revert_all))
        .routes(routes!(catalogue))
        .routes(routes!(fault, revert))
}

/// What is in effect and was lately, newest first.
#[utoipa::path(get, path = "/api/v1/faults", responses((status = 200, body = [FaultView])))]
async fn faults(State(gateway): State<Gateway>) -> Result<Json<Vec<FaultView>>, Problem> {
    known(&gateway.live)?;
    Ok(Json(gateway.live.faults()))
}

/// A fault in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct FaultPath {
    /// Its id.
    id: FaultId,
}

/// One of them.
#[utoipa::path(get, path = "/api/v1/faults/{id}", params(FaultPath), responses((status = 200, body = FaultView)))]
async fn fault(
    State(gateway): State<Gateway>,
    Path(path): Path<FaultPath>,
) -> Result<Json<FaultView>, Problem> {
    known(&gateway.live)?;
    let mut faults = gateway.live.faults().into_iter();
    let found = faults.find(|fault| fault.id == path.id.as_str());
    found.map(Json).ok_or_else(|| {
        let what = format!("no fault {} was heard of lately", path.id);
        Problem::new(Kind::NotFound, what)
    })
}

/// Every fault that there is, with its parameters, and which target takes it or why not. The node has the last word: it also knows what
/// its machine has left.
#[utoipa::path(get, path = "/api/v1/faults/catalogue", responses((status = 200, body = [FaultReport])))]
async fn catalogue(State(gateway): State<Gateway>) -> Result<Json<Vec<FaultReport>>, Problem> {
    let mut nodes = gateway.bus.statuses().await.map_err(OperatorError::from)?;
    nodes.sort_by(|left, right| left.node.cmp(&right.node));
    let named = CATALOGUE.iter().map(|name: &FaultName| name.fault());
    let reports = named.map(|fault| report(fault, &nodes, &Machine::default()));
    Ok(Json(reports.collect()))
}

/// Which fault, where and for how long.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FaultRequest {
    /// Its name in the catalogue.
    #[schema(max_length = 60, pattern = "^[a-z][a-z-]*$", examples("cpu-spike"))]
    fault: String,
    /// `node/service`, or a node for a fault of nodes.
    target: Entity,
    /// How long it lives.
    #[serde(rename = "for")]
    ttl: Span,
    /// Its parameters, as text; what is left out has its default.
    #[serde(default)]
    params: Params,
}

/// Makes a fault. Answers when the node said that it is in effect (or over again already).
#[utoipa::path(
    post,
    path = "/api/v1/faults",
    request_body = FaultRequest,
    responses((status = 201, body = FaultView, headers(("Location" = String, description = "Where it is told"))))
)]
async fn apply(
    State(gateway): State<Gateway>,
    Json(request): Json<FaultRequest>,
) -> Result<Response, Problem> {
    let bad =
        |error: arena_faults::CatalogueError| Problem::new(Kind::BadRequest, error.to_string());
    let fault = Fault::named(&request.fault).map_err(bad)?;
    let params = request.params.into();
    fault.fill(&params).map_err(bad)?;
    let operator = gateway.operator();
    let mut statuses = operator.fault_statuses().await?;
    let Span(ttl) = request.ttl;
    let id = operator
        .inject(&request.fault, &request.target, ttl, params)
        .await?;
    let status = operator.fault_taken(&mut statuses, &id).await?;
    let location = [(header::LOCATION, format!("/api/v1/faults/{id}"))];
    let view = FaultView::from(&status);
    Ok((StatusCode::CREATED, location, Json(view)).into_response())
}

/// Faults that end by a request.
#[derive(Debug, Serialize, ToSchema)]
struct Reverting {
    /// They; none of them when what was named is over already.
    ids: Vec<String>,
}

/// Undoes a fault; one that is over already is no mistake. Its end is told as any other's.
#[utoipa::path(delete, path = "/api/v1/faults/{id}", params(FaultPath), responses((status = 200, body = Reverting)))]
async fn revert(
    State(gateway): State<Gateway>,
    Path(path): Path<FaultPath>,
) -> Result<Json<Reverting>, Problem> {
    if path.id.as_str() == EVERY_FAULT {
        let what = "no fault is called so\n  mend: DELETE /api/v1/faults undoes every fault";
        return Err(Problem::new(Kind::NotFound, what));
    }
    let ids = gateway.operator().revert(path.id.as_str()).await?;
    Ok(Json(Reverting { ids }))
}

/// Undoes every fault.
#[utoipa::path(delete, path = "/api/v1/faults", responses((status = 200, body = Reverting)))]
async fn revert_all(State(gateway): State<Gateway>) -> Result<Json<Reverting>, Problem> {
    let ids = gateway.operator().revert(EVERY_FAULT).await?;
    Ok(Json(Reverting { ids }))
}
