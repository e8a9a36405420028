//! What both kinds of legs share: accepting connections, and answers of the leg's own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::REQUESTS_MAX;
use super::conditions::Piped;
use super::upstream::Lease;

/// The body of an answer: the service's, streamed, or a few words of the leg's own.
pub(crate) type AnswerBody<G> = Either<Streamed<G>, Full<Bytes>>;

/// A body that is passed on. At its end the connection is given back, and the guard is told and dropped.
#[derive(Debug)]
pub(crate) struct Streamed<G> {
    body: Piped<Incoming>,
    lease: Lease,
    guard: Option<G>,
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut off")]
pub(crate) struct CutOff;

/// What becomes of a request.
pub(crate) type Handled<G> = Result<Response<AnswerBody<G>>, CutOff>;

/// Is dropped when an answer has ended, or never will.
pub(crate) trait Guard: Unpin {
    /// The answer was passed on to its end.
    fn complete(&mut self);

    /// The service broke off in the middle of its answer.
    fn broken(&mut self);
}

impl<G: Guard> Streamed<G> {
    pub(crate) fn new(body: Piped<Incoming>, lease: Lease, guard: G) -> Self {
        let mut streamed = Self {
            body,
            lease,
            guard: Some(guard),
        };
        // hyper does not poll a body that is known to be empty.
        if streamed.body.is_end_stream() {
            streamed.complete();
        }
        streamed
    }

    fn complete(&mut self) {
        self.lease.give_back();
        if let Some(mut guard) = self.guard.take() {
            guard.complete();
        }
    }
}

impl<G: Guard> Body for Streamed<G> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let ended = match &polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(_))) => self.body.is_end_stream(),
            _ => false,
        };
        if ended {
            self.complete();
        } else if let (Poll::Ready(Some(Err(_))), Some(guard)) = (&polled, self.guard.as_mut()) {
            guard.broken();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer of the leg's own.
pub(crate) fn answer<G>(status: StatusCode, words: &str) -> Response<AnswerBody<G>> {
    let body = Full::new(Bytes::from(format!("{words}\n")));
    let mut response = Response::new(Either::Right(body));
    *response.status_mut() = status;
    response
}

/// Headers that are about one connection and not passed on (RFC 9110, 7.6.1). `transfer-encoding` is hyper's to set anew.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    ] {
        headers.remove(name);
    }
}

/// The bytes of a request's head, as HTTP/1.1 writes it.
pub(crate) fn request_head_bytes<B>(request: &Request<B>) -> usize {
    let target = request
        .uri()
        .path_and_query()
        .map_or(1, |target| target.as_str().len());
    // `GET / HTTP/1.1` and the ends of its line and of the head.
    request.method().as_str().len() + target + 14 + headers_bytes(request.headers())
}

/// The bytes of an answer's head.
pub(crate) fn answer_head_bytes<B>(answer: &Response<B>) -> usize {
    let reason = answer.status().canonical_reason().map_or(0, str::len);
    // `HTTP/1.1 200 OK` and the ends of its line and of the head.
    reason + 17 + headers_bytes(answer.headers())
}

fn headers_bytes(headers: &HeaderMap) -> usize {
    let line = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    headers.iter().map(line).sum()
}

/// Serves until it is dropped. `reset` is asked for the token that closes a connection, when one begins.
pub(crate) async fn serve<G, H, F>(
    listener: TcpListener,
    reset: impl Fn() -> CancellationToken,
    handle: H,
) where
    G: Guard + Send + 'static,
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Handled<G>> + Send + 'static,
{
    // A connection carries one request at a time; those that are only kept open need room too.
    let room = Arc::new(Semaphore::new(2 * REQUESTS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, mostly: a pause lets others end.
                tracing::warn!(%error, "the sidecar cannot accept");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        // Without it small answers wait for the acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let closed = reset();
        let handle = handle.clone();
        connections.spawn(async move {
            let _permit = permit;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service_fn(handle));
            tokio::select! {
                biased;
                () = closed.cancelled() => {}
                // A caller that went away, or was cut off, is nothing to tell.
                _ = connection => {}
            }
        });
    }
}
