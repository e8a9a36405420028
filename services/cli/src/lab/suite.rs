//! Which scenarios a suite is made of.

use std::path::Path;

use arena_scenario::{Expect, GENERATED_MAX, Scenario, generate};

use crate::exit::{Exit, Failure};
use crate::run::source::{self, Source};

/// The scenarios that a person named: `curated`, `controls`, `generated:N`, files, folders, or curated ones by name.
pub(super) fn find(names: &[String], seed: u64) -> Result<Vec<Scenario>, Failure> {
    let mut scenarios = Vec::new();
    for name in names {
        match name.split_once(':') {
            Some(("generated", count)) => scenarios.extend(generated(count, seed)?),
            _ => match name.as_str() {
                "curated" => scenarios.extend(curated()?),
                "controls" => {
                    let all = curated()?.into_iter();
                    let quiet = all.filter(|one| one.truth.expect == Expect::NoAction);
                    scenarios.extend(quiet);
                }
                other => scenarios.extend(named(other)?),
            },
        }
    }
    check_names(&scenarios)?;
    Ok(scenarios)
}

fn curated() -> Result<Vec<Scenario>, Failure> {
    let all = arena_scenario::curated().iter();
    all.map(|(name, text)| {
        let source = Source {
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        };
        source.read()
    })
    .collect()
}

fn generated(count: &str, seed: u64) -> Result<Vec<Scenario>, Failure> {
    let wanted: Option<u32> = count.parse().ok();
    let Some(wanted) = wanted.filter(|wanted| (1..=GENERATED_MAX).contains(wanted)) else {
        return Err(Exit::Usage.because(format!(
            "generated:{count} is no suite\n  mend: write generated:N with N from 1 to {GENERATED_MAX}"
        )));
    };
    Ok(generate(seed, wanted, None))
}

fn named(name: &str) -> Result<Vec<Scenario>, Failure> {
    let known = || arena_scenario::curated().iter().map(|(name, _)| *name);
    if !Path::new(name).exists() && !known().any(|known| known == name) {
        let suites = ["curated", "controls", "generated:N"];
        let nearest = arena_config::closest(name, suites.into_iter().chain(known()));
        let mend = nearest.map_or_else(
            || {
                "use curated, controls, generated:N, a file, a folder, or one of `arena scenarios list`"
                    .to_owned()
            },
            |nearest| format!("did you mean {nearest}?"),
        );
        let what = format!("there is no suite {name:?}\n  mend: {mend}");
        return Err(Exit::NotRunning.because(what));
    }
    let sources = source::find(&[name.to_owned()])?;
    sources.iter().map(Source::read).collect()
}

/// Rows are by name: two scenarios of one name would be one.
fn check_names(scenarios: &[Scenario]) -> Result<(), Failure> {
    let names: Vec<String> = scenarios.iter().map(|one| one.name.clone()).collect();
    super::check_once("scenario", &names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(names: &[&str]) -> Result<usize, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let found = find(&names, 7);
        found
            .map(|found| found.len())
            .map_err(|failure| format!("{:#}", failure.error))
    }

    #[test]
    fn each_kind_of_suite() {
        assert_eq!(count(&["curated"]), Ok(arena_scenario::curated().len()));
        assert!(count(&["controls"]).is_ok_and(|found| (5..30).contains(&found)));
        assert_eq!(count(&["generated:12"]), Ok(12));
        assert_eq!(count(&["dies-crash", "hang-edge"]), Ok(2));
    }

    #[test]
    fn what_is_no_suite_is_told_with_what_is() {
        for wrong in ["generated:0", "generated:many", "generated:99999999999"] {
            let error = count(&[wrong]).expect_err(wrong);
            assert!(error.contains("generated:N with N from 1 to"), "{error}");
        }
        let error = count(&["curatd"]).expect_err("misspelt");
        assert!(error.contains("did you mean curated?"), "{error}");
        let error = count(&["generated"]).expect_err("of how many?");
        assert!(error.contains("did you mean generated:N?"), "{error}");
        let error = count(&["/nowhere"]).expect_err("not there");
        assert!(error.contains("use curated, controls"), "{error}");
        let error = count(&["curated", "dies-crash"]).expect_err("twice");
        assert!(error.contains("dies-crash is named twice"), "{error}");
    }
}
