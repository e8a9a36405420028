//! The only reader of a clock in this program.
//!
//! `arena-chassis` has the project's clock, and with it logs and traces that eleven copies of the shop need not carry.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic.
#[expect(
    clippy::disallowed_methods,
    reason = "the chassis is left out to keep the process small"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Wall clock, milliseconds since the Unix epoch.
#[expect(
    clippy::disallowed_methods,
    reason = "the chassis is left out to keep the process small"
)]
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
