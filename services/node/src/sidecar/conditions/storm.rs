//! A retry storm: requests wait for one worker, are repeated when it does not come to them in time, and so keep it from coming to
//! them. Every attempt reaches the service, whether its caller still waits or not.
//!
//! Invariant: the queue is [`Attempts`]'s, and bounded; the worker ends with the fault, and whoever still waits is let go.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use arena_chassis::Clock;
use arena_node_core::leg::Attempts;
use arena_proto::Timestamp;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::sidecar::body::{KeptRequest, RequestBody};
use crate::sidecar::upstream::{Lease, Upstream, UpstreamError};
use crate::sidecar::{REQUEST_TIMEOUT, REQUESTS_MAX};

/// What came of an attempt. Its caller may be gone.
type Attempted = Result<(Lease, Response<Incoming>), UpstreamError>;

/// How bad it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StormSettings {
    /// Repetitions of each request.
    pub(crate) retries: u32,
    /// After which a request is repeated.
    pub(crate) timeout: Duration,
    /// What an attempt takes at least.
    pub(crate) work: Duration,
    /// How long nothing passes at the start.
    pub(crate) trigger: Duration,
}

/// Who waits for the first answer to a request.
type Answer = oneshot::Sender<Result<Attempted, Full>>;

/// The attempt that is made, by the number of its request; `None` when it was not answered in time.
type Work = Pin<Box<dyn Future<Output = (u64, Option<Attempted>)> + Send>>;

/// A request that comes.
#[derive(Debug)]
struct Arrival {
    request: KeptRequest,
    answer: Answer,
}

/// A request of which attempts wait or are under way.
#[derive(Debug)]
struct Waiting {
    request: KeptRequest,
    /// Until the first attempt was answered.
    answer: Option<Answer>,
}

/// There is no room for another request.
#[derive(Debug)]
struct Full;

/// How a request came out of the storm.
#[derive(Debug)]
pub(crate) enum Passed {
    /// An attempt was made.
    Attempted(Attempted),
    /// There was no room for it.
    Refused,
    /// The storm was over before it was its turn.
    LetGo,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Storm {
    arrivals: mpsc::Sender<Arrival>,
}

impl Storm {
    /// Rages until it is `over`.
    pub(crate) fn start(
        settings: StormSettings,
        upstream: Upstream,
        clock: Clock,
        over: CancellationToken,
    ) -> Self {
        let (arrivals, received) = mpsc::channel(REQUESTS_MAX);
        let worker = Worker {
            settings,
            upstream,
            clock,
            attempts: Attempts::new(settings.retries, settings.timeout),
            opens_at: clock.now() + settings.trigger,
            waiting: BTreeMap::new(),
            working: None,
        };
        tokio::spawn(async move {
            tokio::select! {
                () = over.cancelled() => {}
                () = worker.run(received) => {}
            }
        });
        Self { arrivals }
    }

    /// Waits for the first answer to any attempt.
    pub(crate) async fn pass(&self, request: KeptRequest) -> Passed {
        let (answer, answered) = oneshot::channel();
        if self
            .arrivals
            .send(Arrival { request, answer })
            .await
            .is_err()
        {
            return Passed::LetGo;
        }
        match answered.await {
            Ok(Ok(attempted)) => Passed::Attempted(attempted),
            Ok(Err(Full)) => Passed::Refused,
            Err(_) => Passed::LetGo,
        }
    }
}

struct Worker {
    settings: StormSettings,
    upstream: Upstream,
    clock: Clock,
    attempts: Attempts,
    opens_at: Timestamp,
    /// By number.
    waiting: BTreeMap<u64, Waiting>,
    working: Option<Work>,
}

impl Worker {
    async fn run(mut self, mut arrivals: mpsc::Receiver<Arrival>) {
        loop {
            self.begin();
            let due = self.due();
            let clock = self.clock;
            tokio::select! {
                arrival = arrivals.recv() => match arrival {
                    Some(arrival) => self.arrived(arrival),
                    None => return,
                },
                (request, attempted) = finished(&mut self.working) => self.done(request, attempted),
                () = wait_until(clock, due) => self.attempts.repeat(clock.now()),
            }
        }
    }

    /// The next attempt, if nothing is worked on.
    fn begin(&mut self) {
        if self.working.is_some() || self.clock.now() < self.opens_at {
            return;
        }
        let Some(number) = self.attempts.begin() else {
            return;
        };
        if let Some(waiting) = self.waiting.get(&number) {
            let request = waiting.request.clone().into_request();
            let upstream = self.upstream.clone();
            let work = tokio::time::sleep(self.settings.work);
            self.working = Some(Box::pin(async move {
                let attempt = tokio::time::timeout(REQUEST_TIMEOUT, attempt(upstream, request));
                let (attempted, ()) = tokio::join!(attempt, work);
                (number, attempted.ok())
            }));
        }
    }

    fn due(&self) -> Option<Timestamp> {
        let opens = (self.clock.now() < self.opens_at).then_some(self.opens_at);
        [opens, self.attempts.due()].into_iter().flatten().min()
    }

    fn arrived(&mut self, arrival: Arrival) {
        match self.attempts.arrive(self.clock.now()) {
            Some(number) => {
                let waiting = Waiting {
                    request: arrival.request,
                    answer: Some(arrival.answer),
                };
                self.waiting.insert(number, waiting);
            }
            // Who does not wait any more need not be told.
            None => drop(arrival.answer.send(Err(Full))),
        }
    }

    fn done(&mut self, number: u64, attempted: Option<Attempted>) {
        let waiting = self.waiting.get_mut(&number);
        let owed = waiting.and_then(|waiting| waiting.answer.take());
        if let (Some(answer), Some(attempted)) = (owed, attempted) {
            drop(answer.send(Ok(attempted)));
        }
        if self.attempts.done(number) {
            self.waiting.remove(&number);
        }
    }
}

async fn attempt(upstream: Upstream, request: Request<RequestBody>) -> Attempted {
    let mut lease = upstream.lease().await?;
    let response = lease.send(request).await?;
    Ok((lease, response))
}

async fn finished(working: &mut Option<Work>) -> (u64, Option<Attempted>) {
    match working.as_mut() {
        Some(future) => {
            let done = future.await;
            *working = None;
            done
        }
        None => std::future::pending().await,
    }
}

async fn wait_until(clock: Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
