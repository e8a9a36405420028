//! What people write: bounded, because it is kept and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

/// The longest reason: a sentence or two.
const REASON_CHARS_MAX: usize = 500;

/// So many parameters are more than any action or fault has.
const PARAMS_MAX: usize = 16;
/// The longest name or value of one: a fault's text has at most 200.
const PARAM_CHARS_MAX: usize = 500;

/// Why something is done, for the record: at most 500 characters, none of them a control character.
#[derive(Debug, Clone, Default, ToSchema)]
#[schema(value_type = String, max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
pub(super) struct Reason(String);

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.chars().count() > REASON_CHARS_MAX {
            let why = format!("a reason has at most {REASON_CHARS_MAX} characters");
            return Err(serde::de::Error::custom(why));
        }
        if text.chars().any(char::is_control) {
            return Err(serde::de::Error::custom(
                "a reason has no control characters",
            ));
        }
        Ok(Self(text))
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

/// Parameters as text, by name: at most 16, each of at most 500 characters.
#[derive(Debug, Clone, Default, ToSchema)]
#[schema(value_type = BTreeMap<String, String>)]
pub(super) struct Params(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let params = BTreeMap::<String, String>::deserialize(deserializer)?;
        let is_long = |text: &String| text.chars().count() > PARAM_CHARS_MAX;
        let is_bad = |(name, value)| is_long(name) || is_long(value);
        if params.len() > PARAMS_MAX || params.iter().any(is_bad) {
            let why = format!(
                "use at most {PARAMS_MAX} parameters of at most {PARAM_CHARS_MAX} characters"
            );
            return Err(serde::de::Error::custom(why));
        }
        Ok(Self(params))
    }
}

impl From<Params> for BTreeMap<String, String> {
    fn from(params: Params) -> Self {
        params.0
    }
}
