//! The outbound leg of a (service, dependency) pair: picks a replica of the dependency for each request, says who calls, and
//! is where the faults of the caller's side live. It measures nothing: what its service feels here shows in the
//! service's own inbound leg, and the dependency is not to blame.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arena_proto::{NodeName, ServiceName};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::body::Outgoing;
use super::caller::Caller;
use super::conditions::{Conditions, Passage, Stopped};
use super::routes::{Replica, Routes};
use super::server::{
    self, CutOff, Guard, Handled, Streamed, answer, answer_head_bytes, request_head_bytes,
    strip_hop_by_hop,
};
use super::upstream::{Lease, UpstreamError};
use super::{REQUEST_TIMEOUT, REQUESTS_MAX};

/// The outbound leg of one pair.
#[derive(Debug)]
pub(crate) struct OutboundLeg {
    own: NodeName,
    dependency: ServiceName,
    port: u16,
    caller: Caller,
    conditions: Conditions,
    /// [`REQUESTS_MAX`] at once, those that are held included.
    room: Arc<Semaphore>,
}

/// A request on its way to a replica.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    replica: Arc<Replica>,
    /// Of the leg, until the answer has ended.
    room: Option<OwnedSemaphorePermit>,
}

impl OnItsWay {
    fn to(replica: &Arc<Replica>) -> Self {
        replica.in_flight.fetch_add(1, Ordering::Relaxed);
        Self {
            replica: Arc::clone(replica),
            room: None,
        }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.replica.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Guard for OnItsWay {
    fn complete(&mut self) {}

    fn broken(&mut self) {}
}

/// No healthy replica: only what has an http health check can be one.
pub(crate) fn nobody(dependency: &ServiceName) -> String {
    format!(
        "sidecar: no healthy replica of {dependency} (only what has an http health check can be one)"
    )
}

impl OutboundLeg {
    pub(crate) fn new(
        own: NodeName,
        service: &ServiceName,
        dependency: ServiceName,
        port: u16,
    ) -> Self {
        Self {
            caller: Caller::new(&own, service),
            own,
            dependency,
            port,
            conditions: Conditions::new(u64::from(port)),
            room: Arc::new(Semaphore::new(REQUESTS_MAX)),
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn dependency(&self) -> &ServiceName {
        &self.dependency
    }

    pub(crate) const fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// A connection to the best replica that takes one. All are tried: on loopback a refusal takes microseconds, and the
    /// replicas of nodes that are dead look idle, so they are tried before the busy ones that live.
    async fn connect(
        &self,
        routes: &Routes,
        passage: &Passage,
    ) -> Result<(Lease, OnItsWay), Stopped> {
        let dependency = &self.dependency;
        let mut cause = nobody(dependency);
        for replica in &routes.candidates(dependency) {
            if replica.in_flight.load(Ordering::Relaxed) >= REQUESTS_MAX {
                cause = format!("sidecar: too many requests to {dependency} at once");
                continue;
            }
            let on_its_way = OnItsWay::to(replica);
            passage.reach(replica.node != self.own).await;
            match replica.upstream.lease().await {
                Ok(lease) => return Ok((lease, on_its_way)),
                Err(error) => cause = format!("sidecar: {dependency} on {}: {error}", replica.node),
            }
        }
        Err(Stopped::Answered(StatusCode::SERVICE_UNAVAILABLE, cause))
    }

    async fn handle(&self, routes: &Routes, mut request: Request<Incoming>) -> Handled<OnItsWay> {
        let dependency = &self.dependency;
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            let words = format!("sidecar: too many requests to {dependency} at once");
            return Ok(answer(StatusCode::SERVICE_UNAVAILABLE, &words));
        };
        strip_hop_by_hop(request.headers_mut());
        self.caller.write(request.headers_mut());
        let passage = self.conditions.passage();
        let exchange = self.exchange(routes, &passage, request);
        match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
            Ok(Ok((lease, mut on_its_way, response))) => {
                on_its_way.room = Some(room);
                let (mut head, body) = response.into_parts();
                strip_hop_by_hop(&mut head.headers);
                let body = Streamed::new(passage.pipe(body), lease, on_its_way);
                Ok(Response::from_parts(head, Either::Left(body)))
            }
            Ok(Err(Stopped::Cut)) => Err(CutOff),
            Ok(Err(Stopped::Answered(status, words))) => Ok(answer(status, &words)),
            Err(_) => {
                let words = "sidecar: no answer in time";
                Ok(answer(StatusCode::GATEWAY_TIMEOUT, words))
            }
        }
    }

    /// Takes the request through the conditions to a replica, and the head of the answer back.
    async fn exchange(
        &self,
        routes: &Routes,
        passage: &Passage,
        request: Request<Incoming>,
    ) -> Result<(Lease, OnItsWay, Response<Incoming>), Stopped> {
        let broken = |error: UpstreamError| {
            let words = format!("sidecar: {}: {error}", self.dependency);
            Stopped::Answered(StatusCode::BAD_GATEWAY, words)
        };
        let request = Outgoing::of(request, passage).await.map_err(broken)?;
        passage.before(request_head_bytes(&request)).await?;
        let (mut lease, on_its_way) = self.connect(routes, passage).await?;
        let sent = lease.send(request.map(|body| passage.pipe(body))).await;
        let response = sent.map_err(broken)?;
        passage.after(answer_head_bytes(&response)).await;
        Ok((lease, on_its_way, response))
    }
}

/// Serves until it is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    leg: Arc<OutboundLeg>,
    routes: Routes,
    connected: Arc<Notify>,
) {
    // Nothing closes the connections of an outbound leg.
    let never = CancellationToken::new();
    server::serve(
        listener,
        move || {
            connected.notify_one();
            never.clone()
        },
        move |request| {
            let (leg, routes) = (Arc::clone(&leg), routes.clone());
            async move { leg.handle(&routes, request).await }
        },
    )
    .await;
}
