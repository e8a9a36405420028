//! Parameters: what they hold, and what is allowed. Ranges include both ends.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::CatalogueError;
use crate::fault::cut;

/// One parameter.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// As it is written: `latency=400ms`.
    pub name: &'static str,
    /// What it means.
    pub what: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Another parameter of the same kind that this one must not exceed.
    pub at_most: Option<&'static str>,
}

/// What a parameter holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A whole number.
    Count {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
        /// When it is not given.
        default: u64,
        /// What is counted: `%`, `MiB`, `MiB/s`; empty for pieces.
        unit: &'static str,
    },
    /// A duration: `400ms`, `2s`. Milliseconds here.
    Duration {
        /// The shortest.
        min_ms: u64,
        /// The longest.
        max_ms: u64,
        /// When it is not given.
        default_ms: u64,
    },
    /// One of these words; the first when it is not given.
    Word(&'static [&'static str]),
    /// The name of a service, or nothing, which means what `nothing` says.
    Service {
        /// In the documentation: "all of them".
        nothing: &'static str,
    },
    /// Some text, without control characters.
    Text {
        /// When it is not given.
        default: &'static str,
        /// The most characters.
        max: usize,
    },
}

/// A value that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Count(u64),
    Duration(u64),
    Word(&'static str),
    Text(String),
}

/// The parameters of one fault: all that it has, each within its range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<&'static str, Value>);

impl Params {
    /// A count. Zero when there is no such parameter, which is a mistake in the caller.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(Value::Count(count)) => *count,
            other => missing(name, other, 0),
        }
    }

    /// A duration. Zero when there is no such parameter, which is a mistake in the caller.
    #[must_use]
    pub fn duration(&self, name: &str) -> Duration {
        match self.0.get(name) {
            Some(Value::Duration(ms)) => Duration::from_millis(*ms),
            other => missing(name, other, Duration::ZERO),
        }
    }

    /// One of its words. Empty when there is no such parameter, which is a mistake in the caller.
    #[must_use]
    pub fn word(&self, name: &str) -> &'static str {
        match self.0.get(name) {
            Some(Value::Word(word)) => word,
            other => missing(name, other, ""),
        }
    }

    /// A text, or the name of a service; empty when none is named. Empty, too, when there is no such parameter, which is a mistake
    /// in the caller.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(Value::Text(text)) => text,
            other => missing(name, other, ""),
        }
    }

    /// As text, by name, as it is written in requests and in the undo journal; [`crate::Fault::fill`] reads it back.
    #[must_use]
    pub fn to_text(&self) -> BTreeMap<String, String> {
        self.0
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.write()))
            .collect()
    }

    /// Of these values, in the order of `params`; `given` names only parameters that there are.
    pub(crate) fn read(
        params: &[Param],
        given: &BTreeMap<String, String>,
    ) -> Result<Self, CatalogueError> {
        let mut values = BTreeMap::new();
        for param in params {
            let value = match given.get(param.name) {
                Some(text) => param.read(text)?,
                None => param.default(),
            };
            values.insert(param.name, value);
        }
        for param in params {
            let Some(limit) = param.at_most.and_then(|other| values.get(other)) else {
                continue;
            };
            let value = &values[param.name];
            if value.number() > limit.number() {
                return Err(CatalogueError::NotAllowed {
                    name: param.name,
                    value: value.write(),
                    range: format!(
                        "at most the {}, {}",
                        param.at_most.unwrap_or_default(),
                        limit.write()
                    ),
                });
            }
        }
        Ok(Self(values))
    }
}

fn missing<T>(name: &str, found: Option<&Value>, default: T) -> T {
    debug_assert!(false, "no such parameter of that kind: {name} ({found:?})");
    default
}

impl Value {
    const fn number(&self) -> Option<u64> {
        match self {
            Self::Count(number) | Self::Duration(number) => Some(*number),
            Self::Word(_) | Self::Text(_) => None,
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            // humantime writes zero as "0s", and these are thought of in milliseconds.
            Self::Duration(0) => "0ms".to_owned(),
            Self::Duration(ms) => {
                humantime::format_duration(Duration::from_millis(*ms)).to_string()
            }
            Self::Word(word) => (*word).to_owned(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Param {
    fn read(&self, text: &str) -> Result<Value, CatalogueError> {
        let value = match self.kind {
            Kind::Count { min, max, .. } => text
                .parse()
                .ok()
                .filter(|count| (min..=max).contains(count))
                .map(Value::Count),
            // Whole milliseconds: nothing finer can be told apart on the way.
            Kind::Duration { min_ms, max_ms, .. } => arena_config::duration::parse(text)
                .ok()
                .filter(|duration| duration.subsec_nanos() % 1_000_000 == 0)
                .and_then(|duration| u64::try_from(duration.as_millis()).ok())
                .filter(|ms| (min_ms..=max_ms).contains(ms))
                .map(Value::Duration),
            Kind::Word(words) => words
                .iter()
                .find(|word| **word == text)
                .map(|word| Value::Word(word)),
            Kind::Service { .. } => (text.is_empty()
                || text.parse::<arena_proto::ServiceName>().is_ok())
            .then(|| Value::Text(text.to_owned())),
            Kind::Text { max, .. } => (text.chars().count() <= max
                && !text.contains(char::is_control))
            .then(|| Value::Text(text.to_owned())),
        };
        value.ok_or_else(|| CatalogueError::NotAllowed {
            name: self.name,
            value: cut(text),
            range: self.range(),
        })
    }

    fn default(&self) -> Value {
        match self.kind {
            Kind::Count { default, .. } => Value::Count(default),
            Kind::Duration { default_ms, .. } => Value::Duration(default_ms),
            Kind::Word(words) => Value::Word(words.first().copied().unwrap_or_default()),
            Kind::Service { .. } => Value::Text(String::new()),
            Kind::Text { default, .. } => Value::Text(default.to_owned()),
        }
    }

    /// What is allowed, in words: `1ms to 30s`.
    #[must_use]
    pub fn range(&self) -> String {
        match self.kind {
            Kind::Count { min, max, unit, .. } => {
                let unit = if unit.is_empty() {
                    unit.to_owned()
                } else {
                    format!(" {unit}")
                };
                format!("{min} to {max}{unit}")
            }
            Kind::Duration { min_ms, max_ms, .. } => {
                let write = |ms| Value::Duration(ms).write();
                format!("{} to {}", write(min_ms), write(max_ms))
            }
            Kind::Word(words) => words.join(" or "),
            Kind::Service { nothing } => format!("the name of a service; none: {nothing}"),
            Kind::Text { max, .. } => format!("up to {max} characters, none of control"),
        }
    }

    /// What holds when it is not given, as text.
    #[must_use]
    pub fn default_text(&self) -> String {
        self.default().write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CATALOGUE;

    type Make = fn(u64) -> Value;

    #[test]
    fn each_end_of_each_range_is_allowed_and_what_is_beyond_is_not() {
        for param in CATALOGUE.iter().flat_map(|name| name.fault().params) {
            let default = param.default();
            assert_eq!(param.read(&default.write()), Ok(default), "{}", param.name);
            let (min, max, make): (u64, u64, Make) = match param.kind {
                Kind::Count { min, max, .. } => (min, max, Value::Count),
                Kind::Duration { min_ms, max_ms, .. } => (min_ms, max_ms, Value::Duration),
                Kind::Word(words) => {
                    assert!(words.len() > 1 && param.read("neither").is_err());
                    continue;
                }
                Kind::Service { .. } => {
                    assert!(param.read("no service!").is_err());
                    continue;
                }
                Kind::Text { max, .. } => {
                    assert!(param.read(&"x".repeat(max)).is_ok());
                    assert!(param.read(&"x".repeat(max + 1)).is_err());
                    assert!(param.read("two\nlines").is_err());
                    continue;
                }
            };
            for number in [min, max] {
                assert_eq!(
                    param.read(&make(number).write()),
                    Ok(make(number)),
                    "{}",
                    param.name
                );
            }
            assert!(
                param.read(&make(max + 1).write()).is_err(),
                "{}",
                param.name
            );
            assert!(
                min == 0 || param.read(&make(min - 1).write()).is_err(),
                "{}",
                param.name
            );
        }
    }
}
