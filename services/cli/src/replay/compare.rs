//! A simulated run once more: the same bytes, or the first event that differs.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use arena_scenario::Scenario;
use arena_scenario::record::{Record, Simulated};
use arena_sim::log::{Difference, first_difference};

use crate::exit::{Exit, Failure};
use crate::run::sim::{Plan, build, events_beside};
use crate::screen::{self, talk};

/// Plays the run again. Fails where it is not the same.
pub(super) fn compare(record: &Record, path: &Path) -> Result<(), Failure> {
    let Some(sim) = &record.sim else {
        return Err(Exit::Usage.because(format!(
            "{} says that it was simulated, and not with what (`sim` is missing)",
            path.display()
        )));
    };
    check_version(record)?;
    let other_build = build()? != sim.build;
    if other_build {
        talk!(
            "note: it was played by another build ({}); only the same build promises the same bytes",
            sim.build
        );
    }
    let scenario = Scenario::parse(&record.scenario.name, &record.scenario_toml);
    let scenario = scenario.map_err(|mistake| Exit::Usage.because(mistake))?;
    let played = Plan::of(sim).play(scenario)?;
    let events = events_beside(path);
    let kept = match fs::read_to_string(&events) {
        Ok(kept) => Some(kept),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            let what = format!("cannot read {}: {error}", events.display());
            return Err(Exit::Usage.because(what));
        }
    };
    let difference = kept.as_ref().and_then(|kept| {
        let now = played.log.lines.iter().map(String::as_str);
        first_difference(kept.lines(), now)
    });
    match (difference, played.log.sha256 == sim.sha256) {
        (None, true) => {
            if kept.is_none() {
                talk!(
                    "note: {} is missing; the hashes were compared",
                    events.display()
                );
            }
            screen::print(&format!(
                "identical: sha256 {}, {} events\n",
                sim.sha256, sim.events
            ))?;
            Ok(())
        }
        (Some(difference), same) => {
            screen::print(&told(&difference))?;
            Err(Exit::Failed.because(if same {
                format!(
                    "{} is not what was recorded: the run itself is the same",
                    events.display()
                )
            } else {
                not_the_same(sim, &played.log.sha256, other_build)
            }))
        }
        (None, false) => Err(Exit::Failed.because(format!(
            "{}\n  which event differs cannot be told: {} {}",
            not_the_same(sim, &played.log.sha256, other_build),
            events.display(),
            if kept.is_some() {
                "is not what was recorded"
            } else {
                "is missing"
            }
        ))),
    }
}

fn check_version(record: &Record) -> Result<(), Failure> {
    let (theirs, ours) = (record.versions.arena.as_str(), env!("CARGO_PKG_VERSION"));
    if theirs == ours {
        return Ok(());
    }
    Err(Exit::Usage.because(format!(
        "it was played by arena {theirs}, and this is {ours}: another version plays otherwise\n  mend: replay it with arena {theirs}, or run the scenario anew"
    )))
}

fn not_the_same(sim: &Simulated, now: &str, other_build: bool) -> String {
    let why = if other_build {
        ", as another build may"
    } else {
        ""
    };
    format!("it differs{why}: recorded sha256 {}, now {now}", sim.sha256)
}

/// The number, the virtual time and both lines.
fn told(difference: &Difference) -> String {
    let line = |line: &Option<String>| line.clone().unwrap_or_else(|| "(no event)".to_owned());
    let at = difference.left.as_deref().or(difference.right.as_deref());
    let at = at.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let at = at.and_then(|line| line.get("at_ns")?.as_u64());
    let at = at.map_or_else(String::new, |nanos| {
        format!(
            " at {}.{:03} s",
            nanos / 1_000_000_000,
            nanos / 1_000_000 % 1000
        )
    });
    format!(
        "event {}{at} differs\n  recorded: {}\n  now:      {}\n",
        difference.number,
        line(&difference.left),
        line(&difference.right)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_with_its_time_and_both_lines() {
        let difference = Difference {
            number: 2,
            left: Some("{\"n\":2,\"at_ns\":1500000000,\"kind\":\"plan\"}".to_owned()),
            right: None,
        };
        expect_test::expect![[r#"
            event 2 at 1.500 s differs
              recorded: {"n":2,"at_ns":1500000000,"kind":"plan"}
              now:      (no event)
        "#]]
        .assert_eq(&told(&difference));
    }
}
