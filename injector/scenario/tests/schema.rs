//! The published JSON Schema: it is what the code says, every curated and generated scenario passes it, and what is wrong does not.
//!
//! The validator here knows the keywords that the schema uses, and fails at any other: so it cannot pass over one.

use arena_scenario::{curated, generate, schema};
use expect_test::expect_file;
use serde_json::{Value, json};

/// Why `value` is not what `schema` says; `None`: it is.
fn broken(root: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(always) = schema.as_bool() {
        return (!always).then(|| format!("{value} is not wanted"));
    }
    let keywords = schema.as_object().expect("a schema is a table");
    keywords.iter().find_map(|(keyword, says)| {
        keyword_broken(root, keywords, keyword, says, value).map(|why| format!("{keyword}: {why}"))
    })
}

fn keyword_broken(
    root: &Value,
    schema: &serde_json::Map<String, Value>,
    keyword: &str,
    says: &Value,
    value: &Value,
) -> Option<String> {
    let unless = |holds: bool| (!holds).then(|| value.to_string());
    let each = |parts: &Value| parts.as_array().expect("a list").clone();
    match keyword {
        "$ref" => {
            let pointer = says.as_str().expect("a text").trim_start_matches('#');
            broken(root, root.pointer(pointer).expect("a definition"), value)
        }
        "type" => unless(match says {
            Value::Array(types) => types.iter().any(|one| is_type(one, value)),
            one => is_type(one, value),
        }),
        "const" => unless(says == value),
        "enum" => unless(each(says).contains(value)),
        "anyOf" | "oneOf" => unless(
            each(says)
                .iter()
                .any(|one| broken(root, one, value).is_none()),
        ),
        "allOf" => each(says).iter().find_map(|one| broken(root, one, value)),
        "if" if broken(root, says, value).is_none() => broken(root, &schema["then"], value),
        "if" | "$schema" | "$defs" | "title" | "description" | "default" | "format" | "then" => {
            None
        }
        "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems" => {
            unless(is_within(keyword, size(says), value))
        }
        "pattern" => unless(
            value
                .as_str()
                .is_none_or(|text| matches_pattern(says.as_str().expect("a text"), text)),
        ),
        "items" => value
            .as_array()?
            .iter()
            .find_map(|item| broken(root, says, item)),
        "required" => {
            let table = value.as_object()?;
            let missing = each(says)
                .into_iter()
                .find(|name| !table.contains_key(name.as_str().expect("a text")));
            missing.map(|name| format!("{name} is missing"))
        }
        "properties" => value.as_object()?.iter().find_map(|(name, value)| {
            broken(root, says.get(name)?, value).map(|why| format!("{name}: {why}"))
        }),
        "additionalProperties" => {
            let known = schema.get("properties").and_then(Value::as_object);
            let others = value
                .as_object()?
                .iter()
                .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
            others.into_iter().find_map(|(name, value)| {
                broken(root, says, value).map(|_| format!("{name} is unknown"))
            })
        }
        other => panic!("this validator does not know {other:?}"),
    }
}

/// What has no size of that kind is within every limit.
fn is_within(keyword: &str, limit: u64, value: &Value) -> bool {
    let number = match keyword {
        "minimum" | "maximum" => value
            .as_i64()
            .map(|number| u64::try_from(number).unwrap_or(0)),
        "minLength" | "maxLength" => value
            .as_str()
            .map(|text| text.chars().count().try_into().expect("small")),
        _ => value
            .as_array()
            .map(|items| items.len().try_into().expect("small")),
    };
    number.is_none_or(|number| {
        if keyword.starts_with("min") {
            number >= limit
        } else {
            number <= limit
        }
    })
}

fn is_type(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a word") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("this validator does not know the type {other:?}"),
    }
}

fn size(number: &Value) -> u64 {
    number.as_u64().expect("a size")
}

/// The two patterns of the schema, read by hand.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[a-z0-9]+(-[a-z0-9]+)*$" => text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        }),
        "^[0-9]+ ?[a-z]+( ?[0-9]+ ?[a-z]+)*$" => {
            let unitless = |part: &str| !part.ends_with(|last: char| last.is_ascii_lowercase());
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' ';
            text.starts_with(|first: char| first.is_ascii_digit())
                && text.chars().all(plain)
                && !unitless(text)
        }
        other => panic!("this validator does not know the pattern {other:?}"),
    }
}

fn root() -> Value {
    serde_json::from_str(&schema()).expect("JSON")
}

fn told(text: &str) -> Option<String> {
    let value: toml::Value = toml::from_str(text).expect("TOML");
    let root = root();
    broken(&root, &root, &serde_json::to_value(value).expect("JSON"))
}

#[test]
fn the_published_schema_is_that_of_the_code() {
    expect_file!["../../../docs/scenario.schema.json"].assert_eq(&schema());
}

#[test]
fn every_curated_scenario_passes() {
    for (name, text) in curated() {
        assert_eq!(told(text), None, "{name}");
    }
}

#[test]
fn what_is_written_passes() {
    for scenario in generate(8, 60, None) {
        assert_eq!(told(&scenario.to_toml()), None, "{}", scenario.name);
    }
}

#[test]
fn what_is_wrong_does_not_pass() {
    let good = "name = \"a-b\"\nsummary = \"x\"\ndifficulty = \"easy\"\n[[fault]]\nfault = \"gray\"\ntarget = \"node-1/orders\"\n\
                for = \"1m\"\nparams = { share = 30 }\n[truth]\nexpect = \"heal\"\n";
    assert_eq!(told(good), None);
    for (from, to) in [
        ("a-b", "A b"),
        ("summary = \"x\"\n", ""),
        ("\"easy\"", "\"cruel\""),
        ("\"gray\"", "\"grey\""),
        ("\"node-1/orders\"", "7"),
        ("\"node-1/orders\"", "{ rolle = \"orders\" }"),
        ("\"node-1/orders\"", "{ services = 0 }"),
        ("\"1m\"", "\"soon\""),
        ("\"1m\"", "60"),
        ("share = 30", "share = 300"),
        ("share = 30", "shares = 30"),
        ("share = 30", "kind = \"quick\""),
        (
            "expect = \"heal\"",
            "expect = \"heal\"\ncures = [\"reboot\"]",
        ),
        ("expect = \"heal\"", "expects = \"heal\""),
        ("[truth]", "[load]\nrate = 2000\n[truth]"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(told(&bad).is_some(), "{to} passes");
    }
}

#[test]
fn the_validator_finds_each_kind_of_mistake() {
    let root = json!({});
    for (schema, value) in [
        (json!({ "type": "string" }), json!(1)),
        (json!({ "enum": ["a"] }), json!("b")),
        (json!({ "const": 1 }), json!(2)),
        (
            json!({ "anyOf": [{ "const": 1 }, { "const": 2 }] }),
            json!(3),
        ),
        (
            json!({ "allOf": [{ "const": 1 }, { "const": 2 }] }),
            json!(1),
        ),
        (
            json!({ "if": { "const": 1 }, "then": { "type": "string" } }),
            json!(1),
        ),
        (json!({ "minItems": 1 }), json!([])),
        (json!({ "maxItems": 1 }), json!([1, 2])),
        (json!({ "items": { "const": 1 } }), json!([1, 2])),
        (json!({ "minLength": 1 }), json!("")),
        (json!({ "additionalProperties": false }), json!({ "a": 1 })),
        (json!(false), json!(1)),
    ] {
        assert!(
            broken(&root, &schema, &value).is_some(),
            "{schema} takes {value}"
        );
    }
}
