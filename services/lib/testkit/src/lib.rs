//! What tests share: a real nats-server per test, `wait_for`, free ports, temporary folders. Dev only.
//!
//! Absent on purpose: the bus. Its own tests stand on this crate, so a test that wants streams calls
//! `Bus::ensure_streams` itself.

mod arena;
mod nats;
pub mod otlp;
pub mod postgres;
pub mod prometheus;
mod signal;
mod turns;
mod wait;

pub use arena::{Arena, ArenaBuilder};
pub use nats::NatsServer;
pub use signal::{Frozen, signal};
pub use tempfile::TempDir;
pub use turns::{Machine, Turns};
pub use wait::{free_port, temp_dir, wait_for};
