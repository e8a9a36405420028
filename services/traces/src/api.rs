//! Jaeger's query API, as far as its UI uses it: services, operations, search, a trace, dependencies.
//!
//! The answer is `{"data": ..., "total": ..., "errors": ...}` throughout. The API is not specified by Jaeger, but
//! its UI and many tools rest on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;

use crate::SharedStore;
use crate::jaeger::{self, JaegerTrace};
use crate::search::Search;
use crate::store::{Store, StoredSpan, Trace};

/// The parameters of a request, some of which come more than once.
type Parameters = Query<Vec<(String, String)>>;

pub(crate) fn router(store: SharedStore) -> Router {
    Router::new()
        .route("/healthz", get(async || StatusCode::NO_CONTENT))
        .route("/api/services", get(services))
        .route("/api/services/{service}/operations", get(operation_names))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(search))
        .route("/api/traces/{id}", get(trace))
        .route("/api/dependencies", get(dependencies))
        .route(
            "/api/{*unknown}",
            get(async || failure(StatusCode::NOT_FOUND, "no such API")),
        )
        .with_state(store)
}

async fn services(State(store): State<SharedStore>) -> Response {
    let store = lock(&store);
    let services: BTreeSet<&str> = spans(&store)
        .map(|stored| &*stored.process.service)
        .collect();
    success(&services, services.len())
}

async fn operation_names(
    State(store): State<SharedStore>,
    Path(service): Path<String>,
) -> Response {
    let store = lock(&store);
    let of_service = spans(&store).filter(|stored| stored.process.service == service);
    let names: BTreeSet<&str> = of_service.map(|stored| &*stored.span.name).collect();
    success(&names, names.len())
}

async fn operations(State(store): State<SharedStore>, Query(asked): Parameters) -> Response {
    let parameter = |name: &str| {
        let given = asked
            .iter()
            .find(|(key, value)| key == name && !value.is_empty());
        given.map(|(_, value)| value.as_str())
    };
    let (service, kind) = (parameter("service"), parameter("spanKind"));
    let store = lock(&store);
    let wanted = spans(&store)
        .filter(|stored| service.is_none_or(|service| stored.process.service == service))
        .map(|stored| (&*stored.span.name, jaeger::kind(&stored.span)))
        .filter(|(_, kind_of_span)| kind.is_none_or(|kind| *kind_of_span == kind));
    let distinct: BTreeSet<(&str, &str)> = wanted.collect();
    let as_json = |(name, kind): &(&str, &str)| json!({"name": name, "spanKind": kind});
    let operations: Vec<_> = distinct.iter().map(as_json).collect();
    success(&operations, operations.len())
}

async fn search(State(store): State<SharedStore>, Query(asked): Parameters) -> Response {
    match Search::parse(&asked) {
        Ok(search) => {
            let store = lock(&store);
            let found: Vec<JaegerTrace> = search.run(&store).into_iter().map(Into::into).collect();
            success(&found, found.len())
        }
        Err(message) => failure(StatusCode::BAD_REQUEST, &message),
    }
}

async fn trace(State(store): State<SharedStore>, Path(id): Path<String>) -> Response {
    let Ok(id) = u128::from_str_radix(&id, 16) else {
        return failure(
            StatusCode::BAD_REQUEST,
            "a trace id is up to 32 hexadecimal digits",
        );
    };
    let store = lock(&store);
    match store.trace(id) {
        Some(trace) => success(&[JaegerTrace::from(trace)], 1),
        None => failure(StatusCode::NOT_FOUND, "trace not found"),
    }
}

/// Which service's spans are parents of which other's, and how often.
async fn dependencies(State(store): State<SharedStore>) -> Response {
    let store = lock(&store);
    let mut calls: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (parent, child) in store.traces().flat_map(edges) {
        *calls.entry((parent, child)).or_default() += 1;
    }
    let as_json = |(&(parent, child), count): (&(&str, &str), &u64)| json!({"parent": parent, "child": child, "callCount": count});
    let dependencies: Vec<_> = calls.iter().map(as_json).collect();
    success(&dependencies, dependencies.len())
}

fn edges(trace: &Trace) -> impl Iterator<Item = (&str, &str)> {
    trace.spans.values().filter_map(|stored| {
        let parent = trace.spans.get(stored.span.parent_span_id.as_slice())?;
        let (from, to) = (&*parent.process.service, &*stored.process.service);
        (from != to).then_some((from, to))
    })
}

fn lock(store: &SharedStore) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spans(store: &Store) -> impl Iterator<Item = &StoredSpan> {
    store.traces().flat_map(|trace| trace.spans.values())
}

fn success(data: &impl Serialize, total: usize) -> Response {
    let answer = json!({"data": data, "total": total, "limit": 0, "offset": 0, "errors": null});
    Json(answer).into_response()
}

fn failure(status: StatusCode, message: &str) -> Response {
    let error = json!({"code": status.as_u16(), "msg": message});
    let answer = json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": [error]});
    (status, Json(answer)).into_response()
}
