//! Answers: JSON bodies, and refusals that say why.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Far above any order; a longer body is refused.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// An answer.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Why a request was not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What kind of failure it is.
    pub(crate) status: StatusCode,
    /// In plain words.
    pub(crate) reason: String,
}

impl Refusal {
    /// A status and its reason.
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
        }
    }

    /// As `{"error": reason}`.
    pub(crate) fn into_reply(self) -> Reply {
        let body = serde_json::json!({ "error": self.reason });
        with_body(self.status, "application/json", body.to_string())
    }

    /// As plain text, which is what the control socket answers.
    pub(crate) fn into_text(self) -> Reply {
        with_body(self.status, "text/plain; charset=utf-8", self.reason)
    }
}

/// 200 with a JSON body.
pub(crate) fn json(value: &impl Serialize) -> Result<Reply, Refusal> {
    let body = serde_json::to_vec(value).map_err(|error| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("cannot write the answer: {error}"),
        )
    })?;
    Ok(with_body(StatusCode::OK, "application/json", body))
}

/// 204.
pub(crate) fn no_content() -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// 404.
pub(crate) fn not_found(path: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("nothing at {path}"))
}

/// Reads a JSON body; 400 when it is not one or is too long.
pub(crate) async fn read_json<T: DeserializeOwned>(
    request: Request<Incoming>,
) -> Result<T, Refusal> {
    let bad = |reason: String| Refusal::new(StatusCode::BAD_REQUEST, reason);
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| bad(format!("cannot read the body: {error}")))?
        .to_bytes();
    serde_json::from_slice(&body).map_err(|error| bad(format!("not a valid body: {error}")))
}

fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
