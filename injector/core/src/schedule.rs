//! Schedule files: which fault when. Read whole and checked whole, before anything is done.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_config::Diagnostic;
use arena_faults::{Fault, Params, check_ttl};
use arena_proto::Entity;
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::targets::check_scope;

/// More than anybody writes by hand; a generated file that is longer has gone wrong.
const ENTRIES_MAX: usize = 1000;
/// The latest start and the longest interval: a day.
const AT_MAX: Duration = Duration::from_hours(24);

/// The faults of a file, checked against the catalogue, in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// One for each `[[fault]]`.
    pub entries: Vec<Entry>,
}

/// One `[[fault]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// After the start of the schedule.
    pub at: Duration,
    /// Its name in the catalogue.
    pub fault: &'static Fault,
    /// `node/service`, or `node`.
    pub target: Entity,
    /// Time to live.
    pub ttl: Duration,
    /// All of them, with the defaults filled in.
    pub params: Params,
    /// From one start to the next; `None`: once. Not shorter than `ttl`.
    pub repeat: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchedule {
    #[serde(default)]
    fault: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    at: Spanned<String>,
    fault: Spanned<String>,
    target: Spanned<String>,
    r#for: Spanned<String>,
    #[serde(default)]
    params: BTreeMap<Spanned<String>, Spanned<Value>>,
    repeat: Option<Spanned<String>>,
}

/// A file under check: where mistakes are told from.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl Schedule {
    /// Reads a schedule. `file` is the name that mistakes are told with.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let raw: RawSchedule = arena_config::parse(file, text)?;
        let file = File { name: file, text };
        if raw.fault.len() > ENTRIES_MAX {
            let span = raw.fault[ENTRIES_MAX].at.span();
            let what = format!("more than {ENTRIES_MAX} faults");
            return Err(Diagnostic::at(
                file.name,
                text,
                span,
                what,
                "use `repeat` instead of copies",
            ));
        }
        let entries = raw
            .fault
            .iter()
            .map(|raw| file.entry(raw))
            .collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }

    /// The targets, each once.
    #[must_use]
    pub fn targets(&self) -> Vec<&Entity> {
        let mut targets: Vec<&Entity> = self.entries.iter().map(|entry| &entry.target).collect();
        targets.sort();
        targets.dedup();
        targets
    }
}

impl File<'_> {
    fn entry(&self, raw: &RawEntry) -> Result<Entry, Diagnostic> {
        let fault = Fault::named(raw.fault.get_ref())
            .map_err(|error| self.wrong(&raw.fault, &error, "write one of these faults"))?;
        let at = self.duration(&raw.at)?;
        if at > AT_MAX {
            return Err(self.wrong(&raw.at, "later than a day", "write 24h or less"));
        }
        let ttl = self.duration(&raw.r#for)?;
        check_ttl(ttl).map_err(|error| self.wrong(&raw.r#for, &error, "write such a duration"))?;
        Ok(Entry {
            at,
            fault,
            target: self.target(fault, &raw.target)?,
            ttl,
            params: fault.read_params((self.name, self.text), &raw.fault, &raw.params)?,
            repeat: self.repeat(raw, ttl)?,
        })
    }

    fn target(&self, fault: &Fault, raw: &Spanned<String>) -> Result<Entity, Diagnostic> {
        let mend = "write NODE/SERVICE, as in \"node-1/orders\", or NODE for a fault of the node";
        let target: Entity = raw
            .get_ref()
            .parse()
            .map_err(|error| self.wrong(raw, &error, mend))?;
        check_scope(fault, &target).map_err(|what| self.wrong(raw, &what, mend))?;
        Ok(target)
    }

    fn repeat(&self, raw: &RawEntry, ttl: Duration) -> Result<Option<Duration>, Diagnostic> {
        let Some(raw) = &raw.repeat else {
            return Ok(None);
        };
        let repeat = self.duration(raw)?;
        if repeat < ttl || repeat > AT_MAX {
            let ttl = humantime::format_duration(ttl);
            let what = "it would begin again before it ended, or less than once a day";
            return Err(self.wrong(raw, what, &format!("write {ttl} (its `for`) to 24h")));
        }
        Ok(Some(repeat))
    }

    fn duration(&self, raw: &Spanned<String>) -> Result<Duration, Diagnostic> {
        arena_config::duration::parse(raw.get_ref())
            .map_err(|what| self.wrong(raw, &what, "write the duration as text with its unit"))
    }

    fn wrong<T>(
        &self,
        raw: &Spanned<T>,
        what: &(impl ToString + ?Sized),
        mend: &str,
    ) -> Diagnostic {
        Diagnostic::at(self.name, self.text, raw.span(), what.to_string(), mend)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const GOOD: &str = r#"
[[fault]]
at = "10s"
fault = "cpu-spike"
target = "node-1/orders"
for = "20s"
params = { cores = 2 }
repeat = "1m"
"#;

    fn check(from: &str, to: &str, expected: &Expect) {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        let diagnostic = Schedule::parse("demo.toml", &text).expect_err("a mistake");
        expected.assert_eq(&diagnostic.to_string());
    }

    #[test]
    fn a_schedule_is_read() {
        let schedule = Schedule::parse("demo.toml", GOOD).expect("no mistake");
        let expected = Entry {
            at: Duration::from_secs(10),
            fault: Fault::named("cpu-spike").expect("a fault"),
            target: "node-1/orders".parse().expect("a target"),
            ttl: Duration::from_secs(20),
            params: Fault::named("cpu-spike")
                .expect("a fault")
                .fill(&BTreeMap::from([("cores".to_owned(), "2".to_owned())]))
                .expect("allowed"),
            repeat: Some(Duration::from_mins(1)),
        };
        assert_eq!(schedule.entries, [expected]);
        assert_eq!(Schedule::parse("empty.toml", ""), Ok(Schedule::default()));
    }

    #[test]
    fn every_schedule_that_comes_with_the_project_is_valid() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../schedules");
        let files: Vec<_> = std::fs::read_dir(folder).expect("schedules").collect();
        assert!(!files.is_empty());
        for file in files {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("readable");
            let schedule = Schedule::parse(&path.display().to_string(), &text);
            assert!(!schedule.expect("valid").entries.is_empty());
        }
    }

    #[test]
    fn mistakes_have_their_place_and_mend() {
        check(
            "cpu-spike",
            "cpu-spice",
            &expect![[r#"
                demo.toml:4:9: there is no fault "cpu-spice" (did you mean "cpu-spike"?); there are cpu-spike, noisy-neighbour, memory-leak, fd-leak, thread-leak, crash, crash-loop, hang, deadlock, slow-start, error-burst, gray, bad-config, port-squat, network-delay, network-loss, network-bandwidth, network-partition, dependency-down, storage-latency, storage-error, disk-full, retry-storm, load-surge, telemetry-loss, telemetry-…
                  |
                4 | fault = "cpu-spice"
                  |         ^^^^^^^^^^^
                  mend: write one of these faults"#]],
        );
        check(
            "cores = 2",
            "cores = 99",
            &expect![[r#"
                demo.toml:7:20: cores is 99: allowed 1 to 16
                  |
                7 | params = { cores = 99 }
                  |                    ^^
                  mend: docs/faults.md tells what each fault takes"#]],
        );
        check(
            "cores = 2",
            "corse = 2",
            &expect![[r#"
                demo.toml:7:12: cpu-spike has no parameter "corse"; it has cores
                  |
                7 | params = { corse = 2 }
                  |            ^^^^^
                  mend: docs/faults.md tells what each fault takes"#]],
        );
        check(
            "cores = 2",
            "cores = 2.5",
            &expect![[r#"
            demo.toml:7:20: a parameter is a text or a whole number
              |
            7 | params = { cores = 2.5 }
              |                    ^^^
              mend: write it as in latency = "400ms""#]],
        );
    }

    #[test]
    fn mistakes_in_targets_and_times_too() {
        check(
            "node-1/orders",
            "node-1",
            &expect![[r#"
                demo.toml:5:10: node-1 is a node, and cpu-spike is made in a service: name node-1/SERVICE
                  |
                5 | target = "node-1"
                  |          ^^^^^^^^
                  mend: write NODE/SERVICE, as in "node-1/orders", or NODE for a fault of the node"#]],
        );
        check(
            "\"20s\"",
            "\"20\"",
            &expect![[r#"
            demo.toml:6:7: "20" is not a duration: write a number and a unit, as in "200ms", "1s" or "5m"
              |
            6 | for = "20"
              |       ^^^^
              mend: write the duration as text with its unit"#]],
        );
        check(
            "\"20s\"",
            "\"1h\"",
            &expect![[r#"
            demo.toml:6:7: for is 1h: allowed 1s to 10m
              |
            6 | for = "1h"
              |       ^^^^
              mend: write such a duration"#]],
        );
        check(
            "\"1m\"",
            "\"5s\"",
            &expect![[r#"
            demo.toml:8:10: it would begin again before it ended, or less than once a day
              |
            8 | repeat = "5s"
              |          ^^^^
              mend: write 20s (its `for`) to 24h"#]],
        );
        check(
            "at =",
            "att =",
            &expect![[r#"
            demo.toml:3:1: unknown field `att`, expected one of `at`, `fault`, `target`, `for`, `params`, `repeat`
              |
            3 | att = "10s"
              | ^^^
              mend: did you mean `at`? Otherwise remove it"#]],
        );
    }
}
