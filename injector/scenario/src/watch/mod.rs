//! A run as it is watched: messages in, the judge's facts and the story out, and when it is over. The same on real processes and in
//! the simulator.
//!
//! Absent on purpose: the bus, clocks (times are milliseconds since the run began), and the judgement itself ([`crate::judge`]).

mod course;
mod faults;
mod reference;
mod services;
#[cfg(test)]
mod tests;
mod users;
mod view;

pub use course::{Steady, SteadyWatch, over};
pub use reference::{Reference, params};
pub use view::View;
