//! Villains: who chooses which fault to make next, and when to stop.
//!
//! A [`Policy`] chooses; [`Villain`] holds it to its budget and to its stop conditions; [`crate::Injector`] holds everybody to the
//! ceilings. All see only a [`View`]: what is public.
//!
//! Absent on purpose: making faults, clocks, and every source of chance but the seed ([`chance`]).

mod adaptive;
mod budget;
mod chance;
mod deed;
mod lessons;
mod life;
mod options;
mod random;
mod request;
mod scripted;
mod stop;
mod view;

use std::fmt::Debug;
use std::time::Duration;

use arena_faults::{Fault, Params};
use arena_proto::{Entity, Timestamp, VillainLesson};

pub use adaptive::Adaptive;
pub use budget::Budget;
pub use chance::Chance;
pub use deed::Deed;
pub(crate) use life::Villain;
pub use random::Random;
pub(crate) use request::{Start, check};
pub use scripted::Scripted;
pub(crate) use stop::StopWhen;
pub(crate) use view::replicas;
pub use view::{OpenIncident, Public, Users, View};

/// A fault that is to be made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which.
    pub fault: &'static Fault,
    /// In what.
    pub target: Entity,
    /// Its time to live.
    pub ttl: Duration,
    /// All of them, with the defaults filled in.
    pub params: Params,
}

/// How a villain chooses. The same seed and the same inputs give the same choices.
pub trait Policy: Debug + Send {
    /// What is to be made now; at most as many as [`View::room`] says are made, the rest is dropped.
    fn step(&mut self, now: Timestamp, view: &View<'_>) -> Vec<Choice>;

    /// When it wants to look again, at the latest; after a step, never before it.
    fn next_wakeup(&self) -> Option<Timestamp>;

    /// A choice was refused, by the injector or by the node, for now or for good: nothing came of it.
    fn came_to_nothing(&mut self, _: &Choice) {}

    /// A choice was refused for good, as its target cannot take it: choosing it again is no use.
    fn refused(&mut self, choice: &Choice);

    /// It will never choose anything again.
    fn is_done(&self) -> bool {
        false
    }

    /// What it has learnt, what hurt longest first.
    fn learnt(&self) -> Vec<VillainLesson> {
        Vec::new()
    }
}
