//! KV buckets: `status`, `schema`, `control`. A bucket is a stream (ADR-8), and is read like one.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{Control, Message, NodeName, NodeStatus, Schema, Timestamp};
use async_nats::jetstream;
use async_nats::jetstream::consumer::DeliverPolicy;

use crate::consume::decode;
use crate::reader::{Reader, Resume, Source};
use crate::rejected::Rejected;
use crate::subject::{self, CONTROL_KEY, Family};
use crate::{Bus, BusError};

/// How long reading a whole bucket may take: a thousand keys take tens of milliseconds.
const READ_MAX: Duration = Duration::from_secs(5);

/// What happened to a key of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// It has this value now.
    Put(T),
    /// It was removed; a key is named after a node.
    Removed(NodeName),
}

/// The values of a bucket: first what is there, then each change. After the server was away, what is there comes once
/// more, so that no change is missed.
#[derive(Debug)]
pub struct Values<T> {
    reader: Reader,
    rejected: Arc<Rejected>,
    family: Family,
    kind: PhantomData<fn() -> T>,
}

impl<T: Message> Values<T> {
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
        let subject = message.subject.as_str();
        let is_removal = message
            .headers
            .as_ref()
            .and_then(|headers| headers.get("KV-Operation"))
            .is_some_and(|operation| matches!(operation.as_str(), "DEL" | "PURGE"));
        if is_removal {
            return subject::parse(subject).map(|address| Change::Removed(address.node));
        }
        let published_at = message.info().map_or(Timestamp::EPOCH, |info| {
            let nanos = info.published.unix_timestamp_nanos();
            Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
        });
        decode(subject, &message.payload, None, published_at)
            .inspect_err(|error| self.rejected.count(self.family, subject, error))
            .map(Change::Put)
            .ok()
    }

    /// What is there now.
    async fn now(mut self) -> Result<Vec<T>, BusError> {
        let mut values = Vec::new();
        let all = async {
            for _ in 0..self.reader.pending() {
                if let Some(message) = self.reader.next().await
                    && let Some(Change::Put(value)) = self.change(&message)
                {
                    values.push(value);
                }
            }
        };
        match tokio::time::timeout(READ_MAX, all).await {
            Ok(()) => Ok(values),
            Err(_) => Err(BusError::JetStream {
                what: format!("reading KV {}", self.family),
                cause: format!("not done after {} s", READ_MAX.as_secs()),
            }),
        }
    }
}

impl Bus {
    /// Writes a node's status. Only that node does.
    pub async fn put_status(&self, status: &NodeStatus) -> Result<(), BusError> {
        self.put(Family::Status.of_node(&status.node), status).await
    }

    /// The status of every node that ever wrote one, in the order of the last writes.
    pub async fn statuses(&self) -> Result<Vec<NodeStatus>, BusError> {
        self.watch_statuses().await?.now().await
    }

    /// The status of every node, and each change.
    pub async fn watch_statuses(&self) -> Result<Values<NodeStatus>, BusError> {
        self.values(Family::Status, Family::Status.all()).await
    }

    /// Writes what the columns of a node's telemetry mean: before the first telemetry that uses it.
    pub async fn put_schema(&self, schema: &Schema) -> Result<(), BusError> {
        self.put(Family::Schema.of_node(&schema.node), schema).await
    }

    /// Removes what a node that left the arena wrote about itself. Only for who knows that it will not come back.
    pub async fn forget_node(&self, node: &NodeName) -> Result<(), BusError> {
        for family in [Family::Status, Family::Schema] {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("KV-Operation", "DEL");
            self.store(family.of_node(node), Vec::new(), headers)
                .await?;
        }
        Ok(())
    }

    /// The schema of every node that ever wrote one.
    pub async fn schemas(&self) -> Result<Vec<Schema>, BusError> {
        self.watch_schemas().await?.now().await
    }

    pub(crate) async fn watch_schemas(&self) -> Result<Values<Schema>, BusError> {
        self.values(Family::Schema, Family::Schema.all()).await
    }

    /// What people decided; [`Control::default`] when nobody decided anything.
    pub async fn control(&self) -> Result<Control, BusError> {
        let values = self.watch_control().await?.now().await?;
        Ok(values.into_iter().next_back().unwrap_or_default())
    }

    /// Decides.
    pub async fn put_control(&self, control: &Control) -> Result<(), BusError> {
        self.put(control_subject(), control).await
    }

    /// What people decided, and each change; nothing until somebody decided something.
    pub async fn watch_control(&self) -> Result<Values<Control>, BusError> {
        self.values(Family::Control, control_subject()).await
    }

    async fn put<T: Message>(&self, subject: String, value: &T) -> Result<(), BusError> {
        // Without headers: writing a value twice is writing it once, and people read buckets.
        self.store(subject, value.encode(), async_nats::HeaderMap::new())
            .await
    }

    async fn values<T: Message>(
        &self,
        family: Family,
        filter: String,
    ) -> Result<Values<T>, BusError> {
        let source = Source {
            stream: family.stream().unwrap_or_default(),
            filter,
            durable: None,
            policy: DeliverPolicy::LastPerSubject,
            resume: Resume::Again,
        };
        Ok(Values {
            reader: self.reader(source).await?,
            rejected: Arc::clone(&self.inner.rejected),
            family,
            kind: PhantomData,
        })
    }
}

fn control_subject() -> String {
    format!("$KV.{}.{CONTROL_KEY}", Family::Control)
}
