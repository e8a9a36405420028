//! What is asked for and what is given, a file a thing. Each has a `router()` that says its paths.

pub mod actions;
pub mod alerts;
pub mod approvals;
pub mod control;
pub mod events;
pub mod faults;
pub mod health;
pub mod incidents;
pub mod metrics;
mod param;
pub mod runs;
pub mod samples;
pub mod score;
pub mod status;
pub mod telemetry;
mod text;
mod told;
pub mod villain;
pub mod webhooks;
