//! Plays scenarios, live and simulated, by the same command that a person types.

use std::collections::BTreeMap;
use std::process::Output;

use anyhow::{Context as _, ensure};
use arena_config::arena::Arena as Config;
use arena_scenario::record::{Ending, Record};
use arena_testkit::{Arena, ArenaBuilder};
use serde_json::Value;

use crate::outcome::Outcome;
use crate::suite::{self, SUITE};

/// A machine that is busy for a moment gives no steady state; one that never does is too busy for this.
const TRIES: usize = 3;

/// A place to run `arena` from: nothing runs there.
pub(crate) fn place(binary: &str) -> Arena {
    ArenaBuilder::new(binary, Config::default_toml())
        .env("OTEL_SDK_DISABLED", "true")
        .prepare()
}

/// The file of a scenario; what `arena run` is to be given.
fn file(place: &Arena, scenario: &str) -> anyhow::Result<String> {
    let path = place
        .config_path()
        .with_file_name(format!("{scenario}.toml"));
    std::fs::write(&path, suite::scenario(scenario).to_toml())?;
    Ok(path.to_string_lossy().into_owned())
}

/// Plays it on real processes, in an arena of its own.
pub(crate) fn live(place: &Arena, scenario: &str) -> anyhow::Result<(Outcome, Option<f64>)> {
    let file = file(place, scenario)?;
    for _ in 0..TRIES {
        let output = place.run(&["run", &file, "--live", "--json"]);
        let record: Record = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{scenario}: {}", complaint(&output)))?;
        if record.ending == Ending::NoSteadyState {
            continue;
        }
        ensure!(record.clean_up.clean, "{scenario}: {}", record.why);
        let outcome = Outcome::of(&record);
        let outcome = outcome.with_context(|| format!("{scenario}: no fault was made"))?;
        return Ok((outcome, record.machine.load1_before));
    }
    anyhow::bail!("{scenario}: no steady state, {TRIES} times")
}

/// Plays the whole suite in the simulator, once with each seed; by scenario.
pub(crate) fn simulated(
    place: &Arena,
    seeds: std::ops::RangeInclusive<u64>,
) -> anyhow::Result<BTreeMap<String, Vec<Outcome>>> {
    let files = SUITE.iter().map(|(_, name)| file(place, name));
    let files: Vec<String> = files.collect::<anyhow::Result<_>>()?;
    let mut all: BTreeMap<String, Vec<Outcome>> = BTreeMap::new();
    for seed in seeds {
        let seed = seed.to_string();
        let mut words = vec!["run", "--sim", "--json", "--seed", &seed];
        words.extend(files.iter().map(String::as_str));
        let output = place.run(&words);
        let records: Vec<Value> =
            serde_json::from_slice(&output.stdout).with_context(|| complaint(&output))?;
        for record in records {
            let why = record["why"].to_string();
            let record: Record = serde_json::from_value(record)
                .with_context(|| format!("with seed {seed}: {why}"))?;
            let name = record.scenario.name.clone();
            let outcome = Outcome::of(&record);
            let outcome = outcome.with_context(|| format!("{name} with seed {seed}: {why}"))?;
            all.entry(name).or_default().push(outcome);
        }
    }
    Ok(all)
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
