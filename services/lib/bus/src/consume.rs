//! Reading what streams keep: typed deliveries, acked when their work is done.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arena_proto::{DecodeError, Entity, Message, NodeName, Received, Timestamp, TraceContext};
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::{self, AckKind, message::Acker};
use bytes::Bytes;

use crate::reader::{Reader, Resume, Source};
use crate::rejected::Rejected;
use crate::subject::{self, Family};
use crate::{Bus, BusError, Durable};

/// Where a reader that the server does not know yet begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With the oldest message that the stream has.
    All,
    /// With the next one.
    New,
    /// With the newest of each subject.
    LastPerSubject,
    /// With the first that the server stored at this time or later.
    Since(Timestamp),
}

/// What to read of a stream, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consume {
    durable: Option<String>,
    from: From,
    filter: Filter,
    in_hand_max: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    All,
    Node(NodeName),
    Entity(Entity),
}

impl Consume {
    /// The server remembers under this name what was acked, and offers again what was not. Begins with
    /// [`From::All`]; where it begins cannot be changed later.
    #[must_use]
    pub fn durable(name: impl Into<String>) -> Self {
        Self {
            durable: Some(name.into()),
            from: From::All,
            filter: Filter::All,
            in_hand_max: None,
        }
    }

    /// Nothing is remembered: every message is told once, and acks do nothing. Begins with [`From::All`].
    #[must_use]
    pub const fn ephemeral() -> Self {
        Self {
            durable: None,
            from: From::All,
            filter: Filter::All,
            in_hand_max: None,
        }
    }

    /// Where to begin.
    #[must_use]
    pub fn from(self, from: From) -> Self {
        Self { from, ..self }
    }

    /// At most so many messages are out and not acked: for who keeps them in hand until its work is done. Of a durable
    /// reader; 1024 unless it is said.
    #[must_use]
    pub fn in_hand_max(self, in_hand_max: u16) -> Self {
        let in_hand_max = Some(in_hand_max);
        Self {
            in_hand_max,
            ..self
        }
    }

    /// Only what is about this node and its services.
    #[must_use]
    pub fn node(self, node: NodeName) -> Self {
        let filter = Filter::Node(node);
        Self { filter, ..self }
    }

    /// Only what is about this entity; where subjects name no service, about its node.
    #[must_use]
    pub fn entity(self, entity: Entity) -> Self {
        let filter = Filter::Entity(entity);
        Self { filter, ..self }
    }

    fn source(self, family: Family) -> Source {
        Source {
            stream: family.stream().unwrap_or_default(),
            filter: match self.filter {
                Filter::All => family.all(),
                Filter::Node(node) => family.of_node(&node),
                Filter::Entity(entity) => family.of_entity(&entity),
            },
            resume: if self.durable.is_some() {
                Resume::Durable
            } else {
                Resume::AfterLast
            },
            durable: self.durable,
            in_hand_max: self.in_hand_max.map(i64::from),
            policy: match self.from {
                From::All => DeliverPolicy::All,
                From::New => DeliverPolicy::New,
                From::LastPerSubject => DeliverPolicy::LastPerSubject,
                From::Since(at) => {
                    let nanos = u64::try_from(at.unix_nanos()).unwrap_or(0);
                    let start = SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
                    DeliverPolicy::ByStartTime {
                        start_time: start.into(),
                    }
                }
            },
        }
    }
}

/// Messages of one kind, as they come. Goes on by itself after the server was away.
#[derive(Debug)]
pub struct Deliveries<M> {
    reader: Reader,
    rejected: Arc<Rejected>,
    caught_up: bool,
    kind: PhantomData<fn() -> M>,
}

impl<M: Durable> Deliveries<M> {
    /// The next message; `None` once every [`Bus`] of this connection is gone. Rubbish never comes out: it is counted,
    /// logged once a kind, and the server does not offer it again. Cancel safe.
    pub async fn next(&mut self) -> Option<Delivery<M>> {
        loop {
            let incoming = Incoming::new(self.reader.next().await?);
            if let Some(delivery) = incoming.deliver(&self.rejected).await {
                return Some(delivery);
            }
        }
    }

    /// The next of the messages that are there already; `None` once this reader has caught up. Rubbish counts as read, so
    /// that a replay ends whatever the stream holds. Cancel safe.
    pub async fn next_stored(&mut self) -> Option<Delivery<M>> {
        while !self.caught_up {
            let incoming = Incoming::new(self.reader.next().await?);
            self.caught_up = incoming.is_last;
            if let Some(delivery) = incoming.deliver(&self.rejected).await {
                return Some(delivery);
            }
        }
        None
    }

    /// How many messages the server had for this reader when it was opened, rubbish included.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.reader.pending()
    }
}

/// One message, and what the bus knows about it. Ack it when its work is done; a durable reader is offered it again
/// otherwise, after 15 s without [`Delivery::progress`].
#[derive(Debug)]
pub struct Delivery<M> {
    /// The message.
    pub message: M,
    /// From its `traceparent` header.
    pub trace: Option<TraceContext>,
    /// Its `Nats-Msg-Id`; of a message that came without (by hand), `<stream>.<sequence>.<stored at, in nanoseconds>`.
    pub event_id: String,
    /// Its place in the stream.
    pub sequence: u64,
    /// When the server stored it.
    pub published_at: Timestamp,
    /// Where it was published.
    pub subject: String,
    /// As it was published.
    pub body: Bytes,
    handle: Handle,
}

impl<M> Delivery<M> {
    /// Its work is done.
    pub async fn ack(&self) -> Result<(), BusError> {
        self.handle.ack(AckKind::Ack).await
    }

    /// Its work is done, and the server has said that it knows. It comes again only if the server is killed within
    /// moments, before it has written the ack down; a repeated id must do nothing twice all the same.
    pub async fn double_ack(&self) -> Result<(), BusError> {
        self.handle.double_ack().await
    }

    /// Its work goes on.
    pub async fn progress(&self) -> Result<(), BusError> {
        self.handle.ack(AckKind::Progress).await
    }
}

/// Tells the server about one message; does nothing where it does not wait for that.
struct Handle(Option<Acker>);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    async fn ack(&self, kind: AckKind) -> Result<(), BusError> {
        match &self.0 {
            Some(acker) => acker
                .ack_with(kind)
                .await
                .map_err(|error| not_acked(&error)),
            None => Ok(()),
        }
    }

    async fn double_ack(&self) -> Result<(), BusError> {
        match &self.0 {
            Some(acker) => acker.double_ack().await.map_err(|error| not_acked(&error)),
            None => Ok(()),
        }
    }
}

fn not_acked(error: &async_nats::Error) -> BusError {
    BusError::Ack {
        cause: error.to_string(),
    }
}

/// A message before it was read.
pub(crate) struct Incoming {
    pub(crate) subject: String,
    headers: HeaderMap,
    body: Bytes,
    pub(crate) stream: String,
    sequence: u64,
    published_at: Timestamp,
    /// The server had no other for this reader when it sent this one.
    is_last: bool,
    handle: Handle,
}

impl Incoming {
    pub(crate) fn new(message: jetstream::Message) -> Self {
        let (stream, sequence, nanos, is_last) = message.info().map_or_else(
            // Only the server writes the subject that this is read from.
            |_| (String::new(), 0, 0, true),
            |info| {
                let nanos = info.published.unix_timestamp_nanos();
                let stream = info.stream.to_owned();
                (stream, info.stream_sequence, nanos, info.pending == 0)
            },
        );
        let (message, acker) = message.split();
        Self {
            subject: message.subject.to_string(),
            headers: message.headers.unwrap_or_default(),
            body: message.payload,
            stream,
            sequence,
            published_at: Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap_or(i64::MAX)),
            is_last,
            handle: Handle(Some(acker)),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(async_nats::HeaderValue::as_str)
    }

    fn decode<M: Durable>(&self) -> Result<M, DecodeError> {
        decode(
            &self.subject,
            &self.body,
            Some(self.sequence),
            self.published_at,
        )
    }

    /// `None` when it is rubbish, which it then was for the last time.
    pub(crate) async fn deliver<M: Durable>(self, rejected: &Rejected) -> Option<Delivery<M>> {
        match self.decode() {
            Ok(message) => Some(Delivery {
                message,
                trace: self.header("traceparent").and_then(TraceContext::parse),
                event_id: self.header("Nats-Msg-Id").map_or_else(
                    || {
                        let stored_at = self.published_at.unix_nanos();
                        format!("{}.{}.{stored_at}", self.stream, self.sequence)
                    },
                    str::to_owned,
                ),
                sequence: self.sequence,
                published_at: self.published_at,
                subject: self.subject,
                body: self.body,
                handle: self.handle,
            }),
            Err(error) => {
                rejected.count(M::FAMILY, &self.subject, &error);
                // Should this be lost, it comes once more and is refused once more.
                if let Err(error) = self.handle.ack(AckKind::Term).await {
                    tracing::debug!("{error}");
                }
                None
            }
        }
    }
}

/// Reads a body under what its subject says.
pub(crate) fn decode<M: Message>(
    subject: &str,
    body: &[u8],
    sequence: Option<u64>,
    published_at: Timestamp,
) -> Result<M, DecodeError> {
    let address = subject::parse(subject).ok_or_else(|| DecodeError::WrongSubject {
        subject: subject.to_owned(),
        body: M::NAME.to_owned(),
    })?;
    let received = Received {
        node: address.node,
        service: address.service,
        sequence,
        published_at,
    };
    M::decode(body, &received)
}

impl Bus {
    /// Reads messages of one kind. Fails when the stream is not there or this role may not read it.
    pub async fn consume<M: Durable>(&self, consume: Consume) -> Result<Deliveries<M>, BusError> {
        let reader = self.reader(consume.source(M::FAMILY)).await?;
        Ok(Deliveries {
            caught_up: reader.pending() == 0,
            reader,
            rejected: Arc::clone(&self.inner.rejected),
            kind: PhantomData,
        })
    }

    pub(crate) async fn reader(&self, source: Source) -> Result<Reader, BusError> {
        let (context, connected) = (self.inner.context.clone(), self.connected());
        Reader::open(context, connected, source).await
    }
}
