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

/// Counts the answer when it was passed on to its end, or broke; one that its caller did not wait for stays abandoned.
#[derive(Debug)]
pub(crate) struct Counted(InFlight);

impl Counted {
    /// One of the server's errors is a failure whether the caller reads it or not.
    fn of(mut request: InFlight, status: StatusCode) -> Self {
        if status.is_server_error() {
            request.failed();
        }
        Self(request)
    }
}

impl Guard for Counted {
    fn complete(&mut self) {
        self.0.answered();
    }

    fn broken(&mut self) {
        self.0.failed();
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
        let Some(mut in_flight) = self.recorder.begin() else {
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
                let counted = Counted::of(in_flight, head.status);
                Response::from_parts(head, Either::Left(Streamed::new(body, lease, counted)))
            }
            Ok(Err(error)) => {
                if !error.is_callers() {
                    in_flight.failed();
                }
                answer(StatusCode::BAD_GATEWAY, &format!("sidecar: {error}"))
            }
            Err(_) => {
                in_flight.failed();
                answer(StatusCode::GATEWAY_TIMEOUT, "sidecar: no answer in time")
            }
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
    use arena_testkit::wait_for;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    /// A leg before a service that reads requests and answers each with these bytes, or never, and then closes.
    async fn leg_before(answer: Option<&'static str>) -> (Arc<InboundLeg>, Clock) {
        let service = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let service_port = service.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = service.accept().await {
                tokio::spawn(async move {
                    let mut head = [0; 1024];
                    let _ = stream.read(&mut head).await;
                    match answer {
                        Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                        None => drop(stream.read(&mut head).await),
                    }
                });
            }
        });
        leg_to(service_port).await
    }

    async fn leg_to(service_port: u16) -> (Arc<InboundLeg>, Clock) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let clock = Clock::new();
        let leg = Arc::new(InboundLeg::new(port, service_port, clock));
        tokio::spawn(serve(listener, Arc::clone(&leg), Arc::default()));
        (leg, clock)
    }

    async fn ask(leg: &InboundLeg) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", leg.port())).await;
        let mut stream = stream.expect("the leg");
        let request = b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("a request");
        stream
    }

    /// Asks, gives up after `patience`, and tells what the leg has seen once it knows.
    async fn give_up(leg: &InboundLeg, clock: Clock, patience: Duration) -> RequestStats {
        let asked = ask(leg).await;
        wait_for("the request", async || {
            leg.recorder.in_flight().eq(&1).then_some(())
        })
        .await;
        tokio::time::sleep(patience).await;
        drop(asked);
        wait_for("its end", async || {
            leg.recorder.in_flight().eq(&0).then_some(())
        })
        .await;
        leg.take_stats(clock.now(), Duration::from_secs(1))
    }

    /// Asks, and reads the answer, or what there is of it.
    async fn hear(leg: &InboundLeg, clock: Clock) -> RequestStats {
        let mut answer = Vec::new();
        let _ = ask(leg).await.read_to_end(&mut answer).await;
        assert!(!answer.is_empty());
        leg.take_stats(clock.now(), Duration::from_secs(1))
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_early_says_nothing_about_the_service() {
        let (leg, clock) = leg_before(None).await;
        let stats = give_up(&leg, clock, Duration::ZERO).await;
        assert!(stats.rate_hz > 0.9, "{stats:?}");
        assert!(stats.error_percent.is_nan(), "{stats:?}");
        assert!(stats.latency_p95_ms.is_nan(), "{stats:?}");
    }

    #[tokio::test]
    async fn a_service_that_hangs_until_its_caller_gives_up_is_slow() {
        let (leg, clock) = leg_before(None).await;
        let stats = give_up(&leg, clock, Duration::from_secs(1)).await;
        assert!(stats.error_percent.is_nan(), "{stats:?}");
        assert!(stats.latency_p95_ms > 900.0, "{stats:?}");
    }

    #[tokio::test]
    async fn what_a_service_fails_is_an_error() {
        let answers = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", 0.0),
            ("HTTP/1.1 500 No\r\ncontent-length: 1\r\n\r\nx", 100.0_f32),
            ("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", 100.0),
            // It breaks off: before an answer, and in the middle of one.
            ("", 100.0),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx", 100.0),
        ];
        for (answer, errors) in answers {
            let (leg, clock) = leg_before(Some(answer)).await;
            let stats = hear(&leg, clock).await;
            assert!(
                (stats.error_percent - errors).abs() < 0.1,
                "{answer:?}: {stats:?}"
            );
        }
        let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = nobody.local_addr().expect("an address").port();
        drop(nobody);
        let (leg, clock) = leg_to(port).await;
        let stats = hear(&leg, clock).await;
        assert!((stats.error_percent - 100.0).abs() < 0.1, "{stats:?}");
    }

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
