//! `/metrics`: what is known of the arena and of the gateway, as Prometheus wants it. docs/metrics.md lists every metric, and is written
//! from here.
//!
//! Absent on purpose: HTTP, clocks, what the arena's own metrics are judged by. Invariants: labels are names from the arena's
//! configuration and words of the project, never an id or free text, and there are at most so many of them; what is unknown is absent.

mod arena;
mod gateway;
mod labels;
mod lives;
mod page;
mod readings;
mod tally;
#[cfg(test)]
mod tests;
mod text;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

pub use arena::{Known, SERVICES_MAX, readings_since};
pub use gateway::{Counters, Receiver, Standing};
pub use labels::NAMES_MAX;
pub use tally::Tally;
pub use text::{Format, negotiate};

/// Everything, in the format that was asked for.
#[must_use]
pub fn page(known: Known, standing: Standing, counters: &Counters, format: Format) -> String {
    let mut fresh = Registry::default();
    fresh.register_collector(Box::new(known));
    fresh.register_collector(Box::new(standing));
    let mut text = String::new();
    let written = encode_registry(&mut text, &fresh)
        .and_then(|()| encode_registry(&mut text, counters.registry()))
        .and_then(|()| encode_eof(&mut text));
    // Writing to a String cannot fail; should a metric be at fault, half a page must not look like a whole one.
    if written.is_err() {
        text.clear();
    }
    match format {
        Format::OpenMetrics => text,
        Format::Prometheus => text::to_prometheus(&text),
    }
}
