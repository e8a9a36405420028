//! HTTP itself: the router, who may ask, how much, and how a mistake is told.
//!
//! A table of contents: `serve` has the connections and `connections` counts them; then each request passes, from the outside in,
//! `count`, `headers`, `errors`, `rate`, `host`, `origin`, `changes` and its handler's time, and comes to the API, the `docs` or the `pages`.
//!
//! Invariant: every guard stands before every path, also before one that is added tomorrow.

pub mod access;
mod changes;
mod connections;
pub mod count;
mod docs;
mod errors;
pub mod extract;
mod headers;
mod host;
pub mod limits;
mod openapi;
mod origin;
mod pages;
pub mod problem;
mod rate;
pub mod serve;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::api;
use crate::state::Gateway;
use access::Access;
use rate::Rates;

/// The whole API.
fn api() -> (Router<Gateway>, OpenApi) {
    let (router, mut openapi) = OpenApiRouter::with_openapi(openapi::base())
        .merge(api::alerts::router())
        .merge(api::telemetry::router())
        .merge(api::health::router())
        .merge(api::events::router())
        .merge(api::samples::router())
        .merge(api::metrics::router())
        .merge(api::webhooks::router())
        .merge(api::status::router())
        .merge(api::actions::router())
        .merge(api::incidents::router())
        .merge(api::approvals::router())
        .merge(api::control::router())
        .merge(api::faults::router())
        .merge(api::villain::router())
        .merge(api::score::router())
        .merge(api::runs::router())
        .split_for_parts();
    openapi::complete(&mut openapi);
    (router, openapi)
}

/// What the API says of itself.
#[must_use]
pub fn openapi() -> OpenApi {
    api().1
}

/// Everything that is served, behind its guards.
pub fn router(gateway: Gateway, access: Access) -> Router {
    let (api, openapi) = api();
    let router = api
        .with_state(gateway.clone())
        .merge(docs::router(openapi))
        .fallback(pages::serve);
    guarded(router, access).layer(from_fn_with_state(gateway, count::request))
}

/// The last layer is the outermost.
fn guarded(router: Router, access: Access) -> Router {
    let access = Arc::new(access);
    router
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX))
        .layer(from_fn(errors::limit_time))
        .layer(from_fn_with_state(Arc::clone(&access), changes::check))
        .layer(from_fn(origin::check))
        .layer(from_fn_with_state(access, host::check))
        .layer(from_fn_with_state(Arc::new(Rates::default()), rate::check))
        .layer(from_fn(errors::catch_panic))
        .layer(from_fn(errors::complete))
        .layer(from_fn(headers::add))
}
