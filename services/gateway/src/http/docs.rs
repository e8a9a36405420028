//! The pages for who writes to the API: `/docs` to try it (Swagger UI, from this binary), `/docs/problems`, `/openapi.json`.

use std::fmt::Write as _;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, Response};
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::Kind;

/// Swagger UI writes styles into its page, and its icons are data; its scripts are files of ours, and it asks only here.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

pub(super) fn router(openapi: OpenApi) -> Router {
    // No validator: it would send the document to somebody else's server.
    let config = Config::default()
        .try_it_out_enabled(true)
        .validator_url("none");
    let swagger: Router = SwaggerUi::new("/docs")
        .url("/openapi.json", openapi)
        .config(config)
        .into();
    swagger
        .layer(from_fn(allow_styles))
        .route("/docs/problems", get(problems))
}

async fn allow_styles(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static(POLICY);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// The page that a problem's `type` leads to.
async fn problems() -> Html<String> {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Problems - Arena</title>\n<link rel=\"stylesheet\" href=\"/plain.css\">\n</head>\n<body>\n<main>\n<h1>Problems</h1>\n\
         <p>Every error is a problem (<a href=\"https://www.rfc-editor.org/rfc/rfc9457\">RFC 9457</a>): <code>type</code> leads here, <code>detail</code> is what a person \
         reads, <code>mend</code> says what to do about it.</p>\n",
    );
    for about in Kind::ALL.map(Kind::about) {
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "<section id=\"{}\">\n<h2>{} <small>{} <code>{}</code></small></h2>\n<p>{}</p>\n</section>",
            about.name,
            about.title,
            about.status.as_u16(),
            about.name,
            about.meaning
        );
    }
    page.push_str("</main>\n</body>\n</html>\n");
    Html(page)
}
