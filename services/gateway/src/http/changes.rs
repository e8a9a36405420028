//! May this request change something? One place for all: a handler cannot forget it, as it is never asked.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::problem::{Kind, Problem};

/// The guard.
pub(super) async fn check(
    State(access): State<Arc<Access>>,
    request: Request,
    next: Next,
) -> Response {
    if !may_change(request.method()) {
        return next.run(request).await;
    }
    if access.read_only {
        let what = "this gateway only shows: it was started with --read-only\n  mend: use `arena` on the command line, or a gateway without --read-only";
        return Problem::new(Kind::ReadOnly, what).into_response();
    }
    let is_allowed = match &access.token {
        None => true,
        Some(token) => bearer(request.headers()).is_some_and(|offered| token.is(offered)),
    };
    if is_allowed {
        return next.run(request).await;
    }
    let what = "this changes something, and the token is missing or wrong\n  mend: send `Authorization: Bearer TOKEN`";
    let wanted = [(header::WWW_AUTHENTICATE, "Bearer realm=\"arena\"")];
    (wanted, Problem::new(Kind::TokenWanted, what)).into_response()
}

/// Every method but those that HTTP itself calls safe, also one that nobody has thought of.
fn may_change(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = given.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start_matches(' '))
}
