//! Signatures only, for a moment: the shells compile against this while it is filled in.
#![expect(
    missing_docs,
    unused_variables,
    dead_code,
    clippy::pedantic,
    clippy::unimplemented,
    reason = "for a moment"
)]
use crate::{BusError, Role};
use arena_proto::*;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

#[derive(Debug, Clone, clap::Args)]
pub struct NatsArgs {
    /// The NATS server
    #[arg(
        long,
        env = "NATS_URL",
        value_name = "URL",
        default_value = "nats://127.0.0.1:4222"
    )]
    pub nats_url: String,
}
#[derive(Clone, Debug)]
pub struct Bus {}
pub trait Durable: Message + Send + Sync {
    fn subject(&self) -> String;
    fn message_id(&self) -> String;
}
impl Durable for IncidentEvent {
    fn subject(&self) -> String {
        unimplemented!()
    }
    fn message_id(&self) -> String {
        unimplemented!()
    }
}
impl Durable for Plan {
    fn subject(&self) -> String {
        unimplemented!()
    }
    fn message_id(&self) -> String {
        unimplemented!()
    }
}
impl Durable for Command {
    fn subject(&self) -> String {
        unimplemented!()
    }
    fn message_id(&self) -> String {
        unimplemented!()
    }
}
impl Durable for Outcome {
    fn subject(&self) -> String {
        unimplemented!()
    }
    fn message_id(&self) -> String {
        unimplemented!()
    }
}
impl Durable for FaultRequest {
    fn subject(&self) -> String {
        unimplemented!()
    }
    fn message_id(&self) -> String {
        unimplemented!()
    }
}
impl Durable for FaultStatus {
    fn subject(&self) -> String {
        unimplemented!()
    }
    fn message_id(&self) -> String {
        unimplemented!()
    }
}
#[derive(Debug, Clone)]
pub struct Consume {}
impl Consume {
    /// The server remembers what was acked under this name.
    pub fn durable(name: impl Into<String>) -> Self {
        unimplemented!()
    }
    /// Nothing is remembered; every message is told once, acks do nothing.
    pub fn ephemeral() -> Self {
        unimplemented!()
    }
    #[must_use]
    pub fn from(self, from: From) -> Self {
        unimplemented!()
    }
    #[must_use]
    pub fn node(self, node: NodeName) -> Self {
        unimplemented!()
    }
    #[must_use]
    pub fn entity(self, entity: Entity) -> Self {
        unimplemented!()
    }
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    All,
    New,
    LastPerSubject,
}
#[derive(Debug)]
pub struct Deliveries<M>(std::marker::PhantomData<M>);
impl<M: Durable> Deliveries<M> {
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Delivery<M>> {
        unimplemented!()
    }
    pub fn pending(&self) -> u64 {
        unimplemented!()
    }
}
#[derive(Debug)]
pub struct Delivery<M> {
    pub message: M,
    pub trace: Option<TraceContext>,
    pub event_id: String,
    pub sequence: u64,
    pub published_at: Timestamp,
    pub subject: String,
    pub body: Bytes,
}
impl<M> Delivery<M> {
    pub async fn ack(&self) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn double_ack(&self) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn progress(&self) -> Result<(), BusError> {
        unimplemented!()
    }
}
#[derive(Debug)]
pub enum Event {
    Incident(Delivery<IncidentEvent>),
    Plan(Delivery<Plan>),
    Command(Delivery<Command>),
    Outcome(Delivery<Outcome>),
    Fault(Delivery<FaultRequest>),
    FaultStatus(Delivery<FaultStatus>),
}
impl Event {
    pub async fn ack(&self) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn progress(&self) -> Result<(), BusError> {
        unimplemented!()
    }
}
#[derive(Debug)]
pub struct Events {}
impl Events {
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        unimplemented!()
    }
    pub fn pending(&self) -> u64 {
        unimplemented!()
    }
}
#[derive(Debug, Clone)]
pub struct Partitions {}
impl Partitions {
    pub const COUNT: u32 = 4;
    pub fn all() -> Self {
        unimplemented!()
    }
}
#[derive(Debug)]
pub struct TelemetryStream {}
impl TelemetryStream {
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<(Telemetry, Arc<Schema>)> {
        unimplemented!()
    }
    pub fn lost(&self) -> u64 {
        unimplemented!()
    }
}
/// The values of a bucket: first what is there, then each change.
#[derive(Debug)]
pub struct Values<T>(std::marker::PhantomData<T>);
impl<T: Message> Values<T> {
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<T> {
        unimplemented!()
    }
}
#[derive(Debug, Clone)]
pub struct ServiceDescription {
    pub name: String,
    pub description: String,
    /// Semantic version.
    pub version: String,
    pub metadata: BTreeMap<String, String>,
}
#[derive(Debug)]
pub struct Registration {}
impl Registration {
    /// JSON in, JSON out; an error is told to who asked.
    pub async fn endpoint<Req, Rep, H, F>(&self, name: &str, handler: H) -> Result<(), BusError>
    where
        Req: serde::de::DeserializeOwned + Send + 'static,
        Rep: serde::Serialize + Send + 'static,
        H: Fn(Req) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Rep, String>> + Send + 'static,
    {
        unimplemented!()
    }
}
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePing {
    pub name: String,
    pub id: String,
    pub metadata: BTreeMap<String, String>,
}
/// What was refused, by subject family.
pub type RejectedCounts = BTreeMap<&'static str, u64>;
#[derive(Debug)]
pub struct LiveMessages {}
#[derive(Debug, Clone)]
pub struct LiveMessage {
    pub subject: String,
    pub body: Bytes,
}
impl LiveMessages {
    pub async fn next(&mut self) -> Option<LiveMessage> {
        unimplemented!()
    }
}
pub fn describe(subject: &str, body: &[u8], schema: Option<&Schema>) -> String {
    unimplemented!()
}
impl Bus {
    pub async fn connect(args: &NatsArgs, role: Role, name: &str) -> Result<Bus, BusError> {
        unimplemented!()
    }
    pub async fn connect_once(args: &NatsArgs, role: Role, name: &str) -> Result<Bus, BusError> {
        unimplemented!()
    }
    pub async fn ensure_streams(&self) -> Result<(), BusError> {
        unimplemented!()
    }
    pub fn connected(&self) -> watch::Receiver<bool> {
        unimplemented!()
    }
    pub async fn publish_telemetry(&self, telemetry: &Telemetry) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn publish<M: Durable>(
        &self,
        message: &M,
        trace: Option<TraceContext>,
    ) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn consume<M: Durable>(&self, consume: Consume) -> Result<Deliveries<M>, BusError> {
        unimplemented!()
    }
    pub async fn consume_events(&self, durable: &str) -> Result<Events, BusError> {
        unimplemented!()
    }
    pub async fn telemetry(&self, partitions: Partitions) -> Result<TelemetryStream, BusError> {
        unimplemented!()
    }
    pub async fn put_status(&self, status: &NodeStatus) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn statuses(&self) -> Result<Vec<NodeStatus>, BusError> {
        unimplemented!()
    }
    pub async fn watch_statuses(&self) -> Result<Values<NodeStatus>, BusError> {
        unimplemented!()
    }
    pub async fn put_schema(&self, schema: &Schema) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn schemas(&self) -> Result<Vec<Schema>, BusError> {
        unimplemented!()
    }
    pub async fn control(&self) -> Result<Control, BusError> {
        unimplemented!()
    }
    pub async fn put_control(&self, control: &Control) -> Result<(), BusError> {
        unimplemented!()
    }
    pub async fn watch_control(&self) -> Result<Values<Control>, BusError> {
        unimplemented!()
    }
    pub async fn register(&self, service: ServiceDescription) -> Result<Registration, BusError> {
        unimplemented!()
    }
    pub async fn request<Req: serde::Serialize, Rep: serde::de::DeserializeOwned>(
        &self,
        service: &str,
        endpoint: &str,
        request: &Req,
    ) -> Result<Rep, BusError> {
        unimplemented!()
    }
    pub async fn ping_services(&self, timeout: Duration) -> Result<Vec<ServicePing>, BusError> {
        unimplemented!()
    }
    pub fn rejected(&self) -> RejectedCounts {
        unimplemented!()
    }
    pub async fn watch_subject(&self, subject: &str) -> Result<LiveMessages, BusError> {
        unimplemented!()
    }
    /// Sends what is still buffered; at most 2 s.
    pub async fn flush(&self) -> Result<(), BusError> {
        unimplemented!()
    }
}
