//! The inbound leg of a service: what others send to it passes here, is counted, and meets the conditions that faults made.
//!
//! Invariant: what is counted is what the callers feel here, whatever made it so: the service or a condition.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arena_chassis::Clock;
use arena_proto::{NodeName, Timestamp};
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::body::{KeptRequest, Outgoing, RequestBody};
use super::conditions::{Conditions, Passage, Passed, Stopped, Storm};
use super::server::{
    self, CutOff, Guard, Handled, Streamed, answer, answer_head_bytes, request_head_bytes,
    strip_hop_by_hop,
};
use super::stats::{InFlight, Recorder, RequestStats};
use super::upstream::{Lease, Upstream, UpstreamError};
use super::{REQUEST_TIMEOUT, caller};

/// The inbound leg of one service.
#[derive(Debug)]
pub(crate) struct InboundLeg {
    own: NodeName,
    port: u16,
    upstream: Upstream,
    recorder: Recorder,
    conditions: Conditions,
    /// Cancelled to close the connections that are open, and then replaced.
    connections: Mutex<CancellationToken>,
}

/// Why there is no answer of the service.
#[derive(Debug)]
enum NotPassed {
    Stopped(Stopped),
    Upstream(UpstreamError),
}

impl From<Stopped> for NotPassed {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl From<UpstreamError> for NotPassed {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
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
    pub(crate) fn new(own: NodeName, port: u16, service_port: u16, clock: Clock) -> Self {
        Self {
            own,
            port,
            upstream: Upstream::new(service_port),
            recorder: Recorder::new(clock),
            conditions: Conditions::new(u64::from(port)),
            connections: Mutex::new(CancellationToken::new()),
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    pub(crate) const fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// What was seen since the last time.
    pub(crate) fn take_stats(&self, now: Timestamp, elapsed: Duration) -> RequestStats {
        self.recorder.take(now, elapsed)
    }

    /// Closes every connection, to both sides, and drops what lived in the leg.
    pub(crate) fn reset(&self) {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *connections).cancel();
        drop(connections);
        // After the connections: what conditions held has nobody any more to be let go for.
        self.conditions.reset();
        self.upstream.close_idle();
    }

    fn token(&self) -> CancellationToken {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn handle(&self, mut request: Request<Incoming>) -> Handled<Counted> {
        let Some(mut in_flight) = self.recorder.begin() else {
            let words = "too many requests at once";
            return Ok(answer(StatusCode::SERVICE_UNAVAILABLE, words));
        };
        let elsewhere = !caller::take_is_of(request.headers_mut(), &self.own);
        strip_hop_by_hop(request.headers_mut());
        let passage = self.conditions.passage();
        let exchange = self.exchange(&passage, request, elsewhere);
        match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
            Ok(Ok((lease, response))) => {
                let (mut head, body) = response.into_parts();
                strip_hop_by_hop(&mut head.headers);
                let counted = Counted::of(in_flight, head.status);
                let body = Streamed::new(passage.pipe(body), lease, counted);
                Ok(Response::from_parts(head, Either::Left(body)))
            }
            Ok(Err(NotPassed::Stopped(Stopped::Cut))) => {
                in_flight.failed();
                Err(CutOff)
            }
            Ok(Err(NotPassed::Stopped(Stopped::Answered(status, words)))) => {
                Counted::of(in_flight, status).complete();
                Ok(answer(status, &words))
            }
            Ok(Err(NotPassed::Upstream(error))) => {
                if !error.is_callers() {
                    in_flight.failed();
                }
                let words = format!("sidecar: {error}");
                Ok(answer(StatusCode::BAD_GATEWAY, &words))
            }
            Err(_) => {
                in_flight.failed();
                let words = "sidecar: no answer in time";
                Ok(answer(StatusCode::GATEWAY_TIMEOUT, words))
            }
        }
    }

    /// Takes the request through the conditions to the service, and the head of the answer back.
    async fn exchange(
        &self,
        passage: &Passage,
        request: Request<Incoming>,
        elsewhere: bool,
    ) -> Result<(Lease, Response<Incoming>), NotPassed> {
        let request = Outgoing::of(request, passage).await?;
        passage.reach(elsewhere).await;
        if let Err(stopped) = passage.before(request_head_bytes(&request)).await {
            if let Stopped::Answered(_, words) = &stopped {
                passage.after(words.len()).await;
            }
            return Err(stopped.into());
        }
        let (lease, response) = match passage.storm() {
            Some(storm) => self.weather(storm, request).await?,
            None => self.send(request.map(|body| passage.pipe(body))).await?,
        };
        passage.after(answer_head_bytes(&response)).await;
        Ok((lease, response))
    }

    async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<(Lease, Response<Incoming>), UpstreamError> {
        let mut lease = self.upstream.lease().await?;
        let response = lease.send(request).await?;
        Ok((lease, response))
    }

    /// Through a retry storm.
    async fn weather(
        &self,
        storm: &Storm,
        request: Request<Outgoing>,
    ) -> Result<(Lease, Response<Incoming>), NotPassed> {
        let refused = |status: StatusCode, words: &str| {
            NotPassed::Stopped(Stopped::Answered(status, format!("sidecar: {words}")))
        };
        let Some(kept) = KeptRequest::of(request) else {
            let words = "the request is too big to be repeated";
            return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, words));
        };
        match storm.pass(kept.clone()).await {
            Passed::Attempted(attempted) => Ok(attempted?),
            Passed::Refused => {
                let words = "too many requests wait";
                Err(refused(StatusCode::SERVICE_UNAVAILABLE, words))
            }
            Passed::LetGo => Ok(self.send(kept.into_request()).await?),
        }
    }
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
        let node = "node-1".parse().expect("a name");
        let leg = Arc::new(InboundLeg::new(node, port, service_port, clock));
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
}
