//! What is asked for and what is given, a file a thing. Each has a `router()` that says its paths.

pub mod events;
pub mod health;
pub mod samples;
pub mod webhooks;
