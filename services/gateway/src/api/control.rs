//! What people decide about the whole arena: lever, modes, pauses.

use arena_proto::{Entity, LeverPosition, Mode, RiskClass};
use arena_view::control::ControlReport;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::{NodePath, ServicePath, Span};
use super::text::Reason;
use crate::http::extract::{Json, Path};
use crate::http::problem::Problem;
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(control))
        .routes(routes!(lever))
        .routes(routes!(mode))
        .routes(routes!(pause_node, resume_node))
        .routes(routes!(pause_service, resume_service))
}

type Told = Result<Json<ControlReport>, Problem>;

/// Lever, modes and pauses. What is lost (somebody wrote rubbish over it, or removed it) is null, and `lost` says so.
#[utoipa::path(get, path = "/api/v1/control", responses((status = 200, body = ControlReport)))]
async fn control(State(gateway): State<Gateway>) -> Told {
    let (control, lost) = gateway.operator().control().await?;
    let now = gateway.clock.now();
    Ok(Json(ControlReport::of(&control, lost, now)))
}

/// Where the lever goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LeverRequest {
    /// STOPPED: nodes refuse every command and revert every fault, at once.
    lever: LeverPosition,
}

/// Sets the safety lever.
#[utoipa::path(put, path = "/api/v1/control/lever", request_body = LeverRequest, responses((status = 200, body = ControlReport)))]
async fn lever(State(gateway): State<Gateway>, Json(request): Json<LeverRequest>) -> Told {
    let now = gateway.clock.now();
    let changed = gateway.operator().set_lever(request.lever, now).await?;
    Ok(Json(ControlReport::of(&changed.control, None, now)))
}

/// Who may act.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ModeRequest {
    /// OBSERVE: nobody but people; APPROVE: a person is asked; AUTO: the remediator.
    mode: Mode,
    /// Of actions of this risk alone; without it of all, and no risk has a mode of its own any more.
    risk: Option<RiskClass>,
}

/// Sets the mode, of one risk or of all.
#[utoipa::path(put, path = "/api/v1/control/mode", request_body = ModeRequest, responses((status = 200, body = ControlReport)))]
async fn mode(State(gateway): State<Gateway>, Json(request): Json<ModeRequest>) -> Told {
    let now = gateway.clock.now();
    let operator = gateway.operator();
    let changed = operator.set_mode(request.mode, request.risk, now).await?;
    Ok(Json(ControlReport::of(&changed.control, None, now)))
}

/// Why, and for how long.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PauseRequest {
    /// Why; shown with the pause.
    #[serde(default)]
    reason: Reason,
    /// For how long; without it until it is resumed.
    #[serde(rename = "for")]
    limit: Option<Span>,
}

/// Leaves a node and all its services alone: only people act on them.
#[utoipa::path(put, path = "/api/v1/control/pauses/{node}", params(NodePath), request_body = Option<PauseRequest>, responses((status = 200, body = ControlReport)))]
async fn pause_node(
    State(gateway): State<Gateway>,
    Path(path): Path<NodePath>,
    request: Option<Json<PauseRequest>>,
) -> Told {
    pause(&gateway, path.into(), request).await
}

/// Leaves a service alone: only people act on it.
#[utoipa::path(put, path = "/api/v1/control/pauses/{node}/{service}", params(ServicePath), request_body = Option<PauseRequest>, responses((status = 200, body = ControlReport)))]
async fn pause_service(
    State(gateway): State<Gateway>,
    Path(path): Path<ServicePath>,
    request: Option<Json<PauseRequest>>,
) -> Told {
    pause(&gateway, path.into(), request).await
}

/// Ends the pause of a node.
#[utoipa::path(delete, path = "/api/v1/control/pauses/{node}", params(NodePath), responses((status = 200, body = ControlReport)))]
async fn resume_node(State(gateway): State<Gateway>, Path(path): Path<NodePath>) -> Told {
    resume(&gateway, &path.into()).await
}

/// Ends the pause of a service.
#[utoipa::path(delete, path = "/api/v1/control/pauses/{node}/{service}", params(ServicePath), responses((status = 200, body = ControlReport)))]
async fn resume_service(State(gateway): State<Gateway>, Path(path): Path<ServicePath>) -> Told {
    resume(&gateway, &path.into()).await
}

async fn pause(gateway: &Gateway, entity: Entity, request: Option<Json<PauseRequest>>) -> Told {
    let Json(request) = request.unwrap_or_default();
    let now = gateway.clock.now();
    let limit = request.limit.map(|Span(limit)| limit);
    let operator = gateway.operator();
    let (_, changed) = operator
        .pause(entity, limit, request.reason.into(), now)
        .await?;
    Ok(Json(ControlReport::of(&changed.control, None, now)))
}

async fn resume(gateway: &Gateway, entity: &Entity) -> Told {
    let now = gateway.clock.now();
    let changed = gateway.operator().resume(entity, now).await?;
    Ok(Json(ControlReport::of(&changed.control, None, now)))
}
