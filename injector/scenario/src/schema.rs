//! The JSON Schema of scenario files, for editors and for tools in other languages.
//!
//! It is made of the types that files are read into. Absent on purpose: what only the whole file tells (names of services, times that fit each
//! other); [`crate::Scenario::parse`] checks that.

use arena_faults::{CATALOGUE, Fault, Kind};
use arena_proto::ActionKind;
use serde_json::{Value, json};

use crate::raw::RawScenario;

/// The schema, as the text of a JSON file: the same bytes for the same build.
#[must_use]
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(RawScenario).to_value();
    if let Some(Value::Object(injection)) = schema.pointer_mut("/$defs/Fault") {
        injection.insert(
            "allOf".to_owned(),
            CATALOGUE
                .iter()
                .map(|name| params_of(name.fault()))
                .collect(),
        );
    }
    schema.sort_all_objects();
    format!("{schema:#}\n")
}

/// If it is this fault, then its parameters are these.
fn params_of(fault: &Fault) -> Value {
    let params: serde_json::Map<String, Value> = fault
        .params
        .iter()
        .map(|param| {
            let mut schema = value_of(param.kind);
            let default = param.default_text();
            let default = if default.is_empty() {
                "none".to_owned()
            } else {
                default
            };
            schema["description"] = json!(format!(
                "{}: {}; default {default}",
                param.what,
                param.range()
            ));
            (param.name.to_owned(), schema)
        })
        .collect();
    json!({
        "if": { "properties": { "fault": { "const": fault.name.as_str() } } },
        "then": { "properties": { "params": { "properties": params, "additionalProperties": false } } },
    })
}

fn value_of(kind: Kind) -> Value {
    match kind {
        Kind::Count { min, max, .. } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        Kind::Duration { .. } => json!({ "$ref": "#/$defs/Duration" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Service { .. } => json!({ "type": "string" }),
        Kind::Text { max, .. } => json!({ "type": "string", "maxLength": max }),
    }
}

pub(crate) fn fault_names() -> Vec<&'static str> {
    CATALOGUE.iter().map(|name| name.as_str()).collect()
}

pub(crate) fn action_names() -> Vec<String> {
    ActionKind::ALL.iter().map(|action| action.verb()).collect()
}
