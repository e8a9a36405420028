//! What is shown live: the core fed from the bus, and the ring of events that every page reads from.
//!
//! Absent on purpose: a queue for each page. A page has a place in the ring, and is woken when the ring has more. Invariant: nothing waits
//! for a page, and a page that reads too slowly misses events and is told so.

mod feed;
mod poll;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arena_bus::Bus;
use arena_chassis::{CancellationToken, Clock};
use arena_gateway_core::metrics::{Counters, Known, Tally, readings_since};
use arena_gateway_core::view::{
    About, BusView, CommandView, FaultView, SamplesReport, Snapshot, State,
};
use arena_gateway_core::{Event, Input, Live, Missed, Ring, SamplesQuery};
use arena_proto::Timestamp;
use arena_view::question::Question;
use arena_view::status::StatusReport;
use axum::body::Bytes;
use tokio::sync::{mpsc, watch};

pub use stream::EventStream;

/// Inputs that wait for the core: it takes microseconds for each, and who feeds it waits when this is full.
const INPUTS_MAX: usize = 1024;
/// A snapshot is given to everybody who joins within this time; the events since then follow. A thousand pages that come back at once
/// cost a handful of snapshots.
const SNAPSHOT_STANDS: Duration = Duration::from_millis(250);

/// What is shown live, as handlers see it. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct LiveHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Mutex<Shared>,
    /// The number of the last event.
    head: watch::Sender<u64>,
    inputs: mpsc::Sender<Input>,
    epoch: String,
    about: Arc<About>,
    counters: Arc<Counters>,
    clock: Clock,
    shutdown: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    live: Live,
    ring: Ring<Frame>,
    tally: Tally,
    snapshot: Option<Taken>,
}

/// A snapshot that was given to somebody.
#[derive(Debug, Clone)]
struct Taken {
    at: Timestamp,
    seq: u64,
    frame: Bytes,
}

/// An event as it goes over the wire.
#[derive(Debug, Clone)]
struct Frame {
    bytes: Bytes,
    is_samples: bool,
}

impl LiveHandle {
    /// Begins to listen; ends when told to shut down.
    #[must_use]
    pub fn start(
        bus: &Bus,
        clock: Clock,
        about: Arc<About>,
        counters: Arc<Counters>,
        shutdown: CancellationToken,
    ) -> Self {
        let (inputs, received) = mpsc::channel(INPUTS_MAX);
        let now = clock.now();
        let inner = Inner {
            shared: Mutex::new(Shared {
                live: Live::new(now),
                ring: Ring::default(),
                tally: Tally::new(now),
                snapshot: None,
            }),
            head: watch::Sender::new(0),
            inputs,
            // No two runs of a gateway begin in the same nanosecond.
            epoch: format!("{:x}", now.unix_nanos()),
            about,
            counters,
            clock,
            shutdown,
        };
        let handle = Self {
            inner: Arc::new(inner),
        };
        feed::start(bus, &handle);
        tokio::spawn(handle.clone().run(received));
        handle
    }

    async fn run(self, mut inputs: mpsc::Receiver<Input>) {
        loop {
            let wakeup = self.shared().live.next_wakeup();
            let input = tokio::select! {
                () = self.inner.shutdown.cancelled() => return,
                input = inputs.recv() => match input {
                    Some(input) => input,
                    None => return,
                },
                () = self.inner.clock.sleep_until(wakeup) => Input::Tick,
            };
            self.step(input);
        }
    }

    fn step(&self, input: Input) {
        let mut shared = self.shared();
        for event in shared.live.step(self.inner.clock.now(), input) {
            shared.tally.hear(&event);
            let data = match serde_json::to_string(&event) {
                Ok(data) => data,
                Err(error) => {
                    tracing::error!("an event cannot be told: {error}");
                    continue;
                }
            };
            let frame = |seq| Frame {
                bytes: self.frame(event.name(), seq, &data),
                is_samples: matches!(event, Event::Samples(_)),
            };
            shared.ring.push(data.len(), frame);
        }
        let seq = shared.ring.seq();
        drop(shared);
        self.inner.head.send_if_modified(|head| {
            let is_more = *head != seq;
            *head = seq;
            is_more
        });
    }

    /// An event as the standard writes it (<https://html.spec.whatwg.org/multipage/server-sent-events.html>); JSON has no line break.
    fn frame(&self, name: &str, seq: u64, data: &str) -> Bytes {
        let epoch = &self.inner.epoch;
        format!("id: {epoch}-{seq}\nevent: {name}\ndata: {data}\n\n").into()
    }

    /// Whether the gateway hears the bus.
    #[must_use]
    pub fn bus(&self) -> BusView {
        self.shared().live.bus()
    }

    /// The status, as of the last event.
    #[must_use]
    pub fn status(&self) -> StatusReport {
        self.shared().live.status()
    }

    /// Everything, as of the last event.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let shared = self.shared();
        let (seq, state) = (shared.ring.seq(), shared.live.state());
        drop(shared);
        self.snapshot_of(self.inner.clock.now(), seq, state)
    }

    /// The faults that are known, newest first.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultView> {
        self.shared().live.faults()
    }

    /// A command, if anything is known of it.
    #[must_use]
    pub fn command(&self, id: &str) -> Option<CommandView> {
        self.shared().live.command(id).cloned()
    }

    /// What waits for an answer.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        self.shared().live.questions().to_vec()
    }

    /// The last readings.
    #[must_use]
    pub fn samples(&self, query: &SamplesQuery) -> SamplesReport {
        self.shared().live.samples(query)
    }

    /// What `/metrics` tells of the arena, all of one moment.
    #[must_use]
    pub fn known(&self) -> Known {
        let recent = SamplesQuery {
            since: Some(readings_since(self.inner.clock.now())),
            ..SamplesQuery::default()
        };
        let shared = self.shared();
        Known {
            state: shared.live.state(),
            readings: shared.live.samples(&recent),
            tally: shared.tally.clone(),
        }
    }

    /// How many events are kept for who comes back.
    #[must_use]
    pub fn ring_len(&self) -> usize {
        self.shared().ring.len()
    }

    /// A command was asked for through this gateway: it is shown before its node has said anything.
    pub async fn asked(&self, command: arena_proto::Command) {
        // Who shuts down shows nothing any more.
        let _ = self.inner.inputs.send(Input::Command(command)).await;
    }

    /// Everything and then each change, from where `last_event_id` says that the reader is.
    #[must_use]
    pub fn stream(&self, last_event_id: Option<&str>, with_samples: bool) -> EventStream {
        EventStream::new(self.clone(), last_event_id, with_samples)
    }

    fn snapshot_of(&self, at: Timestamp, seq: u64, state: State) -> Snapshot {
        Snapshot {
            epoch: self.inner.epoch.clone(),
            seq,
            at,
            about: About::clone(&self.inner.about),
            state,
        }
    }

    /// A snapshot to begin with, and the last event that is in it.
    fn begin(&self, now: Timestamp) -> (u64, Bytes) {
        let mut shared = self.shared();
        if let Some(taken) = &shared.snapshot
            && now < taken.at + SNAPSHOT_STANDS
            && shared.ring.since(taken.seq, 0).is_ok()
        {
            return (taken.seq, taken.frame.clone());
        }
        let (seq, state) = (shared.ring.seq(), shared.live.state());
        let snapshot = self.snapshot_of(now, seq, state);
        let data = serde_json::to_string(&snapshot).unwrap_or_else(|error| {
            tracing::error!("a snapshot cannot be told: {error}");
            String::new()
        });
        let frame = self.frame("snapshot", seq, &data);
        shared.snapshot = Some(Taken {
            at: now,
            seq,
            frame: frame.clone(),
        });
        (seq, frame)
    }

    /// The event after `seq`; `None` when there is none yet.
    fn after(&self, seq: u64) -> Result<Option<Frame>, Missed> {
        let next = self.shared().ring.since(seq, 1)?;
        Ok(next.into_iter().next())
    }

    /// What a panic left behind is still a state that was told.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.inner
            .shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
