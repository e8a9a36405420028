//! Counts requests, for `/metrics`: by the route's template, never by its path, which anybody can make up.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::state::Gateway;

/// Counts one, refused ones too.
pub async fn request(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let began = gateway.clock.now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let took = gateway.clock.now().saturating_since(began);
    let route = route.as_ref().map(MatchedPath::as_str);
    let status = response.status().as_u16();
    gateway
        .counters
        .answered(route, method.as_str(), status, took);
    response
}
