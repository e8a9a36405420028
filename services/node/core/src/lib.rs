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
//! - a fault ends at its time to live at the latest, whoever asked for it and whoever died meanwhile;
//! - while the safety lever is stopped no command is accepted, nothing is restarted (but to undo a fault), and no fault stays;
//! - restarts have one owner: the remediator while its lease is renewed, else the node within its budget;
//! - the highest fencing token only rises, also from one agent to the next.

mod act;
mod admission;
mod adopt;
mod ceilings;
mod chance;
pub mod columns;
mod commands;
mod config;
mod definition;
mod fault;
mod faults;
mod io;
mod judge;
pub mod leg;
mod node;
mod port;
mod probing;
mod report;
mod restart;
mod restore;
mod saved;
mod service;
mod starts;
pub mod telemetry;
mod throttle;

pub use chance::Chance;
pub use config::{NodeConfig, ServiceConfig};
pub use io::{Boot, Effect, Found, Heard, Input, Output, Pace, PortHolder, ProcessRef};
pub use node::Node;
pub use saved::{JournalEntry, Saved, SavedService, SavedThrottle};

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
    /// Without a renewal of the remediator's lease for this long there is none: it is renewed each second and gone after
    /// 3 s, so a successor has had its time to be heard, too.
    pub const LEASE_SILENCE: Duration = Duration::from_secs(5);
    /// A definition that was healthy for this long is one to roll back to: most that do not hold have failed by then.
    pub const GOOD_AFTER: Duration = Duration::from_secs(10);
    /// The share of one CPU that THROTTLE leaves when it does not say, in percent: half, so that the neighbour breathes
    /// and the throttled service still answers.
    pub const THROTTLE_PERCENT: u32 = 50;
    /// The smallest share: below it a service starves, and its probe with it.
    pub const THROTTLE_PERCENT_MIN: u32 = 5;
    /// The largest share: the whole of one CPU.
    pub const THROTTLE_PERCENT_MAX: u32 = 100;
    /// How long a throttle holds that does not say: a batch of work passes, or a person has looked.
    pub const THROTTLE_FOR: Duration = Duration::from_mins(1);
    /// The shortest throttle: less is over before anybody could see its effect.
    pub const THROTTLE_FOR_MIN: Duration = Duration::from_secs(1);
    /// The longest throttle: one that is needed for longer is a setting, not an action.
    pub const THROTTLE_FOR_MAX: Duration = Duration::from_mins(10);
    /// Finished commands and faults that are remembered. The streams redeliver for a minute; this is hours of them.
    pub const REMEMBERED_MAX: usize = 256;
    /// A revert that failed is tried again after this time, as long as [`REVERT_ATTEMPTS`] allow.
    pub const REVERT_RETRY: Duration = Duration::from_secs(1);
    /// Attempts to revert before a fault is given up as `REVERT_FAILED`; its journal entry stays for the next start.
    /// A minute of them: a service that is stuck that long has been restarted, which cures the fault.
    pub const REVERT_ATTEMPTS: u32 = 60;
}
