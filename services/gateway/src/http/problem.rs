//! Errors as problem details (RFC 9457).

use std::borrow::Cow;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What kind of mistake or trouble it is (docs/gateway.md, "Errors").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something in the request is not what it must be.
    BadRequest,
    /// A change wants a token.
    TokenWanted,
    /// Changes are off.
    ReadOnly,
    /// A page of another site asks.
    ForeignOrigin,
    /// Asked under a name that is not this gateway's.
    ForeignHost,
    /// There is no such thing.
    NotFound,
    /// Not with this method.
    Method,
    /// The request came too slowly.
    Slow,
    /// The body is too large.
    TooLarge,
    /// The body is of a type that is not understood.
    MediaType,
    /// Too many requests.
    TooMany,
    /// The guard refuses.
    Refused,
    /// It failed, and it should not have.
    Failed,
    /// Nobody can say: the bus or the recorder is away.
    Unknown,
    /// Nobody answered in time.
    Timeout,
}

impl Kind {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "Bad request"),
            Self::TokenWanted => (
                StatusCode::UNAUTHORIZED,
                "token-wanted",
                "A token is wanted",
            ),
            Self::ReadOnly => (StatusCode::FORBIDDEN, "read-only", "Read only"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign-origin", "From another site"),
            Self::ForeignHost => (StatusCode::FORBIDDEN, "foreign-host", "Not this host"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "Not with this method",
            ),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, "slow", "Too slow"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "Media type",
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many",
                "Too many requests",
            ),
            Self::Refused => (StatusCode::CONFLICT, "refused", "Refused"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed", "Failed"),
            Self::Unknown => (StatusCode::SERVICE_UNAVAILABLE, "unknown", "Unknown"),
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout", "No answer in time"),
        }
    }
}

/// A problem, as the body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Where this kind is described.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this very request, in a sentence.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Problem {
    /// A problem of a kind. Of a text with a second line `mend: ...`, as the command line prints it, that becomes the mend.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        let (status, name, title) = kind.parts();
        let what = what.into();
        let (detail, mend) = match what.split_once("\n  mend: ") {
            Some((detail, mend)) => (detail.to_owned(), Some(mend.to_owned())),
            None => (what, None),
        };
        Self {
            kind: format!("/docs/problems#{name}"),
            title: Cow::Borrowed(title),
            status: status.as_u16(),
            detail,
            mend,
            instance: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, body).into_response()
    }
}
