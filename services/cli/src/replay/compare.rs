//! A simulated run once more: the same bytes and the same record, or the first event or field that differs.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use arena_scenario::Scenario;
use arena_scenario::record::{Record, Simulated};
use arena_sim::Played;
use arena_sim::log::{Difference, first_difference};
use serde_json::Value;

use super::differs::{beside, first_field};
use crate::exit::{Exit, Failure};
use crate::run::sim::{Plan, build, events_beside, made};
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
    let events = events_beside(path);
    let kept = read_events(&events)?;
    let plan = Plan::of(sim);
    let played = plan.play(scenario)?;
    same_events(sim, &played, kept.as_deref(), &events, other_build)?;
    same_record(record, &made(&plan, &played)?, path)?;
    screen::print(&format!(
        "identical: sha256 {}, {} events\n",
        sim.sha256, sim.events
    ))?;
    Ok(())
}

/// The recorded events; `None`: there is no such file. What is no text in it differs, as any other change.
fn read_events(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Exit::Usage.because(format!(
            "cannot read the recorded events {}: {error}\n  mend: move it away, and the hashes alone are compared",
            path.display()
        ))),
    }
}

fn same_events(
    sim: &Simulated,
    played: &Played,
    kept: Option<&str>,
    events: &Path,
    other_build: bool,
) -> Result<(), Failure> {
    let difference = kept.and_then(|kept| {
        let now = played.log.lines.iter().map(String::as_str);
        first_difference(kept.lines(), now)
    });
    let same = played.log.sha256 == sim.sha256;
    let events = events.display();
    if let Some(difference) = difference {
        screen::print(&told(&difference))?;
        return Err(Exit::Failed.because(if same {
            format!("{events} is not what was recorded: the run itself is the same")
        } else {
            not_the_same(sim, &played.log.sha256, other_build)
        }));
    }
    if same {
        if kept.is_none() {
            talk!("note: {events} is missing; the hashes were compared");
        }
        return Ok(());
    }
    Err(Exit::Failed.because(format!(
        "{}\n  {}",
        not_the_same(sim, &played.log.sha256, other_build),
        if kept.is_some() {
            format!("the events in {events} are the same: the record's `sim.sha256` is not theirs")
        } else {
            format!("which event differs cannot be told: {events} is missing")
        }
    )))
}

/// All that a play gives must be as the record has it, not the events alone.
fn same_record(record: &Record, now: &Record, path: &Path) -> Result<(), Failure> {
    // Through text, as the recorded one came: what a number loses there, both have lost.
    let text = serde_json::to_string(now)?;
    let value: Value = serde_json::from_str(&text)?;
    let now: Record = serde_json::from_value(value)?;
    let Some(field) = first_field(&played_part(record)?, &played_part(&now)?) else {
        return Ok(());
    };
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    let (left, right) = (text(&field.left), text(&field.right));
    screen::print(&format!(
        "{} differs\n{}",
        field.path,
        beside(left.as_deref(), right.as_deref(), "(nothing)")
    ))?;
    Err(Exit::Failed.because(format!(
        "{} is not what was recorded, from {} on: the events are the same",
        path.display(),
        field.path
    )))
}

/// A record without what is of the machine, the hour and the build.
fn played_part(record: &Record) -> Result<Value, Failure> {
    let mut value = serde_json::to_value(record)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("machine");
        fields.remove("began_at");
        if let Some(sim) = fields.get_mut("sim").and_then(Value::as_object_mut) {
            sim.remove("build");
        }
    }
    Ok(value)
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

/// The number, the virtual time, and both lines where they part.
fn told(difference: &Difference) -> String {
    let at = difference.left.as_deref().or(difference.right.as_deref());
    let at = at.and_then(|line| serde_json::from_str::<Value>(line).ok());
    let at = at.and_then(|line| line.get("at_ns")?.as_u64());
    let at = at.map_or_else(String::new, |nanos| {
        format!(
            " at {}.{:03} s",
            nanos / 1_000_000_000,
            nanos / 1_000_000 % 1000
        )
    });
    format!(
        "event {}{at} differs\n{}",
        difference.number,
        beside(
            difference.left.as_deref(),
            difference.right.as_deref(),
            "(no event)"
        )
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
