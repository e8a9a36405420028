//! What the API says of itself: `OpenAPI` 3.1, made from the handlers. Here is what no handler says.

use arena_gateway_core::view;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, OpenApi, Ref, RefOr, ResponseBuilder, Schema};

use super::problem::Problem;

/// The name of the security scheme.
const TOKEN: &str = "token";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Arena",
        description = "A self-healing operations arena: what runs, what is ill, what is done about it, and what a person may do. Times are RFC 3339 in UTC, \
durations text (`30s`) on the way in and milliseconds on the way out. Every error is a problem (RFC 9457); /docs/problems lists the kinds.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "This gateway")),
    components(schemas(
        Problem,
        // What paths are made of.
        arena_proto::NodeName,
        arena_proto::ServiceName,
        arena_proto::IncidentId,
        arena_proto::CommandId,
        arena_proto::FaultId,
        view::BusView,
        view::About,
        view::IncidentView,
        view::FaultView,
        view::CommandView,
        arena_view::question::Question,
        view::SamplesView,
    ))
)]
struct Base;

/// What there is before the handlers say theirs.
pub(super) fn base() -> OpenApi {
    let mut openapi = Base::openapi();
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some(
        "Wanted for whatever changes something, where the gateway was started with a token."
            .to_owned(),
    );
    let components = openapi.components.get_or_insert_with(Components::new);
    components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme));
    openapi
}

/// What is so for every operation: it has an id of its own, any of them may have a problem, and what changes something may want a token.
pub(super) fn complete(openapi: &mut OpenApi) {
    for (path, item) in &mut openapi.paths.paths {
        name(path, item);
        let reading = [&mut item.get, &mut item.head, &mut item.options];
        for operation in reading.into_iter().flatten() {
            add_problems(operation);
        }
        let changing = [
            &mut item.post,
            &mut item.put,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in changing.into_iter().flatten() {
            add_problems(operation);
            let scopes: [&str; 0] = [];
            let token = SecurityRequirement::new(TOKEN, scopes);
            operation.security = Some(vec![token, SecurityRequirement::default()]);
        }
    }
}

/// Gives each operation of a path an id by method and path: handlers of different modules have the same names, and an id is one operation's.
fn name(path: &str, item: &mut PathItem) {
    let parts = path.trim_start_matches("/api/v1").split(['/', '{', '}']);
    let path = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let path = path.join("_");
    let operations = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("delete", &mut item.delete),
    ];
    for (method, operation) in operations {
        if let Some(operation) = operation {
            operation.operation_id = Some(format!("{method}_{path}"));
        }
    }
}

fn add_problems(operation: &mut Operation) {
    let answers = &mut operation.responses.responses;
    for (range, meaning) in [
        (
            "4XX",
            "Something is wrong with the request, or it is refused",
        ),
        ("5XX", "Nobody can say, or it failed"),
    ] {
        let problem = ResponseBuilder::new().description(meaning).build();
        answers.entry(range.to_owned()).or_insert(RefOr::T(problem));
    }
    // Whoever names an error, and as what: it is a problem.
    for (status, answer) in answers {
        if let RefOr::T(answer) = answer
            && status.starts_with(['4', '5'])
        {
            let schema = RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"));
            let content = RefOr::T(Content::new(Some(schema)));
            answer.content.clear();
            answer
                .content
                .insert("application/problem+json".to_owned(), content);
        }
    }
}
