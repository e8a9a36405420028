//! What a person does at a window on the arena, over the bus: the command line and the gateway do the same things through
//! this, with the same guards and the same words of refusal.
//!
//! Absent on purpose: printing, asking a person back, and HTTP (the window's own); reading a clock (the window gives
//! `now`, and who the person is). What is pure is in `arena-view`.

mod act;
mod answer;
mod control;
mod error;
mod fault;
mod outcome;
mod record;
mod roll;

use arena_bus::Bus;

pub use act::{Order, Prepared};
pub use answer::find_question;
pub use control::{Changed, lost};
pub use error::{Kind, OperatorError};
pub use outcome::UNKNOWN_MEND;
pub use roll::{Roll, no_such};

/// A person at a window.
#[derive(Debug, Clone)]
pub struct Operator {
    bus: Bus,
    who: String,
    issuer: &'static str,
}

impl Operator {
    /// `who` is told to others as the one who decided; `issuer` is the kind of window: `cli`, `gateway`.
    #[must_use]
    pub const fn new(bus: Bus, who: String, issuer: &'static str) -> Self {
        Self { bus, who, issuer }
    }

    /// The connection.
    #[must_use]
    pub const fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The person.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }
}
