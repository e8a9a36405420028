//! The outbound leg of a (service, dependency) pair: picks a replica of the dependency for each request.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arena_proto::ServiceName;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::routes::{Replica, Routes};
use super::server::{self, AnswerBody, Guard, Streamed, answer, strip_hop_by_hop};
use super::upstream::{Lease, UpstreamError};
use super::{REQUEST_TIMEOUT, REQUESTS_MAX};

/// A request on its way to a replica.
#[derive(Debug)]
pub(crate) struct OnItsWay(Arc<Replica>);

impl OnItsWay {
    fn to(replica: &Arc<Replica>) -> Self {
        replica.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(replica))
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Guard for OnItsWay {
    fn complete(&mut self) {}

    fn broken(&mut self) {}
}

/// A connection to the best replica that takes one. All are tried: on loopback a refusal takes microseconds, and the replicas
/// of nodes that are dead look idle, so they are tried before the busy ones that live.
async fn connect(routes: &Routes, dependency: &ServiceName) -> Result<(Lease, OnItsWay), String> {
    let mut cause = format!(
        "sidecar: no healthy replica of {dependency} (only what has an http health check can be one)"
    );
    for replica in &routes.candidates(dependency) {
        if replica.in_flight.load(Ordering::Relaxed) >= REQUESTS_MAX {
            cause = format!("sidecar: too many requests to {dependency} at once");
            continue;
        }
        let on_its_way = OnItsWay::to(replica);
        match replica.upstream.lease().await {
            Ok(lease) => return Ok((lease, on_its_way)),
            Err(error) => cause = format!("sidecar: {dependency} on {}: {error}", replica.node),
        }
    }
    Err(cause)
}

async fn handle(
    routes: Routes,
    dependency: ServiceName,
    mut request: Request<Incoming>,
) -> Response<AnswerBody<OnItsWay>> {
    strip_hop_by_hop(request.headers_mut());
    let exchange = async {
        let (mut lease, on_its_way) = match connect(&routes, &dependency).await {
            Ok(connected) => connected,
            Err(words) => return Err((StatusCode::SERVICE_UNAVAILABLE, words)),
        };
        let sent = lease.send(request).await;
        let response = sent.map_err(|error: UpstreamError| {
            (
                StatusCode::BAD_GATEWAY,
                format!("sidecar: {dependency}: {error}"),
            )
        })?;
        Ok((lease, on_its_way, response))
    };
    match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
        Ok(Ok((lease, on_its_way, response))) => {
            let (mut head, body) = response.into_parts();
            strip_hop_by_hop(&mut head.headers);
            Response::from_parts(head, Either::Left(Streamed::new(body, lease, on_its_way)))
        }
        Ok(Err((status, words))) => answer(status, &words),
        Err(_) => answer(StatusCode::GATEWAY_TIMEOUT, "sidecar: no answer in time"),
    }
}

/// Serves until it is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    dependency: ServiceName,
    routes: Routes,
    connected: Arc<Notify>,
) {
    // Nothing resets an outbound leg.
    let never = CancellationToken::new();
    server::serve(
        listener,
        move || {
            connected.notify_one();
            never.clone()
        },
        move |request| handle(routes.clone(), dependency.clone(), request),
    )
    .await;
}
