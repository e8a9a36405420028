//! The status of the arena, and its parts: the same objects as the live events have.

use arena_gateway_core::view::About;
use arena_operator::no_such;
use arena_proto::Entity;
use arena_view::status::{NodeReport, ServiceReport, StatusReport};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::{NodePath, ServicePath};
use super::told::known;
use crate::http::extract::{Json, Path};
use crate::http::problem::{Kind, Problem};
use crate::state::Gateway;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(about))
        .routes(routes!(status))
        .routes(routes!(nodes))
        .routes(routes!(node))
        .routes(routes!(services))
        .routes(routes!(service))
}

/// What is fixed while the gateway runs.
#[utoipa::path(get, path = "/api/v1/about", responses((status = 200, body = About)))]
async fn about(State(gateway): State<Gateway>) -> Json<About> {
    Json(About::clone(&gateway.about))
}

/// What `arena status --json` prints. What nobody can vouch for is `NO_DATA`.
#[utoipa::path(get, path = "/api/v1/status", responses((status = 200, body = StatusReport)))]
async fn status(State(gateway): State<Gateway>) -> Json<StatusReport> {
    Json(gateway.live.status())
}

/// Every node that is known.
#[utoipa::path(get, path = "/api/v1/nodes", responses((status = 200, body = [NodeReport])))]
async fn nodes(State(gateway): State<Gateway>) -> Result<Json<Vec<NodeReport>>, Problem> {
    let nodes = gateway.live.status().nodes;
    if nodes.is_empty() {
        known(&gateway.live)?;
    }
    Ok(Json(nodes))
}

/// One node.
#[utoipa::path(get, path = "/api/v1/nodes/{node}", params(NodePath), responses((status = 200, body = NodeReport)))]
async fn node(
    State(gateway): State<Gateway>,
    Path(path): Path<NodePath>,
) -> Result<Json<NodeReport>, Problem> {
    let status = gateway.live.status();
    let found = find_node(&status, &path.into()).cloned().map(Json);
    found.or_else(|missing| known(&gateway.live).and(Err(missing)))
}

/// A service, and where it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlacedService {
    /// The node that it is on.
    node: String,
    /// It.
    #[serde(flatten)]
    service: ServiceReport,
}

/// Every service of every node.
#[utoipa::path(get, path = "/api/v1/services", responses((status = 200, body = [PlacedService])))]
async fn services(State(gateway): State<Gateway>) -> Result<Json<Vec<PlacedService>>, Problem> {
    let nodes = gateway.live.status().nodes;
    if nodes.is_empty() {
        known(&gateway.live)?;
    }
    let placed = nodes.into_iter().flat_map(|node| {
        let services = node.services.into_iter();
        services.map(move |service| PlacedService {
            node: node.name.clone(),
            service,
        })
    });
    Ok(Json(placed.collect()))
}

/// One service.
#[utoipa::path(get, path = "/api/v1/services/{node}/{service}", params(ServicePath), responses((status = 200, body = PlacedService)))]
async fn service(
    State(gateway): State<Gateway>,
    Path(path): Path<ServicePath>,
) -> Result<Json<PlacedService>, Problem> {
    let status = gateway.live.status();
    let entity = Entity::from(path);
    let found = find_service(&status, &entity).map(|service| {
        Json(PlacedService {
            node: entity.node.to_string(),
            service: service.clone(),
        })
    });
    found.or_else(|missing| known(&gateway.live).and(Err(missing)))
}

/// A node of the status.
pub(super) fn find_node<'a>(
    status: &'a StatusReport,
    entity: &Entity,
) -> Result<&'a NodeReport, Problem> {
    let mut nodes = status.nodes.iter();
    let found = nodes.find(|node| node.name == entity.node.as_str());
    found.ok_or_else(|| missing(status, entity))
}

/// A service of the status; `entity` has one.
pub(super) fn find_service<'a>(
    status: &'a StatusReport,
    entity: &Entity,
) -> Result<&'a ServiceReport, Problem> {
    let wanted = entity.service.as_ref().map_or("", |name| name.as_str());
    let nodes = status.nodes.iter();
    let mut there = nodes
        .filter(|node| node.name == entity.node.as_str())
        .flat_map(|node| &node.services);
    let found = there.find(|service| service.name == wanted);
    found.ok_or_else(|| missing(status, entity))
}

fn missing(status: &StatusReport, entity: &Entity) -> Problem {
    let names = status.nodes.iter().flat_map(|node| {
        let services = node.services.iter();
        std::iter::once(node.name.clone())
            .chain(services.map(|service| format!("{}/{}", node.name, service.name)))
    });
    Problem::new(Kind::NotFound, no_such(entity, &names.collect::<Vec<_>>()))
}
