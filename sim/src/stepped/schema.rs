//! The JSON Schema of every line, made of the types that they are read into and written from.

use schemars::JsonSchema;
use serde_json::Value;

use super::protocol::{Reply, Request};

/// What goes over the pipes.
#[derive(JsonSchema)]
#[schemars(title = "Arena gym: one JSON object a line")]
#[expect(dead_code, reason = "for its schema alone")]
struct Lines {
    /// To the arena.
    request: Request,
    /// From the arena.
    reply: Reply,
}

/// The schema: the same bytes for the same build.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Lines).to_value();
    schema.sort_all_objects();
    schema
}
