//! What the gateway shows live. Messages of the bus in, events for pages out; a snapshot for who joins.
//!
//! Absent on purpose: the bus, HTTP, clocks. Invariants: what nobody can vouch for is never shown as well; an event is told once, with
//! a number that has no gap; every list and the ring of events have a limit.

pub mod view;
pub mod webhook;
