//! What the gateway shows live. Messages of the bus in, events for pages out; a snapshot for who joins.
//!
//! Absent on purpose: the bus, HTTP, clocks. Invariants: what nobody can vouch for is never shown as well; who applies the events to a
//! snapshot has what a later snapshot says; every list and the ring of events have a limit.

pub mod alerts;
mod event;
mod fleet;
pub mod inbound;
mod limits;
mod lines;
mod live;
pub mod metrics;
mod questions;
mod ring;
mod samples;
pub mod view;
pub mod webhook;

pub use event::Event;
pub use limits::{Limits, Line, keep};
pub use live::{History, Input, Live, Recorded};
pub use ring::{Missed, Ring};
pub use samples::SamplesQuery;
