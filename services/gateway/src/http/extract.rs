//! What a request says, read into types: body, query and path. What cannot be read is a problem that says what and where.
//!
//! Invariant: a body has a limit in bytes (the router's) and in time (here); nothing is read before both are set.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::limits::{BODY_BYTES_MAX, BODY_TIME_MAX};
use super::problem::{Kind, Problem};

/// JSON, in as out. As `Option<Json<T>>` a request may come without a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

/// JSON that is read elsewhere, by who can say better what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawJson(pub Bytes);

/// The query, as the fields of `T`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<T>(pub T);

/// The variable parts of the path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let RawJson(body) = RawJson::from_request(request, state).await?;
        parse(&body)
    }
}

impl<S: Send + Sync> FromRequest<S> for RawJson {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                Kind::MediaType,
                "the body must be JSON\n  mend: send it with `Content-Type: application/json`",
            ));
        }
        let body = read(request, state).await?;
        // serde would take a list as an object's fields in order: nobody means that.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(bad("body", "it is a list, and an object is wanted"));
        }
        Ok(Self(body))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            let given = <Self as FromRequest<S>>::from_request(request, state).await?;
            return Ok(Some(given));
        }
        // A body of unknown type is not overlooked.
        if read(request, state).await?.is_empty() {
            return Ok(None);
        }
        Err(Problem::new(
            Kind::MediaType,
            "the body does not say what it is\n  mend: send it with `Content-Type: application/json`, or none",
        ))
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(bad("query", &rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(rejection) => Err(bad("path", &rejection.body_text())),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.and_then(|value| value.to_str().ok());
    let essence = given.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        let essence = essence.trim().to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY_TIME_MAX, Bytes::from_request(request, state)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) => Err(unread(&rejection)),
        Err(_) => Err(Problem::new(
            Kind::Slow,
            format!("the body did not come within {BODY_TIME_MAX:?}"),
        )),
    }
}

fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(
            Kind::TooLarge,
            format!("the body is larger than {} KiB", BODY_BYTES_MAX / 1024),
        )
    } else {
        bad("body", &rejection.body_text())
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<Json<T>, Problem> {
    match axum::Json::from_bytes(body) {
        Ok(axum::Json(value)) => Ok(Json(value)),
        Err(JsonRejection::JsonDataError(error)) => Err(bad("body", &error.body_text())),
        Err(rejection) => Err(bad("body is no JSON", &rejection.body_text())),
    }
}

/// The library's sentence says what is meant after its first colon: field and place.
fn bad(part: &str, text: &str) -> Problem {
    let what = text.split_once(": ").map_or(text, |(_, what)| what);
    Problem::new(Kind::BadRequest, format!("{part}: {what}"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        count: u8,
    }

    async fn json(kind: Option<&str>, body: &'static str) -> Result<Option<Wish>, Problem> {
        let mut request = Request::builder();
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(body)).unwrap();
        let read = <Json<Wish> as OptionalFromRequest<()>>::from_request(request, &()).await?;
        Ok(read.map(|Json(wish)| wish))
    }

    #[tokio::test]
    async fn a_body_is_read_or_told_what_is_wrong_where() {
        let kind = Some("application/json; charset=utf-8");
        assert_eq!(
            json(kind, r#"{"count": 3}"#).await,
            Ok(Some(Wish { count: 3 }))
        );
        assert_eq!(json(None, "").await, Ok(None));
        for (kind, body, status, words) in [
            (kind, r#"{"count": 300}"#, 400, "count: invalid value"),
            (kind, r#"{"cuont": 3}"#, 400, "unknown field `cuont`"),
            (kind, "{\n  \"count\":", 400, "line 2"),
            (kind, "", 400, "line 1"),
            (kind, "\n[3]", 400, "an object is wanted"),
            (Some("text/plain"), "{}", 415, "must be JSON"),
            (None, "{}", 415, "does not say"),
        ] {
            let problem = json(kind, body).await.unwrap_err();
            assert_eq!(problem.status, status, "{body}: {problem:?}");
            assert!(problem.detail.contains(words), "{body}: {problem:?}");
        }
    }

    #[tokio::test]
    async fn a_query_is_read_or_told_what_is_wrong() {
        let query = async |uri: &str| {
            let request = Request::builder().uri(uri).body(()).unwrap();
            let (mut parts, ()) = request.into_parts();
            Query::<Wish>::from_request_parts(&mut parts, &()).await
        };
        assert_eq!(query("/?count=4").await, Ok(Query(Wish { count: 4 })));
        let problem = query("/?count=x").await.unwrap_err();
        assert_eq!(
            problem.detail,
            "query: count: invalid digit found in string"
        );
        assert!(query("/?count=1&more=2").await.is_err());
    }
}
