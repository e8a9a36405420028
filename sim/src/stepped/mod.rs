//! The stepped mode: whoever talks JSON lines plays the healer, the villain, or both, step by step.
//!
//! A [`Session`] takes a line and gives a line; it never ends by what it is told. Absent on purpose: pipes (the command line's), and what an
//! agent may not see: the healer is shown an [`crate::observe::Observation`], the villain what the injector shows its own.
//! docs/gym.md is the page for people.

mod became;
mod episode;
mod felix;
mod options;
mod places;
mod protocol;
mod reward;
mod schema;
mod session;
mod vectors;
mod villain;

pub use episode::ACTIONS_MAX;
pub use options::{Chosen, FelixPlayer, Form, Options, VillainBudget, VillainPlayer};
pub use places::Places;
pub use protocol::{
    ActionResult, Actions, Begun, ClaimWord, ClaimWords, Description, Each, FelixAction, Info,
    InjectWords, Mistake, Observations, OrderWords, Reply, Request, RevertWords, SCHEMA, Seen,
    Stepped, VillainAction,
};
pub use schema::schema;
pub use session::{LINE_BYTES_MAX, Session, too_long};
pub use vectors::{Shape, UNKNOWN, Vectors};
pub use villain::{BlameSeen, EntitySeen, FaultSeen, LiveSeen, UsersSeen, VillainSeen};
