//! Villain's mind: schedules, and the leases of the faults that are live.
//!
//! [`Injector`] is told of requests, of what nodes say, and of time; it answers with what to publish. It never sees an incident, and
//! nobody who heals ever sees it. Absent on purpose: making faults (the node's), clocks, chance (the nonce is handed in).

mod checked;
mod injector;
mod live;
mod schedule;
mod targets;

pub use injector::{Injector, Input, Output, Ticket};
pub use live::{FAULTS_MAX, LEASE, RENEW_EVERY};
pub use schedule::{Entry, Schedule};
