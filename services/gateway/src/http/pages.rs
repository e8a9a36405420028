//! The pages: the built dashboard, and the plain page at `/plain`, which is also the dashboard of who has built none.
//!
//! The files are embedded compressed and sent as they are; `build.rs` lists them.

use std::io::Read as _;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

/// A file.
struct File {
    path: &'static str,
    media_type: &'static str,
    /// With its quotes, as in the header.
    tag: &'static str,
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Where the build puts what has its hash in its name.
const HASHED: &str = "/assets/";

/// A file; for any other path that a person opens, the dashboard, which knows its own paths.
pub(super) async fn serve(request: Request) -> Response {
    let (method, headers) = (request.method(), request.headers());
    let found = match request.uri().path() {
        _ if method != Method::GET && method != Method::HEAD => None,
        "/plain" => plain(),
        "/" => dashboard(),
        path => file(path).or_else(|| {
            let is_page = !path.starts_with("/api/") && !path.starts_with(HASHED);
            (is_page && wants_page(headers)).then(dashboard)?
        }),
    };
    match found {
        Some(file) => file.response(headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn file(path: &str) -> Option<&'static File> {
    DASHBOARD.iter().chain(PLAIN).find(|file| file.path == path)
}

fn plain() -> Option<&'static File> {
    PLAIN.iter().find(|file| file.path == "/plain.html")
}

fn dashboard() -> Option<&'static File> {
    let built = DASHBOARD.iter().find(|file| file.path == "/index.html");
    built.or_else(plain)
}

/// A browser that opens a page says so; a script that asks for a path that is not there is told so.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let mut accepted = accepted.filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("text/html"))
}

impl File {
    fn response(&self, headers: &HeaderMap) -> Response {
        // What has no hash in its name is asked for again each time, and mostly answered by 304.
        let kept = if self.path.starts_with(HASHED) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let common = [
            (header::CONTENT_TYPE, self.media_type),
            (header::CACHE_CONTROL, kept),
            (header::ETAG, self.tag),
            (header::VARY, "accept-encoding"),
        ];
        if says(headers, header::IF_NONE_MATCH, self.tag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        if says(headers, header::ACCEPT_ENCODING, "gzip") {
            return (common, [(header::CONTENT_ENCODING, "gzip")], self.gzip).into_response();
        }
        let mut plain = Vec::new();
        match GzDecoder::new(self.gzip).read_to_end(&mut plain) {
            Ok(_) => (common, plain).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

fn says(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let given = headers.get(name).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| given.contains(word))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};

    use super::*;

    async fn get(path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = serve(request.body(Body::empty()).unwrap()).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, body.to_vec())
    }

    #[tokio::test]
    async fn a_page_is_at_its_root_and_at_every_deep_link_but_not_in_the_api() {
        let page = [("accept", "text/html,*/*;q=0.8")];
        for path in ["/", "/plain", "/incidents/inc-1"] {
            let (status, headers, body) = get(path, &page).await;
            assert_eq!(status, 200, "{path}");
            assert_eq!(headers["cache-control"], "no-cache");
            assert!(body.starts_with(b"<!doctype html>"), "{path}");
        }
        for path in ["/api/v1/nothing", "/assets/nothing.js"] {
            assert_eq!(get(path, &page).await.0, 404, "{path}");
        }
        assert_eq!(get("/nothing", &[("accept", "*/*")]).await.0, 404);
    }

    #[tokio::test]
    async fn a_file_is_sent_compressed_or_not_and_not_again() {
        let (_, headers, plain) = get("/plain.css", &[]).await;
        assert_eq!(headers["content-type"], "text/css; charset=utf-8");
        let (_, zipped, body) = get("/plain.css", &[("accept-encoding", "br, gzip")]).await;
        assert_eq!(zipped["content-encoding"], "gzip");
        let mut unzipped = Vec::new();
        GzDecoder::new(&body[..])
            .read_to_end(&mut unzipped)
            .unwrap();
        assert_eq!(unzipped, plain);
        let tag = headers["etag"].to_str().unwrap();
        assert_eq!(get("/plain.css", &[("if-none-match", tag)]).await.0, 304);
    }
}
