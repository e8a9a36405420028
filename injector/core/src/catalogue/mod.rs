//! The faults that can be asked for: one file each, plain data, and one check for all.
//!
//! The node checks again (its ranges are its own); this check exists to tell a person at once what is allowed.

mod cpu_spike;
mod crash;
mod hang;
mod network_delay;
mod reference;
mod storage_latency;

use std::collections::BTreeMap;
use std::time::Duration;

use arena_config::closest;
use arena_proto::ActionKind;

pub use reference::reference;

/// Every fault, in the order of the reference page.
pub const CATALOGUE: &[Fault] = &[
    cpu_spike::FAULT,
    network_delay::FAULT,
    storage_latency::FAULT,
    crash::FAULT,
    hang::FAULT,
];

/// The shortest time to live: a fault that lives less is gone before telemetry shows it.
pub const TTL_MIN: Duration = Duration::from_secs(1);
/// The longest time to live: a fault that should last longer is asked for again.
pub const TTL_MAX: Duration = Duration::from_mins(10);

/// One fault of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// As it is asked for.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// How, where, and until when.
    pub description: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// The symptoms that it should cause in its target, the main one first.
    pub symptoms: &'static [&'static str],
    /// The actions on its target, any of which ends it.
    pub cures: &'static [ActionKind],
}

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

/// What a parameter holds. Ranges include both ends.
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
}

/// A fault that cannot be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// No such fault.
    #[error("there is no fault {name:?}{}; there are {known}", did_you_mean(*nearest))]
    UnknownFault {
        /// What was asked for, cut.
        name: String,
        /// The fault that was most likely meant.
        nearest: Option<&'static str>,
        /// Every fault.
        known: String,
    },
    /// No such parameter.
    #[error("{fault} has no parameter {name:?}{}; it has {known}", did_you_mean(*nearest))]
    UnknownParam {
        /// The fault.
        fault: &'static str,
        /// What was given, cut.
        name: String,
        /// The parameter that was most likely meant.
        nearest: Option<&'static str>,
        /// Every parameter of the fault.
        known: String,
    },
    /// Not a value of the parameter's kind, or out of its range.
    #[error("{name} is {value}: allowed {range}")]
    NotAllowed {
        /// The parameter, or `for` for the time to live.
        name: &'static str,
        /// What was given, cut.
        value: String,
        /// What is allowed.
        range: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!(" (did you mean {nearest:?}?)")
    })
}

impl Fault {
    /// The fault of that name.
    pub fn named(name: &str) -> Result<&'static Self, CatalogueError> {
        let names = || CATALOGUE.iter().map(|fault| fault.name);
        CATALOGUE
            .iter()
            .find(|fault| fault.name == name)
            .ok_or_else(|| CatalogueError::UnknownFault {
                name: cut(name),
                nearest: closest(name, names()),
                known: list(names()),
            })
    }

    /// Checks the parameters, and gives all of them as text, with the defaults filled in.
    pub fn fill(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, CatalogueError> {
        for name in given.keys() {
            self.known(name)?;
        }
        let mut numbers = BTreeMap::new();
        for param in self.params {
            let number = match given.get(param.name) {
                Some(text) => param.read(text)?,
                None => param.default(),
            };
            numbers.insert(param.name, number);
        }
        for param in self.params {
            let limit = param.at_most.and_then(|other| numbers.get(other)).copied();
            if let Some(limit) = limit.filter(|limit| numbers[param.name] > *limit) {
                return Err(CatalogueError::NotAllowed {
                    name: param.name,
                    value: param.write(numbers[param.name]),
                    range: format!(
                        "at most the {}, {}",
                        param.at_most.unwrap_or_default(),
                        param.write(limit)
                    ),
                });
            }
        }
        let filled = self
            .params
            .iter()
            .map(|param| (param.name.to_owned(), param.write(numbers[param.name])));
        Ok(filled.collect())
    }

    fn known(&self, name: &str) -> Result<(), CatalogueError> {
        let names = || self.params.iter().map(|param| param.name);
        if names().any(|known| known == name) {
            return Ok(());
        }
        Err(CatalogueError::UnknownParam {
            fault: self.name,
            name: cut(name),
            nearest: closest(name, names()),
            known: if self.params.is_empty() {
                "none".to_owned()
            } else {
                list(names())
            },
        })
    }
}

impl Param {
    /// A count, or milliseconds.
    fn read(&self, text: &str) -> Result<u64, CatalogueError> {
        let number = match self.kind {
            Kind::Count { .. } => text.parse().ok(),
            // Whole milliseconds: nothing finer can be told apart on the way.
            Kind::Duration { .. } => arena_config::duration::parse(text)
                .ok()
                .filter(|duration| duration.subsec_nanos() % 1_000_000 == 0)
                .and_then(|duration| u64::try_from(duration.as_millis()).ok()),
        };
        let (min, max) = self.bounds();
        number
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| CatalogueError::NotAllowed {
                name: self.name,
                value: cut(text),
                range: self.range(),
            })
    }

    const fn bounds(&self) -> (u64, u64) {
        match self.kind {
            Kind::Count { min, max, .. } => (min, max),
            Kind::Duration { min_ms, max_ms, .. } => (min_ms, max_ms),
        }
    }

    const fn default(&self) -> u64 {
        match self.kind {
            Kind::Count { default, .. } => default,
            Kind::Duration { default_ms, .. } => default_ms,
        }
    }

    /// What is allowed, in words: `1ms to 30s`.
    fn range(&self) -> String {
        let (min, max) = self.bounds();
        format!("{} to {}", self.write(min), self.write(max))
    }

    fn write(&self, number: u64) -> String {
        match self.kind {
            Kind::Count { .. } => number.to_string(),
            // humantime writes zero as "0s", and these are thought of in milliseconds.
            Kind::Duration { .. } if number == 0 => "0ms".to_owned(),
            Kind::Duration { .. } => {
                humantime::format_duration(Duration::from_millis(number)).to_string()
            }
        }
    }
}

/// The time to live is within [`TTL_MIN`] and [`TTL_MAX`].
pub fn check_ttl(ttl: Duration) -> Result<(), CatalogueError> {
    let write = |duration| humantime::format_duration(duration).to_string();
    if (TTL_MIN..=TTL_MAX).contains(&ttl) {
        return Ok(());
    }
    Err(CatalogueError::NotAllowed {
        name: "for",
        value: write(ttl),
        range: format!("{} to {}", write(TTL_MIN), write(TTL_MAX)),
    })
}

/// What somebody wrote may be long; enough to recognize it is told back.
fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

fn list(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(fault: &str, params: &[(&str, &str)], expected: &Expect) {
        let given = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let told = match Fault::named(fault).and_then(|fault| fault.fill(&given)) {
            Ok(filled) => format!("{filled:?}"),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn defaults_are_filled_in() {
        check("cpu-spike", &[], &expect![[r#"{"cores": "1"}"#]]);
        check(
            "network-delay",
            &[],
            &expect![[r#"{"jitter": "0ms", "latency": "400ms"}"#]],
        );
        check(
            "network-delay",
            &[("latency", "1500ms"), ("jitter", "1s")],
            &expect![[r#"{"jitter": "1s", "latency": "1s 500ms"}"#]],
        );
        check("crash", &[], &expect!["{}"]);
    }

    #[test]
    fn what_is_not_allowed_is_told_with_what_is() {
        check(
            "cpu-spik",
            &[],
            &expect![[
                r#"there is no fault "cpu-spik" (did you mean "cpu-spike"?); there are cpu-spike, network-delay, storage-latency, crash, hang"#
            ]],
        );
        check(
            "earthquake",
            &[],
            &expect![[
                r#"there is no fault "earthquake"; there are cpu-spike, network-delay, storage-latency, crash, hang"#
            ]],
        );
        check(
            "network-delay",
            &[("latncy", "1s")],
            &expect![[
                r#"network-delay has no parameter "latncy" (did you mean "latency"?); it has latency, jitter"#
            ]],
        );
        check(
            "hang",
            &[("cores", "1")],
            &expect![[r#"hang has no parameter "cores"; it has none"#]],
        );
        check(
            "network-delay",
            &[("latency", "90s")],
            &expect!["latency is 90s: allowed 1ms to 30s"],
        );
        check(
            "network-delay",
            &[("jitter", "500ms")],
            &expect!["jitter is 500ms: allowed at most the latency, 400ms"],
        );
        check(
            "cpu-spike",
            &[("cores", "many")],
            &expect!["cores is many: allowed 1 to 16"],
        );
        expect!["for is 11m: allowed 1s to 10m"].assert_eq(
            &check_ttl(Duration::from_mins(11))
                .expect_err("too long")
                .to_string(),
        );
    }

    #[test]
    fn each_end_of_each_range_is_allowed_and_what_is_beyond_is_not() {
        for param in CATALOGUE.iter().flat_map(|fault| fault.params) {
            let (min, max) = param.bounds();
            let read = |number| param.read(&param.write(number));
            assert_eq!(read(min), Ok(min), "{}", param.name);
            assert_eq!(read(max), Ok(max), "{}", param.name);
            assert!(read(max + 1).is_err(), "{}", param.name);
            assert!(min == 0 || read(min - 1).is_err(), "{}", param.name);
            assert_eq!(read(param.default()), Ok(param.default()));
        }
    }
}
