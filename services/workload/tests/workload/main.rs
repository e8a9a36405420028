//! The shop as real processes on loopback, asked over its ports and its control sockets.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod faults;
mod shop;
mod support;
