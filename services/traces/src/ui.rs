//! The Jaeger UI's files, embedded compressed and sent as they are: nothing is unpacked into memory.

use std::io::Read;

use axum::Router;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, VARY,
};
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use flate2::read::GzDecoder;

/// A file of the UI.
struct File {
    path: &'static str,
    media_type: &'static str,
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The line of the page that Jaeger's own query service replaces to configure the UI.
const CONFIG_LINE: &str = "const JAEGER_CONFIG = DEFAULT_CONFIG;";

/// Turns off what there is nothing behind: the archive, and the monitor, which wants metrics.
const CONFIG: &str =
    r#"const JAEGER_CONFIG = {"archiveEnabled": false, "monitor": {"menuEnabled": false}};"#;

pub(crate) fn router() -> Router {
    Router::new().fallback(get(file_or_page))
}

/// A file, or for any other path the page, which knows its own paths.
async fn file_or_page(uri: Uri, headers: HeaderMap) -> Response {
    let file = FILES.iter().find(|file| file.path == uri.path());
    match file {
        Some(file) => file.response(&headers),
        None if uri.path().starts_with("/static/") => StatusCode::NOT_FOUND.into_response(),
        None => {
            let page = Html(INDEX.replace(CONFIG_LINE, CONFIG));
            ([(CACHE_CONTROL, "no-cache")], page).into_response()
        }
    }
}

impl File {
    fn response(&self, headers: &HeaderMap) -> Response {
        let accepted = headers
            .get(ACCEPT_ENCODING)
            .and_then(|value| value.to_str().ok());
        // The name of a file changes with its content.
        let common = [
            (CONTENT_TYPE, self.media_type),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (VARY, "accept-encoding"),
        ];
        if accepted.is_some_and(|accepted| accepted.contains("gzip")) {
            return (common, [(CONTENT_ENCODING, "gzip")], self.gzip).into_response();
        }
        let mut plain = Vec::new();
        match GzDecoder::new(self.gzip).read_to_end(&mut plain) {
            Ok(_) => (common, plain).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
