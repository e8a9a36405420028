//! What is asked for and what is given, a file a thing. Each has a `router()` that says its paths.

pub mod alerts;
pub mod events;
pub mod health;
pub mod metrics;
pub mod samples;
pub mod telemetry;
pub mod webhooks;
