//! What the catalogue says of a fault, and the checks that every asker goes through.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_config::closest;
use arena_proto::ActionKind;

use crate::error::CatalogueError;
use crate::faults::CATALOGUE;
use crate::limits::{TTL_MAX, TTL_MIN};
use crate::name::FaultName;
use crate::param::{Param, Params};

/// One fault.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Its name.
    pub name: FaultName,
    /// What kind of trouble it is.
    pub family: Family,
    /// What it is made in.
    pub scope: Scope,
    /// What it lives in.
    pub carrier: Carrier,
    /// What its target must have.
    pub needs: &'static [Need],
    /// What it does, in a line.
    pub summary: &'static str,
    /// How, where, and until when.
    pub description: &'static str,
    /// Its parameters.
    pub params: &'static [Param],
    /// The symptoms that it should cause, the main one first; in its target, unless the description says otherwise. Empty: none,
    /// and whoever raises one was deceived.
    pub symptoms: &'static [&'static str],
    /// The actions on its target, any of which truly ends it. Empty: none does, and it has to be waited for.
    pub cures: &'static [ActionKind],
}

/// What kind of trouble a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// CPU, memory, files and threads run short.
    Resource,
    /// The process dies, stops or does not start.
    Process,
    /// The service works wrongly.
    Application,
    /// Requests are late, lost or cut.
    Network,
    /// The disk is slow, broken or full.
    Storage,
    /// More is asked than can be done.
    Load,
    /// What is told of the node is wrong, and the node is well.
    Telemetry,
}

impl Family {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::Resource,
        Self::Process,
        Self::Application,
        Self::Network,
        Self::Storage,
        Self::Load,
        Self::Telemetry,
    ];

    /// As scenarios write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Process => "process",
            Self::Application => "application",
            Self::Network => "network",
            Self::Storage => "storage",
            Self::Load => "load",
            Self::Telemetry => "telemetry",
        }
    }
}

/// What a fault is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A service: `node/service`.
    Service,
    /// A whole node.
    Node,
    /// Either.
    Either,
}

/// What a fault lives in: when that is replaced, the fault is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The service's process group: over when that is another one.
    Process,
    /// The sidecar's inbound leg: over when the leg is set up anew (RECOVER) or the service's process is another one.
    Leg,
    /// The node's part of the network: whatever is done to the service, it stays.
    Link,
    /// A process of its own that the agent started: over when that has gone.
    Helper,
    /// The next starts of the service: over when there were as many as it wanted.
    Starts,
    /// The service's definition: over when that is rolled back.
    Definition,
    /// Files beside the service's: over when they are gone.
    Files,
    /// What the agent tells of the node.
    Agent,
    /// Nothing: it is done the moment it is made.
    Nothing,
}

/// What a target must have for a fault to be possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// An `http` health check: the sidecar carries its requests then.
    Proxied,
    /// A port.
    Port,
    /// A dependency in its definition.
    Dependency,
    /// A service that makes this fault in itself (its control socket says so), as the workload's roles do.
    Itself,
}

impl Need {
    /// In words, as what is missing.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Proxied => "an http health check (the sidecar carries its requests then)",
            Self::Port => "a port",
            Self::Dependency => "a dependency in `depends_on`",
            Self::Itself => "a control socket that makes this fault, as the workload has",
        }
    }
}

/// There is one of each name.
impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Fault {}

impl Fault {
    /// The fault of that name.
    pub fn named(name: &str) -> Result<&'static Self, CatalogueError> {
        let names = || CATALOGUE.iter().map(|name| name.as_str());
        CATALOGUE
            .iter()
            .find(|fault| fault.as_str() == name)
            .map(|name| name.fault())
            .ok_or_else(|| CatalogueError::UnknownFault {
                name: cut(name),
                nearest: closest(name, names()),
                known: list(names()),
            })
    }

    /// Checks the parameters, and gives all of them, with the defaults filled in.
    pub fn fill(&self, given: &BTreeMap<String, String>) -> Result<Params, CatalogueError> {
        for name in given.keys() {
            self.known(name)?;
        }
        Params::read(self.params, given)
    }

    fn known(&self, name: &str) -> Result<(), CatalogueError> {
        let names = || self.params.iter().map(|param| param.name);
        if names().any(|known| known == name) {
            return Ok(());
        }
        Err(CatalogueError::UnknownParam {
            fault: self.name.as_str(),
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
pub(crate) fn cut(text: &str) -> String {
    let shown = |sign: char| {
        // What would move the cursor, or turn the line around, is not sent to somebody's terminal.
        let turns = matches!(sign, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if sign.is_control() || turns {
            '?'
        } else {
            sign
        }
    };
    text.chars().take(80).map(shown).collect()
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
            Ok(filled) => format!("{:?}", filled.to_text()),
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
            &expect![[r#"{"direction": "in", "jitter": "0ms", "latency": "400ms", "to": ""}"#]],
        );
        check(
            "network-delay",
            &[("latency", "1500ms"), ("jitter", "1s")],
            &expect![[r#"{"direction": "in", "jitter": "1s", "latency": "1s 500ms", "to": ""}"#]],
        );
        check("crash", &[], &expect!["{}"]);
    }

    #[test]
    fn what_is_not_allowed_is_told_with_what_is() {
        check(
            "cpu-spik",
            &[],
            &expect![[
                r#"there is no fault "cpu-spik" (did you mean "cpu-spike"?); there are cpu-spike, noisy-neighbour, memory-leak, fd-leak, thread-leak, crash, crash-loop, hang, deadlock, slow-start, error-burst, gray, bad-config, port-squat, network-delay, network-loss, network-bandwidth, network-partition, dependency-down, storage-latency, storage-error, disk-full, retry-storm, load-surge, telemetry-loss, telemetry-delay, telemetry-duplicate, telemetry-reorder, telemetry-freeze, telemetry-skew, telemetry-bias, telemetry-forge, node-silent"#
            ]],
        );
        check(
            "network-delay",
            &[("latncy", "1s")],
            &expect![[
                r#"network-delay has no parameter "latncy" (did you mean "latency"?); it has latency, jitter, direction, to"#
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
            "network-delay",
            &[("direction", "up")],
            &expect!["direction is up: allowed in or out"],
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
    fn every_name_is_found_and_is_its_own() {
        for name in CATALOGUE {
            let fault = Fault::named(name.as_str()).expect("in the catalogue");
            assert_eq!(fault.name, *name);
            assert!(!fault.summary.is_empty() && !fault.description.is_empty());
        }
    }
}
