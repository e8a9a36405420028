//! The two doors by which other systems tell something: Alertmanager's alerts, and telemetry of nodes that do not speak NATS. What is to
//! be said on the bus is decided in the core; here it is said.
//!
//! Absent on purpose: answers before the bus has taken what was told. Who sends tries again where it could not.

mod alerts;
mod telemetry;

use arena_bus::{Bus, BusError};
use arena_chassis::{CancellationToken, Clock};

use crate::http::problem::{Kind, Problem};

pub use alerts::AlertDoor;
pub use telemetry::TelemetryDoor;

/// Both. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Doors {
    /// For Alertmanager.
    pub alerts: AlertDoor,
    /// For nodes without an agent.
    pub telemetry: TelemetryDoor,
}

impl Doors {
    /// Opens them.
    #[must_use]
    pub fn open(bus: &Bus, clock: Clock, shutdown: CancellationToken) -> Self {
        Self {
            alerts: AlertDoor::new(bus.clone(), clock),
            telemetry: TelemetryDoor::start(bus.clone(), clock, shutdown),
        }
    }
}

/// Nothing is taken that could not be handed on.
fn is_away(bus: &Bus) -> bool {
    !*bus.connected().borrow()
}

fn away() -> Problem {
    Problem::new(
        Kind::Unknown,
        "NATS is away, so nothing can be told to anybody\n  mend: send it again",
    )
}

fn not_said(error: &BusError) -> Problem {
    Problem::new(
        Kind::Unknown,
        format!("the bus did not take it: {error}\n  mend: send it again"),
    )
}
