//! Does a page of another site ask, through somebody's browser? It is refused, whatever it asks for.
//!
//! No CORS header is ever sent: there is no other site that may ask.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Kind, Problem};

/// The guard. It stands behind the one for the host, so that the header Host is known to be the gateway's.
pub(super) async fn check(request: Request, next: Next) -> Response {
    match foreign(request.method(), request.headers()) {
        None => next.run(request).await,
        Some(what) => Problem::new(Kind::ForeignOrigin, what).into_response(),
    }
}

fn foreign(method: &Method, headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST.as_str()).unwrap_or_default();
    for origin in headers.get_all(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("?");
        if !is_own(origin, host) {
            return Some(format!(
                "a page of {origin} asks\n  mend: use the gateway's own pages, or a script, which sends no Origin"
            ));
        }
    }
    // Who follows a link from somewhere else to a page comes from another site, and is welcome; a page that fetches is not.
    let follows_link = method == Method::GET
        && text("sec-fetch-mode") == Some("navigate")
        && text("sec-fetch-dest") == Some("document");
    let is_foreign = text("sec-fetch-site") == Some("cross-site") && !follows_link;
    is_foreign.then(|| {
        "a page of another site asks\n  mend: open the gateway's own pages, or use a script"
            .to_owned()
    })
}

/// `null` is a page without an origin, as in a sandbox: foreign. Before the gateway there may be a proxy that speaks TLS.
fn is_own(origin: &str, host: &str) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_foreign(method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let mut all = HeaderMap::new();
        all.insert(header::HOST, "localhost:4280".parse().unwrap());
        for (name, value) in headers {
            all.append(*name, value.parse().unwrap());
        }
        foreign(method, &all).is_some()
    }

    #[test]
    fn only_its_own_pages_and_those_without_a_page_may_ask() {
        for method in [Method::GET, Method::POST] {
            assert!(!is_foreign(&method, &[]));
            assert!(!is_foreign(&method, &[("origin", "http://localhost:4280")]));
            assert!(!is_foreign(
                &method,
                &[("origin", "https://LOCALHOST:4280")]
            ));
            for origin in [
                "null",
                "http://localhost:4281",
                "http://localhost",
                "http://127.0.0.1:4280",
                "https://evil.example",
                "http://localhost:4280.evil.example",
                "file://localhost:4280",
                "",
            ] {
                assert!(is_foreign(&method, &[("origin", origin)]), "{origin}");
            }
        }
        let two = [("origin", "http://localhost:4280"), ("origin", "null")];
        assert!(is_foreign(&Method::POST, &two));
    }

    #[test]
    fn a_link_may_be_followed_from_anywhere_and_nothing_else() {
        let site = ("sec-fetch-site", "cross-site");
        let link = [
            site,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        assert!(!is_foreign(&Method::GET, &link));
        assert!(is_foreign(&Method::POST, &link));
        assert!(is_foreign(
            &Method::GET,
            &[site, ("sec-fetch-mode", "no-cors")]
        ));
        let frame = [
            site,
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "iframe"),
        ];
        assert!(is_foreign(&Method::GET, &frame));
        assert!(!is_foreign(&Method::GET, &[("sec-fetch-site", "none")]));
    }
}
