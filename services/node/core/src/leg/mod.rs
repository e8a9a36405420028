//! What happens to requests in a leg of the sidecar, as arithmetic: what the live sidecar and the simulator must do alike is here once.
//!
//! Absent on purpose: requests themselves, connections, clocks.

mod attempts;
mod line;

use std::time::Duration;

pub use attempts::Attempts;
pub use line::{BACKLOG_MAX, Line};

/// Requests at once in one leg. Beyond this the service is overloaded or stuck, and a caller is better told at once.
pub const REQUESTS_MAX: usize = 256;

/// From a request's head to the head of its answer, delays included: no caller of the arena waits longer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// No caller of the arena gives up a request this early because it waits too long, and an age below it would only make the service look
/// fast. From here on the age of a request that was abandoned is a lower bound that matters: half of the latency that the default policy
/// calls high.
pub const PATIENCE: Duration = Duration::from_millis(100);
