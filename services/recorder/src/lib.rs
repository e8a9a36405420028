//! The recorder: everything durable into the database, and out of it again for who asks.
//!
//! `database` is the one place that knows SQL; `ingest` moves events from the bus into it, `telemetry` roll-ups,
//! `retention` removes what is old, `api` answers requests. What events mean is `arena-recorder-core`'s.
//!
//! Invariants: an event is acked only after the transaction that holds it is committed; an event, an incident, an
//! action and a fault have exactly one row each, whatever is redelivered; reading never waits for writing.

pub mod api;
pub mod database;
pub mod ingest;
pub mod retention;
pub mod telemetry;
