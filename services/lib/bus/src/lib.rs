//! The one place that knows NATS: subjects, streams, buckets, permissions, acks, headers, the services API.
mod error;
mod role;
mod skeleton;
pub use error::BusError;
pub use role::Role;
pub use skeleton::*;
/// The configuration that `nats-server` runs with: JetStream, one user per role, permissions per subject.
pub const NATS_CONF: &str = include_str!("../../../../nats.conf");
