//! What the search form of the UI asks for. Pure.
//!
//! As in Jaeger, a trace is found when one of its spans meets every condition.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::jaeger;
use crate::store::{Store, StoredSpan, Trace};

/// Traces returned when the request does not say how many; the UI's own default.
const LIMIT_DEFAULT: usize = 20;

/// Traces returned at most; the UI's own maximum.
const LIMIT_MAX: usize = 1_500;

/// Conditions; what is not set is not asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Search {
    trace_ids: Vec<u128>,
    service: Option<String>,
    operation: Option<String>,
    tags: BTreeMap<String, String>,
    start_min_micros: Option<u64>,
    start_max_micros: Option<u64>,
    duration_min_micros: Option<u64>,
    duration_max_micros: Option<u64>,
    limit: Option<usize>,
}

impl Search {
    /// Reads the parameters of a request. Those that are not known are ignored, as Jaeger does.
    pub(crate) fn parse(parameters: &[(String, String)]) -> Result<Self, String> {
        let mut search = Self::default();
        for (name, value) in parameters {
            if !value.is_empty() {
                search.set(name, value)?;
            }
        }
        Ok(search)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |wanted: &str| format!("{name}={value}: {wanted}");
        let duration = || duration_micros(value).ok_or_else(|| wrong("a duration such as 1.5s"));
        match name {
            "traceID" => {
                let id = u128::from_str_radix(value, 16).map_err(|_| wrong("a trace id"))?;
                self.trace_ids.push(id);
            }
            "service" => self.service = Some(value.to_owned()),
            "operation" => self.operation = Some(value.to_owned()),
            "tags" => {
                let tags: BTreeMap<String, String> =
                    serde_json::from_str(value).map_err(|_| wrong("a JSON object of texts"))?;
                self.tags.extend(tags);
            }
            "tag" => {
                let (key, tag) = value.split_once(':').ok_or_else(|| wrong("key:value"))?;
                self.tags.insert(key.to_owned(), tag.to_owned());
            }
            "start" => self.start_min_micros = Some(number(value).ok_or_else(|| wrong("µs"))?),
            "end" => self.start_max_micros = Some(number(value).ok_or_else(|| wrong("µs"))?),
            "minDuration" => self.duration_min_micros = Some(duration()?),
            "maxDuration" => self.duration_max_micros = Some(duration()?),
            "limit" => self.limit = Some(number(value).ok_or_else(|| wrong("a number"))?),
            _ => {}
        }
        Ok(())
    }

    /// The traces found, the latest first.
    pub(crate) fn run<'a>(&self, store: &'a Store) -> Vec<&'a Trace> {
        if !self.trace_ids.is_empty() {
            return self
                .trace_ids
                .iter()
                .filter_map(|id| store.trace(*id))
                .collect();
        }
        let matching = |trace: &&Trace| trace.spans.values().any(|stored| self.matches(stored));
        let mut found: Vec<&Trace> = store.traces().filter(matching).collect();
        found.sort_by_key(|trace| std::cmp::Reverse(trace.start()));
        found.truncate(self.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX));
        found
    }

    fn matches(&self, stored: &StoredSpan) -> bool {
        let start = stored.span.start_time_unix_nano / 1_000;
        let duration = jaeger::duration_micros(&stored.span);
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        is(&self.service, &stored.process.service)
            && is(&self.operation, &stored.span.name)
            && self.start_min_micros.is_none_or(|min| start >= min)
            && self.start_max_micros.is_none_or(|max| start <= max)
            && self.duration_min_micros.is_none_or(|min| duration >= min)
            && self.duration_max_micros.is_none_or(|max| duration <= max)
            && self.matches_tags(stored)
    }

    fn matches_tags(&self, stored: &StoredSpan) -> bool {
        if self.tags.is_empty() {
            return true;
        }
        let tags = jaeger::tag_texts(&stored.span, &stored.process);
        self.tags
            .iter()
            .all(|(key, value)| tags.get(key) == Some(value))
    }
}

fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// A duration as the UI lets one type it: `1.2s`, `100ms`, `500us`.
fn duration_micros(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ')?;
    let (value, unit) = text.split_at(unit_at);
    let micros_per_unit = match unit {
        "us" | "µs" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        "h" => 3_600e6,
        _ => return None,
    };
    let seconds = value.parse::<f64>().ok()? * micros_per_unit / 1e6;
    let duration = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(duration.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_ui_writes_them() {
        assert_eq!(duration_micros("1.2s"), Some(1_200_000));
        assert_eq!(duration_micros("100ms"), Some(100_000));
        assert_eq!(duration_micros("500us"), Some(500));
        assert_eq!(duration_micros("5"), None);
        assert_eq!(duration_micros("-1s"), None);
        assert_eq!(duration_micros("soon"), None);
    }

    #[test]
    fn a_parameter_that_cannot_be_read_is_named() {
        let parameters = [("minDuration".to_owned(), "soon".to_owned())];
        let error = Search::parse(&parameters).expect_err("not a duration");
        assert_eq!(error, "minDuration=soon: a duration such as 1.5s");
    }
}
