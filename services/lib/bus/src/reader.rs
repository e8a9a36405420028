//! A reader of one stream that survives the server: whenever the connection comes back it opens its consumer anew and
//! goes on where it was.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use arena_proto::carriage::{ACK_PENDING_MAX, ACK_WAIT};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{Context, Message};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::BusError;

/// Messages asked for at once: enough to keep a reader busy, and a bound on what waits in its memory.
const BATCH: usize = 128;
/// A server that says nothing for twice this long has forgotten us.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long one request for messages stands.
const REQUEST_STANDS: Duration = Duration::from_secs(30);
/// The server forgets an ephemeral consumer that nobody asks for this long; must exceed [`HEARTBEAT`].
const EPHEMERAL_IDLE: Duration = Duration::from_secs(30);
/// Between attempts to open a consumer that cannot be had now.
const REOPEN_EVERY: Duration = Duration::from_millis(200);

/// Where a reader goes on after its consumer was opened anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    /// The server remembers: a durable consumer.
    Durable,
    /// After the last message that came out: nothing is told twice, nothing is left out.
    AfterLast,
    /// From the start: for values, where the newest is what counts.
    Again,
}

/// What is read.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) stream: &'static str,
    /// Empty: everything.
    pub(crate) filter: String,
    /// `None`: ephemeral.
    pub(crate) durable: Option<String>,
    pub(crate) policy: DeliverPolicy,
    pub(crate) resume: Resume,
    /// Of a durable consumer: how many may be out and not acked; `None`: [`ACK_PENDING_MAX`].
    pub(crate) in_hand_max: Option<i64>,
}

pub(crate) struct Reader {
    context: Context,
    connected: watch::Receiver<bool>,
    source: Source,
    state: State,
    pending: u64,
    progress: Progress,
    told: bool,
}

/// What is under way is kept here and not in the future of [`Reader::next`]: a caller that has much else to hear drops that
/// future over and over, and the consumer has to be opened all the same.
enum State {
    Closed,
    Opening(BoxFuture<'static, Result<Opened, BusError>>),
    Open(Box<pull::Stream>),
    /// Before another attempt.
    Pausing(Pin<Box<Sleep>>),
}

struct Opened {
    messages: pull::Stream,
    pending: u64,
    progress: Progress,
}

/// How far a stream was read.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// With [`Resume::AfterLast`]: the last sequence that came out, once it is known.
    last: Option<u64>,
    /// Tells a stream from its successor of the same name, whose sequences begin again.
    created_nanos: i128,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("source", &self.source)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens it, and fails if that cannot be done now: a mistake should be seen at the start.
    pub(crate) async fn open(
        context: Context,
        mut connected: watch::Receiver<bool>,
        source: Source,
    ) -> Result<Self, BusError> {
        connected.mark_unchanged();
        let opening = open(context.clone(), source.clone(), Progress::default());
        let opened = opening.boxed().await?;
        Ok(Self {
            context,
            connected,
            source,
            state: State::Open(Box::new(opened.messages)),
            pending: opened.pending,
            progress: opened.progress,
            told: false,
        })
    }

    /// How many messages the server still had when the consumer was first opened.
    pub(crate) const fn pending(&self) -> u64 {
        self.pending
    }

    /// The next message; `None` once the bus is gone. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let messages = match &mut self.state {
                State::Open(messages) => messages,
                State::Closed => {
                    self.connected.wait_for(|connected| *connected).await.ok()?;
                    let opening = open(self.context.clone(), self.source.clone(), self.progress);
                    self.state = State::Opening(opening.boxed());
                    continue;
                }
                State::Opening(opening) => {
                    let opened = opening.await;
                    self.take_up(opened);
                    continue;
                }
                State::Pausing(pause) => {
                    pause.await;
                    self.state = State::Closed;
                    continue;
                }
            };
            tokio::select! {
                // What has arrived is read before anything is opened anew, else it would have to come again.
                biased;
                message = messages.next() => match message {
                    Some(Ok(message)) => {
                        if self.source.resume == Resume::AfterLast
                            && let Ok(info) = message.info()
                        {
                            self.progress.last = Some(info.stream_sequence);
                        }
                        self.told = false;
                        return Some(message);
                    }
                    Some(Err(error)) => {
                        tracing::debug!("reading {}: {error}", self.source.stream);
                        self.pause();
                    }
                    None => self.state = State::Closed,
                },
                changed = self.connected.changed() => {
                    changed.ok()?;
                    let lost = !*self.connected.borrow_and_update();
                    // Who reads on in time drops it before the client asks for messages again by itself. Later, what
                    // was then delivered would have to wait for its redelivery: a durable stream is left alone, it
                    // recovers, or ends with an error when the server has forgotten it.
                    if lost || self.source.resume != Resume::Durable {
                        self.state = State::Closed;
                    }
                }
            }
        }
    }

    fn take_up(&mut self, opened: Result<Opened, BusError>) {
        match opened {
            Ok(opened) => {
                self.progress = opened.progress;
                self.state = State::Open(Box::new(opened.messages));
            }
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!("cannot read {} now: {error}", self.source.stream);
                }
                self.pause();
            }
        }
    }

    fn pause(&mut self) {
        self.state = State::Pausing(Box::pin(tokio::time::sleep(REOPEN_EVERY)));
    }
}

async fn open(
    context: Context,
    source: Source,
    mut progress: Progress,
) -> Result<Opened, BusError> {
    let stream = source.stream;
    let failed = |what: &str, cause: String| BusError::JetStream {
        what: format!("{what} {stream}"),
        cause,
    };
    let info = context
        .get_stream(stream)
        .await
        .map_err(|error| failed("finding stream", error.to_string()))?;
    let created_nanos = info.cached_info().created.unix_timestamp_nanos();
    if progress.created_nanos != created_nanos {
        progress = Progress {
            created_nanos,
            last: None,
        };
    }
    let asked = config(&context, &source, progress.last);
    let consumer = info
        .create_consumer(asked.clone())
        .await
        .map_err(|error| failed("reading", error.to_string()))?;
    let found = consumer.cached_info();
    if found.config.filter_subject != asked.filter_subject {
        return Err(BusError::StreamDiffers {
            stream: stream.to_owned(),
            field: "filter_subject of a consumer",
            asked: asked.filter_subject,
            found: found.config.filter_subject.clone(),
        });
    }
    if source.resume == Resume::AfterLast
        && progress.last.is_none()
        && source.policy == DeliverPolicy::New
    {
        progress.last = Some(found.delivered.stream_sequence);
    }
    let pending = found.num_pending;
    let messages = consumer
        .stream()
        .max_messages_per_batch(BATCH)
        .expires(REQUEST_STANDS)
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(|error| failed("reading", error.to_string()))?;
    Ok(Opened {
        messages,
        pending,
        progress,
    })
}

fn config(context: &Context, source: &Source, last: Option<u64>) -> pull::Config {
    let config = pull::Config {
        filter_subject: source.filter.clone(),
        deliver_policy: source.policy,
        ..pull::Config::default()
    };
    match &source.durable {
        Some(name) => pull::Config {
            durable_name: Some(name.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: source.in_hand_max.unwrap_or(i64::from(ACK_PENDING_MAX)),
            ..config
        },
        None => pull::Config {
            name: Some(unique_name(context)),
            ack_policy: AckPolicy::None,
            inactive_threshold: EPHEMERAL_IDLE,
            memory_storage: true,
            deliver_policy: last.map_or(source.policy, |last| DeliverPolicy::ByStartSequence {
                start_sequence: last + 1,
            }),
            ..config
        },
    }
}

/// The permissions name consumers by `<stream>.<name>`, so an ephemeral one has a name too.
fn unique_name(context: &Context) -> String {
    let inbox = context.client().new_inbox();
    inbox.rsplit('.').next().unwrap_or(&inbox).to_owned()
}
