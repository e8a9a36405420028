//! The connections: each with its place, its limits, and an end when the gateway is told to stop.
//!
//! Invariant: whatever a client does, sends or leaves out, its connection ends or costs a bounded amount of memory.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arena_chassis::CancellationToken;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::middleware::from_fn;
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutWriter;
use tower::ServiceExt as _;

use super::connections::{Place, Places};
use super::host::Local;
use super::limits::{
    CONNECTIONS_MAX, CONNECTIONS_REFUSED_MAX, DRAIN_TIME_MAX, HEAD_BYTES_MAX, HEAD_TIME_MAX,
    STALL_TIME_MAX,
};
use super::rate::{Peer, too_many};
use super::{errors, headers};

/// When the machine has no socket left, the next try: others may have closed theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// After so long somebody else's connection may have ended.
const PLACE_WAIT: Duration = Duration::from_secs(5);

/// Files beside the connections: the bus, the webhooks, logs.
const OTHER_FILES: u64 = 100;

/// Serves until told to stop, and then for a moment more, so that short answers end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    allow_files();
    let places = Places::default();
    let full = full();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = places.take(peer.ip()) else {
                    continue;
                };
                let router = if place.is_refusal() { &full } else { &router };
                let connection = Connection {
                    router: router.clone(),
                    peer,
                    _place: place,
                };
                connections.spawn(connection.run(stream, shutdown.clone()));
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
        tracing::debug!("{} connections are cut off", connections.len());
    }
    connections.shutdown().await;
}

/// The usual limit of 1,024 files is less than the connections that are promised.
fn allow_files() {
    let wanted = (CONNECTIONS_MAX + CONNECTIONS_REFUSED_MAX) as u64 + OTHER_FILES;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
    let allowed = setrlimit(Resource::Nofile, limit);
    if allowed.is_err() || limit.current.is_some_and(|current| current < wanted) {
        tracing::warn!(
            "this process may not open {wanted} files: fewer connections fit than the limits say"
        );
    }
}

/// What is answered when there is no place.
fn full() -> Router {
    Router::new()
        .fallback(async || {
            let told = too_many("too many connections", PLACE_WAIT);
            ([(header::CONNECTION, "close")], told).into_response()
        })
        .layer(from_fn(errors::complete))
        .layer(from_fn(headers::add))
}

/// One connection.
struct Connection {
    router: Router,
    peer: SocketAddr,
    /// Given back at its end.
    _place: Place,
}

impl Connection {
    async fn run(self, stream: TcpStream, shutdown: CancellationToken) {
        let peer = self.peer;
        // How a client leaves is its own affair.
        if let Err(error) = self.serve(stream, shutdown).await {
            tracing::debug!("connection of {peer}: {error}");
        }
    }

    async fn serve(self, stream: TcpStream, shutdown: CancellationToken) -> anyhow::Result<()> {
        // An event is one small write: it must not wait for the next.
        stream.set_nodelay(true)?;
        let local = Local(stream.local_addr()?);
        let peer = Peer(self.peer.ip());
        let router = Arc::new(self.router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let router = Router::clone(&router);
            request.extensions_mut().insert(local);
            request.extensions_mut().insert(peer);
            async move { router.oneshot(request.map(Body::new)).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(Box::pin(impatient(stream))), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return Ok(ended?),
            () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }
}

/// A client that takes nothing for too long is an error.
fn impatient(stream: TcpStream) -> TimeoutWriter<TcpStream> {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(STALL_TIME_MAX));
    stream
}
