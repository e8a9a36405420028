//! A reader of one stream that survives the server: whenever the connection comes back it opens its consumer anew and
//! goes on where it was.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{Context, Message};
use futures::StreamExt;
use tokio::sync::watch;

use crate::BusError;

/// How long a message may be worked on before the server offers it again; longer work calls `progress()`. Short,
/// because after a crash the next owner waits for it.
const ACK_WAIT: Duration = Duration::from_secs(15);
/// Messages that are out and not acked: above any batch of ours, and a bound on what a reader holds.
const ACK_PENDING_MAX: i64 = 1024;
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
}

pub(crate) struct Reader {
    context: Context,
    connected: watch::Receiver<bool>,
    source: Source,
    messages: Option<pull::Stream>,
    pending: u64,
    /// With [`Resume::AfterLast`]: the last sequence that came out, once it is known.
    last: Option<u64>,
    /// Tells a stream from its successor of the same name, whose sequences begin again.
    created_nanos: i128,
    told: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("source", &self.source)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens it, and fails if that cannot be done now: a mistake should be seen at the start.
    pub(crate) async fn open(
        context: Context,
        connected: watch::Receiver<bool>,
        source: Source,
    ) -> Result<Self, BusError> {
        let mut reader = Self {
            context,
            connected,
            source,
            messages: None,
            pending: 0,
            last: None,
            created_nanos: 0,
            told: false,
        };
        reader.connected.mark_unchanged();
        reader.reopen().await?;
        Ok(reader)
    }

    /// How many messages the server still had when the consumer was first opened.
    pub(crate) const fn pending(&self) -> u64 {
        self.pending
    }

    /// The next message; `None` once the bus is gone. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            let Some(messages) = self.messages.as_mut() else {
                self.connected.wait_for(|connected| *connected).await.ok()?;
                if let Err(error) = self.reopen().await {
                    if !std::mem::replace(&mut self.told, true) {
                        tracing::warn!("cannot read {} now: {error}", self.source.stream);
                    }
                    tokio::time::sleep(REOPEN_EVERY).await;
                }
                continue;
            };
            tokio::select! {
                // What has arrived is read before anything is opened anew, else it would have to come again.
                biased;
                message = messages.next() => match message {
                    Some(Ok(message)) => {
                        if self.source.resume == Resume::AfterLast
                            && let Ok(info) = message.info()
                        {
                            self.last = Some(info.stream_sequence);
                        }
                        self.told = false;
                        return Some(message);
                    }
                    Some(Err(error)) => {
                        tracing::debug!("reading {}: {error}", self.source.stream);
                        self.messages = None;
                        tokio::time::sleep(REOPEN_EVERY).await;
                    }
                    None => self.messages = None,
                },
                changed = self.connected.changed() => {
                    changed.ok()?;
                    let lost = !*self.connected.borrow_and_update();
                    // Who reads on in time drops it before the client asks for messages again by itself. Later, what
                    // was then delivered would have to wait for its redelivery: a durable stream is left alone, it
                    // recovers, or ends with an error when the server has forgotten it.
                    if lost || self.source.resume != Resume::Durable {
                        self.messages = None;
                    }
                }
            }
        }
    }

    async fn reopen(&mut self) -> Result<(), BusError> {
        let stream = self.source.stream;
        let failed = |what: &str, cause: String| BusError::JetStream {
            what: format!("{what} {stream}"),
            cause,
        };
        let info = self
            .context
            .get_stream(stream)
            .await
            .map_err(|error| failed("finding stream", error.to_string()))?;
        let created_nanos = info.cached_info().created.unix_timestamp_nanos();
        if self.created_nanos != created_nanos {
            self.created_nanos = created_nanos;
            self.last = None;
        }
        let asked = self.config();
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
        if self.source.resume == Resume::AfterLast
            && self.last.is_none()
            && self.source.policy == DeliverPolicy::New
        {
            self.last = Some(found.delivered.stream_sequence);
        }
        self.pending = self.pending.max(found.num_pending);
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH)
            .expires(REQUEST_STANDS)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| failed("reading", error.to_string()))?;
        self.messages = Some(messages);
        Ok(())
    }

    fn config(&self) -> pull::Config {
        let config = pull::Config {
            filter_subject: self.source.filter.clone(),
            deliver_policy: self.source.policy,
            ..pull::Config::default()
        };
        match &self.source.durable {
            Some(name) => pull::Config {
                durable_name: Some(name.clone()),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_ack_pending: ACK_PENDING_MAX,
                ..config
            },
            None => pull::Config {
                name: Some(self.unique_name()),
                ack_policy: AckPolicy::None,
                inactive_threshold: EPHEMERAL_IDLE,
                memory_storage: true,
                deliver_policy: self.last.map_or(self.source.policy, |last| {
                    DeliverPolicy::ByStartSequence {
                        start_sequence: last + 1,
                    }
                }),
                ..config
            },
        }
    }

    /// The permissions name consumers by `<stream>.<name>`, so an ephemeral one has a name too.
    fn unique_name(&self) -> String {
        let inbox = self.context.client().new_inbox();
        inbox.rsplit('.').next().unwrap_or(&inbox).to_owned()
    }
}
