//! What a node agent decides: desired against actual state of each service, commands and their outcomes, faults and
//! their undoing. [`Node::step`] takes what happened and says what to do; the shell (`arena-node`) does it and tells
//! what came of it.
//!
//! Absent on purpose: clocks, processes, files, sockets, the bus, and any knowledge of incidents.
//!
//! Invariants, each held by a test in `tests/`:
//! - a service never has two processes: nothing is spawned while one is alive or on its way;
//! - an accepted command ends with exactly one final outcome, a repeated id does nothing twice;
//! - a fault is in the undo journal before it is applied, and leaves it after its revert was read back;
//! - a fault ends at its time to live at the latest, whoever asked for it and whoever died meanwhile.

mod admission;
mod catalogue;
mod commands;
mod config;
mod fault;
mod faults;
mod io;
mod node;
mod restart;
mod saved;
mod service;

pub use catalogue::{BadFault, Carrier, FaultKind};
pub use config::{NodeConfig, ServiceConfig};
pub use io::{Boot, Effect, Found, Heard, Input, Output, Pace, PortHolder, ProcessRef};
pub use node::Node;
pub use saved::{JournalEntry, Saved, SavedService};

/// Limits of the agent, each with its reason.
pub mod limits {
    use std::time::Duration;

    /// A probed service must pass its probe within this time of its start: long enough for a service on a virtual
    /// machine that warms up, short enough that a broken one is not waited for all day.
    pub const START_TIMEOUT: Duration = Duration::from_secs(30);
    /// A service without a probe counts as running once it has lived for this long: one that cannot start (a missing
    /// library, a bad flag) has died by then.
    pub const START_SETTLE: Duration = Duration::from_millis(250);
    /// The bus may be gone for this long before the agent restarts services by itself: longer than a restart of
    /// nats-server, so that two owners of the restart budget never meet.
    pub const DISCONNECTED_GRACE: Duration = Duration::from_secs(2);
    /// Finished commands and faults that are remembered. The streams redeliver for a minute; this is hours of them.
    pub const REMEMBERED_MAX: usize = 256;
    /// Faults at once on one node: more would leave nothing to watch healing.
    pub const FAULTS_MAX: usize = 4;
    /// The longest time to live that the node takes, below what the wire allows: a fault that outlives a scenario is
    /// a mistake.
    pub const FAULT_TTL_MAX: Duration = Duration::from_mins(10);
    /// The shortest lease: a renewal has to travel and be handled within it.
    pub const FAULT_LEASE_MIN: Duration = Duration::from_secs(1);
    /// A revert that failed is tried again after this time, as long as [`REVERT_ATTEMPTS`] allow.
    pub const REVERT_RETRY: Duration = Duration::from_secs(1);
    /// Attempts to revert before a fault is given up as `REVERT_FAILED`; its journal entry stays for the next start.
    /// A minute of them: a service that is stuck that long has been restarted, which cures the fault.
    pub const REVERT_ATTEMPTS: u32 = 60;
}
