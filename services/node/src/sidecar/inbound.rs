//! The inbound leg of a service: what others send to it passes here, is counted, and may be delayed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arena_chassis::Clock;
use arena_proto::Timestamp;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::REQUEST_TIMEOUT;
use super::server::{self, AnswerBody, Guard, Streamed, answer, strip_hop_by_hop};
use super::stats::{InFlight, Recorder, RequestStats};
use super::upstream::{Upstream, UpstreamError};

/// A network delay: each request waits for `latency`, up to `jitter` more or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay {
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
}

/// The inbound leg of one service.
#[derive(Debug)]
pub(crate) struct InboundLeg {
    port: u16,
    upstream: Upstream,
    recorder: Recorder,
    delay: Mutex<Option<Delay>>,
    /// Cancelled to close the connections that are open, and then replaced.
    connections: Mutex<CancellationToken>,
    /// Of the jitter; not for secrets.
    random: AtomicU64,
}

/// Counts the answer as a success when it was passed on to its end and is none of the server's errors.
#[derive(Debug)]
pub(crate) struct Counted {
    request: InFlight,
    server_error: bool,
}

impl Guard for Counted {
    fn complete(&mut self) {
        if !self.server_error {
            self.request.succeeded();
        }
    }
}

impl InboundLeg {
    pub(crate) fn new(port: u16, service_port: u16, clock: Clock) -> Self {
        Self {
            port,
            upstream: Upstream::new(service_port),
            recorder: Recorder::new(clock),
            delay: Mutex::new(None),
            connections: Mutex::new(CancellationToken::new()),
            random: AtomicU64::new(u64::from(port)),
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What was seen since the last time.
    pub(crate) fn take_stats(&self, now: Timestamp, elapsed: Duration) -> RequestStats {
        self.recorder.take(now, elapsed)
    }

    pub(crate) fn set_delay(&self, delay: Option<Delay>) {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    pub(crate) fn delay(&self) -> Option<Delay> {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes every connection, to both sides.
    pub(crate) fn reset(&self) {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *connections).cancel();
        drop(connections);
        self.upstream.close_idle();
    }

    fn token(&self) -> CancellationToken {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How long this request has to wait.
    fn wait(&self) -> Duration {
        let Some(delay) = self.delay() else {
            return Duration::ZERO;
        };
        let random = splitmix64(self.random.fetch_add(1, Ordering::Relaxed));
        // From -jitter to +jitter, in nanoseconds.
        let span = u64::try_from(delay.jitter.as_nanos())
            .unwrap_or(0)
            .saturating_mul(2);
        let above = Duration::from_nanos(random % span.saturating_add(1));
        (delay.latency + above).saturating_sub(delay.jitter)
    }

    async fn handle(&self, mut request: Request<Incoming>) -> Response<AnswerBody<Counted>> {
        let Some(in_flight) = self.recorder.begin() else {
            return answer(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once");
        };
        strip_hop_by_hop(request.headers_mut());
        let exchange = async {
            let wait = self.wait();
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let mut lease = self.upstream.lease().await?;
            let response = lease.send(request).await?;
            Ok::<_, UpstreamError>((lease, response))
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
            Ok(Ok((lease, response))) => {
                let (mut head, body) = response.into_parts();
                strip_hop_by_hop(&mut head.headers);
                let server_error = head.status.is_server_error();
                let counted = Counted {
                    request: in_flight,
                    server_error,
                };
                Response::from_parts(head, Either::Left(Streamed::new(body, lease, counted)))
            }
            Ok(Err(error)) => answer(StatusCode::BAD_GATEWAY, &format!("sidecar: {error}")),
            Err(_) => answer(StatusCode::GATEWAY_TIMEOUT, "sidecar: no answer in time"),
        }
    }
}

/// Vigna's splitmix64 (<https://prng.di.unimi.it/splitmix64.c>): enough for a jitter.
const fn splitmix64(seed: u64) -> u64 {
    let z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, leg: Arc<InboundLeg>, connected: Arc<Notify>) {
    let handled = Arc::clone(&leg);
    server::serve(
        listener,
        move || {
            connected.notify_one();
            leg.token()
        },
        move |request| {
            let leg = Arc::clone(&handled);
            async move { leg.handle(request).await }
        },
    )
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jitter_stays_within_its_bounds_and_is_not_constant() {
        let leg = InboundLeg::new(1, 2, Clock::new());
        assert_eq!(leg.wait(), Duration::ZERO);
        let (latency, jitter) = (Duration::from_millis(100), Duration::from_millis(30));
        leg.set_delay(Some(Delay { latency, jitter }));
        let waits: Vec<Duration> = (0..200).map(|_| leg.wait()).collect();
        assert!(
            waits
                .iter()
                .all(|wait| (latency.saturating_sub(jitter)..=latency + jitter).contains(wait))
        );
        assert!(waits.iter().any(|wait| *wait < latency));
        assert!(waits.iter().any(|wait| *wait > latency));
    }
}
