//! Every error is a problem, whoever makes it: a handler, a guard, the router, a panic.

use std::panic::AssertUnwindSafe;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;

use super::limits::HANDLER_TIME_MAX;
use super::problem::{Kind, Problem};

/// The words of others are sentences; what is longer is none.
const WORDS_BYTES_MAX: usize = 4 * 1024;

/// Names the path in a problem, and makes one of what is an error and none yet.
pub(super) async fn complete(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let mut problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None => of_others(&mut response, &method, &path).await,
    };
    problem.instance = Some(path.into());
    let mut told = problem.into_response();
    // What the error says beside its words: Allow, Retry-After, WWW-Authenticate.
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            told.headers_mut().append(name, value.clone());
        }
    }
    told
}

async fn of_others(response: &mut Response, method: &Method, path: &str) -> Problem {
    let kind = Kind::of_status(response.status());
    let words = match kind {
        Kind::NotFound => {
            format!("there is nothing at {path}\n  mend: /docs lists what there is")
        }
        // The router adds that header to whatever answer comes of this.
        Kind::Method => {
            format!("{path} is not there for {method}\n  mend: use a method of the header Allow")
        }
        _ => {
            let body = std::mem::take(response.body_mut());
            let body = to_bytes(body, WORDS_BYTES_MAX).await.unwrap_or_default();
            let said = String::from_utf8_lossy(&body).into_owned();
            if said.is_empty() {
                kind.about().meaning.to_owned()
            } else {
                said
            }
        }
    };
    Problem::new(kind, words)
}

/// A handler that panics has failed, and the gateway goes on.
pub(super) async fn catch_panic(request: Request, next: Next) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().copied();
            let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!("{asked} panicked: {}", said.unwrap_or("no words"));
            let what =
                "the gateway made a mistake\n  mend: its log says more: `arena logs gateway`";
            Problem::new(Kind::Failed, what).into_response()
        }
    }
}

/// A handler that takes too long is given up. Its answer's body, an event stream say, may take as long as it wants.
pub(super) async fn limit_time(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(HANDLER_TIME_MAX, next.run(request));
    answer.await.unwrap_or_else(|_| {
        let what = format!("this took longer than {HANDLER_TIME_MAX:?}, and was given up");
        Problem::new(Kind::Timeout, what).into_response()
    })
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(method: &str, path: &str) -> (StatusCode, serde_json::Value) {
        let router = Router::new()
            .route("/fine", get(async || "fine"))
            .route("/teapot", get(async || (StatusCode::IM_A_TEAPOT, "short")))
            .route("/broken", get(async || -> &'static str { panic!("oh") }))
            .layer(from_fn(catch_panic))
            .layer(from_fn(complete));
        let request = Request::builder().method(method).uri(path);
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await;
        let response = response.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn whoever_makes_an_error_it_is_a_problem_that_names_the_path() {
        let (status, problem) = ask("GET", "/nothing").await;
        assert_eq!(status, 404);
        assert_eq!(problem["type"], "/docs/problems#not-found");
        assert_eq!(problem["instance"], "/nothing");
        let (status, problem) = ask("PUT", "/fine").await;
        assert_eq!(
            (status.as_u16(), &problem["mend"]),
            (405, &"use a method of the header Allow".into())
        );
        let (status, problem) = ask("GET", "/teapot").await;
        assert_eq!(
            (status.as_u16(), &problem["detail"]),
            (400, &"short".into())
        );
        let (status, problem) = ask("GET", "/broken").await;
        assert_eq!(status, 500);
        assert_eq!(problem["type"], "/docs/problems#failed");
        assert_eq!(ask("GET", "/fine").await.0, 200);
    }
}
