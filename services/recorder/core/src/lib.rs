//! What the recorder makes of events, as plain data: an incident, an action, its evidence and a fault are each a fold of
//! the events that name them, telemetry is rolled up into buckets, judged actions are counted, and so is who did what to whom.
//!
//! A fold is a *merge of facts*: what an event says is kept under a key of its own (a revision, a state), and where
//! two events speak about the same key the greater fact stays. So a fold does not depend on the order of events, and
//! an event that comes twice changes nothing. Streams are read side by side, and redelivered: a plan may come before
//! its incident, an outcome before its plan. Records, states and times are computed from the facts, never stored into
//! them.
//!
//! Absent on purpose: the database, the bus, the clock. Facts become JSON (serde) and come back the same.
//!
//! Invariants: any permutation of the same events, with duplicates, folds to the same facts; every collection and
//! text in a fact has a limit; no time in a record is negative.

mod action;
mod decision;
mod efficacy;
mod event;
mod evidence;
mod facts;
mod fault;
mod incident;
mod rollup;
mod score;
mod spread;

pub use action::ActionFacts;
pub use efficacy::{Try, efficacy};
pub use event::{Event, EventKind};
pub use evidence::{Captured, EvidenceFacts};
pub use facts::millis;
pub use fault::FaultFacts;
pub use incident::{IncidentFacts, Times};
pub use rollup::{BUCKET, Reading, Rollup, Rollups, SERIES_MAX, Series};
pub use score::{Field, Injected, Opened, score};
