//! What one page reads: a snapshot, and then each event, at the pace at which the page takes them.

use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::watch;
use tokio::time::{Interval, interval};

use super::LiveHandle;

/// A reader that is told nothing for so long is told that the stream is alive. By an event and not by a comment: a page's `EventSource`
/// does not show it comments.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How soon a browser comes back by itself.
const RETRY: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// A reader's place. Holds nothing of what is to be read.
#[derive(Debug)]
pub struct EventStream {
    live: LiveHandle,
    head: watch::Receiver<u64>,
    with_samples: bool,
    /// Since something was last sent.
    quiet: Interval,
    pub(super) next: Next,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// How soon to come back; then the snapshot, or what follows on the event that the reader names.
    Greeting(Option<String>),
    /// Why what was missed is not told.
    Resync(&'static str),
    Snapshot,
    /// The event after this one.
    After(u64),
}

impl EventStream {
    pub(super) fn new(live: LiveHandle, last_event_id: Option<&str>, with_samples: bool) -> Self {
        live.inner.counters.stream_opened();
        let mut quiet = interval(ALIVE_EVERY);
        quiet.reset();
        Self {
            head: live.inner.head.subscribe(),
            live,
            with_samples,
            quiet,
            next: Next::Greeting(last_event_id.map(str::to_owned)),
        }
    }

    /// What to send next; `None` when the gateway shuts down. Cancel safe.
    pub async fn next(&mut self) -> Option<Bytes> {
        let bytes = self.find().await;
        self.quiet.reset();
        bytes
    }

    async fn find(&mut self) -> Option<Bytes> {
        loop {
            match &self.next {
                Next::Greeting(last) => {
                    self.next = match last {
                        None => Next::Snapshot,
                        Some(id) => self.place(id).map_or_else(Next::Resync, Next::After),
                    };
                    return Some(RETRY);
                }
                Next::Resync(reason) => {
                    self.live.inner.counters.resynced();
                    let data = serde_json::json!({ "reason": reason });
                    self.next = Next::Snapshot;
                    return Some(format!("event: resync\ndata: {data}\n\n").into());
                }
                Next::Snapshot => {
                    let (seq, frame) = self.live.begin(self.live.inner.clock.now());
                    self.next = Next::After(seq);
                    return Some(frame);
                }
                Next::After(seq) => {
                    let seq = *seq;
                    // Marked before it is looked at: what comes in between wakes.
                    self.head.mark_unchanged();
                    match self.live.after(seq) {
                        Ok(Some(frame)) => {
                            self.next = Next::After(seq + 1);
                            if self.with_samples || !frame.is_samples {
                                self.live.inner.counters.sent();
                                return Some(frame.bytes);
                            }
                        }
                        Ok(None) => {
                            if let Some(alive) = self.wait().await? {
                                return Some(alive);
                            }
                        }
                        Err(_) => {
                            self.next = Next::Resync("more was missed than is kept");
                        }
                    }
                }
            }
        }
    }

    /// Waits for more; when it has been quiet for a while gives a sign of life instead.
    async fn wait(&mut self) -> Option<Option<Bytes>> {
        tokio::select! {
            () = self.live.inner.shutdown.cancelled() => None,
            changed = self.head.changed() => changed.ok().map(|()| None),
            _ = self.quiet.tick() => Some(Some(self.alive())),
        }
    }

    fn alive(&self) -> Bytes {
        let data = serde_json::json!({ "at": self.live.inner.clock.now() });
        format!("event: alive\ndata: {data}\n\n").into()
    }

    /// Where a reader is that names its last event; or why nobody can say.
    fn place(&self, last_event_id: &str) -> Result<u64, &'static str> {
        let parts = last_event_id.rsplit_once('-');
        let parts = parts.and_then(|(epoch, seq)| Some((epoch, seq.parse().ok()?)));
        match parts {
            None => Err("the id of the last event is none of this gateway's"),
            Some((epoch, _)) if epoch != self.live.inner.epoch => {
                Err("the gateway was started again")
            }
            Some((_, seq)) => Ok(seq),
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.live.inner.counters.stream_closed();
    }
}
