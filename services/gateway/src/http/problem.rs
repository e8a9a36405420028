//! Errors as problem details (RFC 9457).

use std::borrow::Cow;

use axum::Extension;
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

/// A kind, for who is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The HTTP status.
    pub status: StatusCode,
    /// The end of its `type`.
    pub name: &'static str,
    /// In short.
    pub title: &'static str,
    /// When it is told, and what to do.
    pub meaning: &'static str,
}

impl Kind {
    /// Every kind, by status.
    pub const ALL: [Self; 15] = [
        Self::BadRequest,
        Self::TokenWanted,
        Self::ReadOnly,
        Self::ForeignOrigin,
        Self::ForeignHost,
        Self::NotFound,
        Self::Method,
        Self::Slow,
        Self::Refused,
        Self::TooLarge,
        Self::MediaType,
        Self::TooMany,
        Self::Failed,
        Self::Unknown,
        Self::Timeout,
    ];

    /// What is told of it.
    #[must_use]
    pub const fn about(self) -> About {
        let (status, name, title) = match self {
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
        };
        About {
            status,
            name,
            title,
            meaning: self.meaning(),
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::BadRequest => {
                "Something in the request is not what it must be. The detail says what and where: the field, and in a body line and column."
            }
            Self::TokenWanted => {
                "This would change something, and the token is missing or wrong. Send it as `Authorization: Bearer TOKEN`; who started the gateway has it."
            }
            Self::ReadOnly => {
                "This gateway was started with --read-only: nothing can be changed through it."
            }
            Self::ForeignOrigin => {
                "A page of another site asks, through a browser. Only the gateway's own pages may; a script sends no Origin."
            }
            Self::ForeignHost => {
                "The request is for a name that is not this gateway's. Use its address, or start it with --allow-host NAME."
            }
            Self::NotFound => "There is no such path, node, service, incident, fault, run...",
            Self::Method => {
                "The path is there, but not for this method; the header Allow has those that it takes."
            }
            Self::Slow => "The request did not come in time. Send it again.",
            Self::TooLarge => "The body is larger than 1 MiB. Send less at once.",
            Self::MediaType => {
                "The body is of a type that is not understood. Send JSON, with `Content-Type: application/json`."
            }
            Self::TooMany => {
                "Too many requests from this address, or too many connections. The header Retry-After says after how many seconds to ask again."
            }
            Self::Refused => {
                "The guard refuses. The detail is the sentence that the action carries in a status answer."
            }
            Self::Failed => "It failed, and it should not have. The gateway's log has more.",
            Self::Unknown => {
                "The bus or the recorder is away, so nobody can say. What was shown before may no longer be so."
            }
            Self::Timeout => {
                "It was asked for, and nobody answered in time. It may still be done: look before asking again."
            }
        }
    }

    /// What a status of HTTP means here; anything else is a request that is not right, or a failure.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        let same = Self::ALL
            .into_iter()
            .find(|kind| kind.about().status == status);
        same.unwrap_or(if status.is_client_error() {
            Self::BadRequest
        } else {
            Self::Failed
        })
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
    pub instance: Option<Box<str>>,
}

impl Problem {
    /// A problem of a kind. Of a text with a second line `mend: ...`, as the command line prints it, that becomes the mend.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        let about = kind.about();
        let what = what.into();
        let (detail, mend) = match what.split_once("\n  mend: ") {
            Some((detail, mend)) => (detail.to_owned(), Some(mend.to_owned())),
            None => (what, None),
        };
        Self {
            kind: format!("/docs/problems#{}", about.name),
            title: Cow::Borrowed(about.title),
            status: about.status.as_u16(),
            detail,
            mend,
            instance: None,
        }
    }
}

impl IntoResponse for Problem {
    /// The problem goes along as an extension, so that who knows the request can name its path.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (status, kind, Extension(self), body).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_status_and_has_a_name_of_its_own() {
        for kind in Kind::ALL {
            let status = kind.about().status;
            let found = Kind::of_status(status).about().status;
            assert_eq!(found, status);
            let same = Kind::ALL
                .iter()
                .filter(|other| other.about().name == kind.about().name);
            assert_eq!(same.count(), 1);
        }
        assert_eq!(Kind::of_status(StatusCode::IM_A_TEAPOT), Kind::BadRequest);
        assert_eq!(Kind::of_status(StatusCode::BAD_GATEWAY), Kind::Failed);
    }

    #[test]
    fn the_second_line_of_a_text_is_its_mend() {
        let problem = Problem::new(Kind::NotFound, "no node n\n  mend: use node-1");
        assert_eq!(problem.detail, "no node n");
        assert_eq!(problem.mend.as_deref(), Some("use node-1"));
    }
}
