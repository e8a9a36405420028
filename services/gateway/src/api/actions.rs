//! One action to one service or node, and what became of it.
//!
//! Invariant: who asks twice with the same `Idempotency-Key` gets the same command, and it is done once: the id is made of the key, the
//! stream keeps no id twice, and a node does none twice.

use arena_gateway_core::view::CommandView;
use arena_operator::{Kind as Refusal, Order};
use arena_proto::{ActionKind, CommandId, Entity};
use arena_view::action::ActionView;
use arena_view::status::NodeReport;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::param::{NodePath, ServicePath};
use super::status::{find_node, find_service};
use super::text::{Params, Reason};
use super::told::known;
use crate::http::extract::{Json, Path};
use crate::http::problem::{Kind, Problem};
use crate::state::Gateway;

/// The header that makes a repeat harmless, as in the IETF's draft of that name.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// A UUID has 36 characters; some make theirs of several.
const KEY_BYTES_MAX: usize = 255;

/// Its paths.
#[must_use]
pub fn router() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(act_on_service))
        .routes(routes!(act_on_node))
        .routes(routes!(command))
}

/// Why, and how.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActionRequest {
    /// Why; kept with the command.
    #[serde(default)]
    reason: Reason,
    /// How, as text: `throttle` takes `percent` and `for`.
    #[serde(default)]
    params: Params,
}

/// An action in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ActionPath {
    /// As the status names it: `restart`, `clean-disk`.
    #[param(max_length = 40, pattern = "^[a-z]+(-[a-z]+)*$", example = "restart")]
    action: String,
}

/// Makes a repeat harmless.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "read from the headers by hand; this describes it")]
struct KeyHeader {
    /// Whatever tells this wish from others: the same key gives the same command, and it is done once.
    #[param(
        rename = "Idempotency-Key",
        max_length = 255,
        pattern = "^[\\x21-\\x7e]+$"
    )]
    key: Option<String>,
}

/// Asks a service for an action. What the status says is not allowed is refused with the same sentence.
#[utoipa::path(
    post,
    path = "/api/v1/services/{node}/{service}/actions/{action}",
    params(ServicePath, ActionPath, KeyHeader),
    request_body = Option<ActionRequest>,
    responses((status = 202, body = CommandView, headers(("Location" = String, description = "Where it is told what became of it"))))
)]
async fn act_on_service(
    State(gateway): State<Gateway>,
    Path(target): Path<ServicePath>,
    Path(action): Path<ActionPath>,
    headers: HeaderMap,
    request: Option<Json<ActionRequest>>,
) -> Result<Response, Problem> {
    act(&gateway, target.into(), &action.action, &headers, request).await
}

/// Asks a node as a whole for an action.
#[utoipa::path(
    post,
    path = "/api/v1/nodes/{node}/actions/{action}",
    params(NodePath, ActionPath, KeyHeader),
    request_body = Option<ActionRequest>,
    responses((status = 202, body = CommandView, headers(("Location" = String, description = "Where it is told what became of it"))))
)]
async fn act_on_node(
    State(gateway): State<Gateway>,
    Path(target): Path<NodePath>,
    Path(action): Path<ActionPath>,
    headers: HeaderMap,
    request: Option<Json<ActionRequest>>,
) -> Result<Response, Problem> {
    act(&gateway, target.into(), &action.action, &headers, request).await
}

async fn act(
    gateway: &Gateway,
    target: Entity,
    action: &str,
    headers: &HeaderMap,
    request: Option<Json<ActionRequest>>,
) -> Result<Response, Problem> {
    let Json(request) = request.unwrap_or_default();
    let action = read_action(action, &target)?;
    let id = key(headers)?.map(|key| id_of(&key)).transpose()?;
    if let Some(id) = &id
        && let Some(earlier) = find(gateway, id).await?
    {
        return repeat(earlier, action, &target);
    }
    let operator = gateway.operator();
    let order = Order {
        action,
        target: target.clone(),
        params: request.params.into(),
        reason: request.reason.into(),
    };
    refuse_silent(gateway, &target, action)?;
    let mut prepared = operator.prepare(order, gateway.clock.now()).await?;
    if let Some(id) = id {
        prepared.command.id = id;
    }
    operator.publish(&prepared.command).await?;
    let view = CommandView::from(&prepared.command);
    gateway.live.asked(prepared.command).await;
    Ok(accepted(view))
}

fn accepted(view: CommandView) -> Response {
    let location = [(header::LOCATION, format!("/api/v1/commands/{}", view.id))];
    (StatusCode::ACCEPTED, location, Json(view)).into_response()
}

/// One of those that a status names for this kind of target.
fn read_action(name: &str, target: &Entity) -> Result<ActionKind, Problem> {
    let for_nodes = target.service.is_none();
    let fitting = || {
        let all = ActionKind::ALL.iter().copied();
        all.filter(|action| action.is_for_nodes() == for_nodes)
    };
    fitting()
        .find(|action| action.verb() == name)
        .ok_or_else(|| {
            let what = if for_nodes { "a node" } else { "a service" };
            let all: Vec<String> = fitting().map(ActionKind::verb).collect();
            let all = all.join(", ");
            let why = format!("there is no action {name} for {what}\n  mend: use one of {all}");
            Problem::new(Kind::NotFound, why)
        })
}

/// What asks the bus is told of a node whose agent does not answer as of any other; the status knows better, and says it before
/// anything else. Without the bus every agent is silent, and nobody can say; of whom it does not know others tell.
fn refuse_silent(gateway: &Gateway, target: &Entity, action: ActionKind) -> Result<(), Problem> {
    let status = gateway.live.status();
    let is_silent = |node: &&NodeReport| node.unknown_since.is_some();
    let silent = find_node(&status, target).ok().filter(is_silent);
    let Some(node) = silent.filter(|_| gateway.live.bus().connected) else {
        return Ok(());
    };
    let actions: &[ActionView] = match &target.service {
        Some(_) => &find_service(&status, target)?.actions,
        None => &node.actions,
    };
    let verb = action.verb();
    let view = actions.iter().find(|view| view.action == verb);
    match view.and_then(|view| view.reason.clone()) {
        Some(reason) => Err(Problem::new(Kind::Refused, reason)),
        None => Ok(()),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if (1..=KEY_BYTES_MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(Some(text.to_owned()));
    }
    let what = format!("Idempotency-Key: use 1 to {KEY_BYTES_MAX} visible ASCII characters");
    Err(Problem::new(Kind::BadRequest, what))
}

/// The command's id: the same for the same key, also after the gateway was started anew.
fn id_of(key: &str) -> Result<CommandId, Problem> {
    use std::fmt::Write as _;
    let mut id = "cmd-gateway-key-".to_owned();
    for byte in &Sha256::digest(key)[..16] {
        // Writing to a string does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    CommandId::new(id).map_err(|error| Problem::new(Kind::Failed, error.to_string()))
}

fn repeat(earlier: CommandView, action: ActionKind, target: &Entity) -> Result<Response, Problem> {
    if earlier.action == action && earlier.target == *target {
        return Ok(accepted(earlier));
    }
    let (verb, of) = (earlier.action.verb(), &earlier.target);
    let what = format!(
        "this Idempotency-Key was used for {verb} {of}\n  mend: use a new key for another wish"
    );
    Err(Problem::new(Kind::Refused, what))
}

/// A command in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct CommandPath {
    /// Its id.
    id: CommandId,
}

/// What became of a command, also of the remediator's.
#[utoipa::path(get, path = "/api/v1/commands/{id}", params(CommandPath), responses((status = 200, body = CommandView)))]
async fn command(
    State(gateway): State<Gateway>,
    Path(path): Path<CommandPath>,
) -> Result<Json<CommandView>, Problem> {
    let found = find(&gateway, &path.id).await;
    if !matches!(&found, Ok(Some(view)) if view.state.is_final()) {
        known(&gateway.live)?;
    }
    found?.map(Json).ok_or_else(|| {
        let what = format!("there is no command {}", path.id);
        Problem::new(Kind::NotFound, what)
    })
}

/// What is known of it: live, or else to the recorder.
async fn find(gateway: &Gateway, id: &CommandId) -> Result<Option<CommandView>, Problem> {
    if let Some(view) = gateway.live.command(id.as_str()) {
        return Ok(Some(view));
    }
    match gateway.operator().command_record(id.as_str()).await {
        Ok(record) => Ok(Some(record.into())),
        Err(error) if error.kind == Refusal::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
