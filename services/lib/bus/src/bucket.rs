//! KV buckets: what holds now. A bucket is a stream (ADR-8), and is read like one. How a lease is held: [`crate::lease`].

use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{
    Alert, Approval, Control, DecodeError, IncidentId, Lease, Message, NodeName, NodeStatus,
    Observer, Schema, Timestamp,
};
use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::message::StreamMessage;

use crate::consume::decode;
use crate::reader::{Reader, Resume, Source};
use crate::rejected::Rejected;
use crate::subject::{self, CONTROL_KEY, Family};
use crate::{Bus, BusError};

/// How long reading a whole bucket may take: a thousand keys take tens of milliseconds.
const READ_MAX: Duration = Duration::from_secs(5);

/// A value of a bucket. Its key follows from it.
pub trait Value: Message + Send + Sync {
    /// What names it.
    type Key: FromStr;

    /// What kind it is.
    const FAMILY: Family;

    /// Where it is kept.
    fn key(&self) -> String;
}

macro_rules! value {
    ($kind:ident, $family:ident, $key_type:ty, $value:ident => $key:expr) => {
        impl Value for $kind {
            type Key = $key_type;

            const FAMILY: Family = Family::$family;

            fn key(&self) -> String {
                let $value = self;
                $key.to_string()
            }
        }
    };
}

value!(NodeStatus, Status, NodeName, status => status.node);
value!(Schema, Schema, NodeName, schema => schema.node);
value!(Control, Control, String, _control => CONTROL_KEY);
value!(Approval, Approval, IncidentId, approval => approval.incident_id);
value!(Observer, Observer, String, observer => observer.detector);
value!(Lease, Lease, String, lease => lease.name);
value!(Alert, Alert, String, alert => alert.fingerprint);

/// What happened to a key of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T: Value> {
    /// It has this value now.
    Put(T),
    /// It was removed. What ran out by its age is not told.
    Removed(T::Key),
}

/// The values of a bucket: first what is there, then each change. After the server was away, what is there comes once
/// more, so that no change is missed.
#[derive(Debug)]
pub struct Values<T> {
    reader: Reader,
    rejected: Arc<Rejected>,
    kind: PhantomData<fn() -> T>,
}

impl<T: Value> Values<T> {
    /// The next value; `None` once every [`Bus`] of this connection is gone. A removal is not told. Cancel safe.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            if let Change::Put(value) = self.next_change().await? {
                return Some(value);
            }
        }
    }

    /// The same with removals; each that was ever made is told at the start too.
    pub async fn next_change(&mut self) -> Option<Change<T>> {
        loop {
            let message = self.reader.next().await?;
            if let Some(change) = self.change(&message) {
                return Some(change);
            }
        }
    }

    fn change(&self, message: &jetstream::Message) -> Option<Change<T>> {
        let headers = message.headers.as_ref();
        let published_at = message
            .info()
            .map(|info| info.published.unix_timestamp_nanos());
        change(
            &message.subject,
            headers,
            &message.payload,
            published_at.unwrap_or_default(),
            &self.rejected,
        )
    }

    /// What is there now.
    async fn now(mut self) -> Vec<T> {
        let mut values = Vec::new();
        for _ in 0..self.reader.pending() {
            if let Some(message) = self.reader.next().await
                && let Some(Change::Put(value)) = self.change(&message)
            {
                values.push(value);
            }
        }
        values
    }
}

/// What a message of a bucket says; `None` when it is rubbish.
fn change<T: Value>(
    subject: &str,
    headers: Option<&async_nats::HeaderMap>,
    body: &[u8],
    published_nanos: i128,
    rejected: &Rejected,
) -> Option<Change<T>> {
    if is_removal(headers) {
        let key = subject::parse(subject).and_then(|_| subject.rsplit('.').next())?;
        return key.parse().map(Change::Removed).ok();
    }
    let published_at =
        Timestamp::from_unix_nanos(i64::try_from(published_nanos).unwrap_or(i64::MAX));
    decode(subject, body, None, published_at)
        .and_then(|value| under_its_key(value, subject))
        .inspect_err(|error| rejected.count(T::FAMILY, subject, error))
        .map(Change::Put)
        .ok()
}

/// Checks that a value speaks for the key that it was written under.
fn under_its_key<T: Value>(value: T, subject: &str) -> Result<T, DecodeError> {
    let key = value.key();
    if T::FAMILY.of_key(&key) == subject {
        return Ok(value);
    }
    Err(DecodeError::WrongSubject {
        subject: subject.to_owned(),
        body: key,
    })
}

impl Bus {
    /// Writes a node's status. Only that node does; of one without an agent the gateway, which hears of it over HTTP.
    pub async fn put_status(&self, status: &NodeStatus) -> Result<(), BusError> {
        self.put(status).await
    }

    /// The status of every node that ever wrote one, in the order of the last writes.
    pub async fn statuses(&self) -> Result<Vec<NodeStatus>, BusError> {
        self.now().await
    }

    /// The status of every node, and each change.
    pub async fn watch_statuses(&self) -> Result<Values<NodeStatus>, BusError> {
        self.values().await
    }

    /// Writes what the columns of a node's telemetry mean: before the first telemetry that uses it.
    pub async fn put_schema(&self, schema: &Schema) -> Result<(), BusError> {
        self.put(schema).await
    }

    /// Removes what a node that left the arena wrote about itself. Only for who knows that it will not come back.
    pub async fn forget_node(&self, node: &NodeName) -> Result<(), BusError> {
        for family in [Family::Status, Family::Schema] {
            self.store(family.of_node(node), Vec::new(), removal())
                .await?;
        }
        Ok(())
    }

    /// The schema of every node that ever wrote one.
    pub async fn schemas(&self) -> Result<Vec<Schema>, BusError> {
        self.now().await
    }

    pub(crate) async fn watch_schemas(&self) -> Result<Values<Schema>, BusError> {
        self.values().await
    }

    /// Decides.
    pub async fn put_control(&self, control: &Control) -> Result<(), BusError> {
        self.put(control).await
    }

    /// What people decided, and each change; nothing until somebody decided something.
    pub async fn watch_control(&self) -> Result<Values<Control>, BusError> {
        self.values().await
    }

    /// What people answered within the last hour.
    pub async fn approvals(&self) -> Result<Vec<Approval>, BusError> {
        self.now().await
    }

    /// What people answered within the last hour, and each answer.
    pub async fn watch_approvals(&self) -> Result<Values<Approval>, BusError> {
        self.values().await
    }

    /// Says whether a detector can believe what it hears. Only that detector does.
    pub async fn put_observer(&self, observer: &Observer) -> Result<(), BusError> {
        self.put(observer).await
    }

    /// What every detector that ever ran said last.
    pub async fn observers(&self) -> Result<Vec<Observer>, BusError> {
        self.now().await
    }

    /// What every detector says, and each change.
    pub async fn watch_observers(&self) -> Result<Values<Observer>, BusError> {
        self.values().await
    }

    /// Who holds a lease: an item when it is taken, and one a renewal; [`Change::Removed`] when it is given back. That it
    /// ran out is not told: no item comes any more.
    pub async fn watch_lease(&self, name: &str) -> Result<Values<Lease>, BusError> {
        self.values_of(Family::Lease.of_key(name)).await
    }

    /// Writes what Alertmanager said of an alert. Only the gateway does.
    pub async fn put_alert(&self, alert: &Alert) -> Result<(), BusError> {
        self.put(alert).await
    }

    /// Removes an alert, to make room. Only the gateway does.
    pub async fn forget_alert(&self, fingerprint: &str) -> Result<(), BusError> {
        self.store(Family::Alert.of_key(fingerprint), Vec::new(), removal())
            .await
    }

    /// The alerts that were told within the last day.
    pub async fn alerts(&self) -> Result<Vec<Alert>, BusError> {
        self.now().await
    }

    /// The alerts that were told within the last day, and each change.
    pub async fn watch_alerts(&self) -> Result<Values<Alert>, BusError> {
        self.values().await
    }

    async fn put<T: Value>(&self, value: &T) -> Result<(), BusError> {
        let key = value.key();
        if !subject::is_key(&key) {
            return Err(BusError::NoKey { key });
        }
        // Without headers: writing a value twice is writing it once, and people read buckets.
        let headers = async_nats::HeaderMap::new();
        self.store(T::FAMILY.of_key(&key), value.encode(), headers)
            .await
    }

    /// What is under every key now, in the order of the last writes.
    async fn now<T: Value>(&self) -> Result<Vec<T>, BusError> {
        let stream = T::FAMILY.stream().unwrap_or_default();
        let all = async {
            let Some(messages) = self.last_of_each(stream, &T::FAMILY.all()).await? else {
                return Ok(self.values().await?.now().await);
            };
            let change = |message: &StreamMessage| {
                change(
                    &message.subject,
                    Some(&message.headers),
                    &message.payload,
                    message.time.unix_timestamp_nanos(),
                    &self.inner.rejected,
                )
            };
            let values = messages
                .iter()
                .filter_map(|message| match change(message)? {
                    Change::Put(value) => Some(value),
                    Change::Removed(_) => None,
                });
            Ok(values.collect())
        };
        let late = || BusError::JetStream {
            what: format!("reading KV {}", T::FAMILY),
            cause: format!("not done after {} s", READ_MAX.as_secs()),
        };
        let read = tokio::time::timeout(READ_MAX, all).await;
        read.unwrap_or_else(|_| Err(late()))
    }

    async fn values<T: Value>(&self) -> Result<Values<T>, BusError> {
        self.values_of(T::FAMILY.all()).await
    }

    async fn values_of<T: Value>(&self, filter: String) -> Result<Values<T>, BusError> {
        let source = Source {
            stream: T::FAMILY.stream().unwrap_or_default(),
            filter,
            durable: None,
            policy: DeliverPolicy::LastPerSubject,
            resume: Resume::Again,
            in_hand_max: None,
        };
        Ok(Values {
            reader: self.reader(source).await?,
            rejected: Arc::clone(&self.inner.rejected),
            kind: PhantomData,
        })
    }
}

/// The headers of a message that removes its key.
pub(crate) fn removal() -> async_nats::HeaderMap {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("KV-Operation", "DEL");
    headers
}

/// Whether a message removes its key.
pub(crate) fn is_removal(headers: Option<&async_nats::HeaderMap>) -> bool {
    headers
        .and_then(|headers| headers.get("KV-Operation"))
        .is_some_and(|operation| matches!(operation.as_str(), "DEL" | "PURGE"))
}
