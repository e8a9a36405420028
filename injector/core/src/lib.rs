//! Villain's mind: schedules, villains, and the leases of the faults that are live.
//!
//! [`Injector`] is told of requests, of what nodes say, and of time; it answers with what to publish. Of the rest of the arena it sees
//! what is public, and that for a villain alone ([`villain::View`]); nobody who heals ever sees it. Absent on purpose: making faults (the
//! node's), clocks, chance (the nonce and the seeds are handed in).

mod ceiling;
mod checked;
mod injector;
mod io;
mod live;
mod play;
mod refusal;
mod schedule;
mod targets;
pub mod villain;

pub use injector::Injector;
pub use io::{Input, Output, Ticket};
pub use live::{FAULTS_MAX, LEASE, RENEW_EVERY};
pub use schedule::{Entry, Schedule};
