//! The one place that knows NATS: subjects, streams, buckets, permissions, acks, headers, the services API.
//!
//! Everybody else publishes and reads typed messages. What comes in has been checked ([`arena_proto::Message`]); rubbish
//! is counted and never comes out. Readers and watchers go on by themselves after the server was away.
//!
//! Absent on purpose: what a message means, and any decision. docs/bus.md says all this for people with the
//! `nats` command line.

mod approval;
mod backlog;
mod bucket;
mod canary;
mod connect;
mod consume;
mod control;
mod describe;
mod durable;
mod error;
mod events;
mod lease;
mod live;
mod publish;
mod reader;
mod rejected;
mod role;
mod service;
mod snapshot;
mod streams;
mod subject;
mod telemetry;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::jetstream;
use tokio::sync::watch;

pub use backlog::Backlog;
pub use bucket::{Change, Value, Values};
pub use canary::{CanaryReceiver, CanarySender};
pub use connect::NatsArgs;
pub use consume::{Consume, Deliveries, Delivery, From};
pub use control::Decided;
pub use describe::{describe, try_describe};
pub use durable::Durable;
pub use error::BusError;
pub use events::{Event, Events};
pub use lease::HeldLease;
pub use live::{LiveMessage, LiveMessages};
pub use rejected::RejectedCounts;
pub use role::Role;
pub use service::{Registration, ServiceDescription, ServiceError, ServicePing};
pub use subject::{Family, Partitions, telemetry_node};
pub use telemetry::TelemetryStream;

use connect::{Connection, Patience};
use rejected::Rejected;

/// The configuration that `nats-server` runs with: JetStream, one user per role, permissions per subject, partitions.
/// Address, port and store are overridden by flags (`-a`, `-p`, `-sd`).
pub const NATS_CONF: &str = include_str!("../../../../nats.conf");

/// A connection in one role. Clones share it.
#[derive(Debug, Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    role: Role,
    client: async_nats::Client,
    context: jetstream::Context,
    connected: watch::Receiver<bool>,
    rejected: Arc<Rejected>,
    slow: Arc<AtomicU64>,
}

impl Bus {
    /// Connects for a long-lived service: waits up to 30 s for a server that is not there yet, and reconnects forever.
    /// `name` is what `nats server report connections` shows. Refuses a server older than 2.10.
    pub async fn connect(args: &NatsArgs, role: Role, name: &str) -> Result<Self, BusError> {
        let connection = connect::connect(args, role, name, Patience::Long).await?;
        Ok(Self::new(role, connection))
    }

    /// Connects for a command line: gives up after 2 s.
    pub async fn connect_once(args: &NatsArgs, role: Role, name: &str) -> Result<Self, BusError> {
        let connection = connect::connect(args, role, name, Patience::Short).await?;
        Ok(Self::new(role, connection))
    }

    /// Connects for a service that has something to say without a server too: comes back at once, and looks for the server for ever.
    /// [`Bus::connected`] tells when it is there; [`Bus::check_server`] then tells whether it will do.
    pub async fn connect_later(args: &NatsArgs, role: Role, name: &str) -> Result<Self, BusError> {
        let connection = connect::connect_later(args, role, name).await?;
        Ok(Self::new(role, connection))
    }

    /// Refuses a server older than 2.10. Of a server that is not there the version is not known: wait for it first.
    pub fn check_server(&self) -> Result<(), BusError> {
        connect::check_version(&self.inner.client.server_info().version)
    }

    fn new(role: Role, connection: Connection) -> Self {
        Self {
            inner: Arc::new(Inner {
                role,
                context: jetstream::new(connection.client.clone()),
                client: connection.client,
                connected: connection.connected,
                rejected: Arc::default(),
                slow: connection.slow,
            }),
        }
    }

    /// Makes every stream and bucket, or brings those that are there to the limits of this version, and checks what the
    /// server made of it. Needs the role operator.
    pub async fn ensure_streams(&self) -> Result<(), BusError> {
        if !self.inner.client.server_info().jetstream {
            return Err(BusError::NoJetStream);
        }
        for config in streams::all() {
            streams::ensure(&self.inner.context, config).await?;
        }
        Ok(())
    }

    /// Whether the server is there, now and from now on.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.inner.connected.clone()
    }

    /// How many messages were refused as rubbish, by family.
    #[must_use]
    pub fn rejected(&self) -> RejectedCounts {
        self.inner.rejected.counts()
    }

    /// How often the client said that messages were dropped because a reader was too slow.
    #[must_use]
    pub fn slow_consumer_events(&self) -> u64 {
        self.inner.slow.load(Ordering::Relaxed)
    }
}
