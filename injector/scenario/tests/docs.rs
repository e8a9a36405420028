//! docs/scenarios.md: its example is a scenario, and its list is that of the curated ones.

use std::fmt::Write as _;

use arena_scenario::{Expect, Scenario, When, curated};
use expect_test::expect_file;

const PAGE: &str = include_str!("../../../docs/scenarios.md");
const MARK: &str = "<!-- Written by `UPDATE_EXPECT=1 cargo test -p arena-scenario --test docs`; do not edit from here. -->\n";

#[test]
fn the_example_is_a_scenario_that_uses_everything() {
    let (_, rest) = PAGE.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let scenario =
        Scenario::parse("example.toml", example).unwrap_or_else(|error| panic!("{error}"));
    assert!(
        scenario
            .injections
            .iter()
            .any(|one| matches!(one.when, When::If(..)))
    );
    assert_eq!(
        Scenario::parse("again.toml", &scenario.to_toml()),
        Ok(scenario)
    );
}

#[test]
fn the_list_is_that_of_the_curated_scenarios() {
    let (before, _) = PAGE.split_once(MARK).expect("the mark");
    let mut page =
        format!("{before}{MARK}\n| scenario | | expects | what happens |\n|---|---|---|---|\n");
    for (name, text) in curated() {
        let scenario = Scenario::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
        let difficulty = format!("{:?}", scenario.difficulty).to_lowercase();
        let expects = match scenario.truth.expect {
            Expect::Heal => {
                let cures: Vec<String> = scenario
                    .truth
                    .cures
                    .iter()
                    .map(|cure| cure.verb())
                    .collect();
                cures.join(", ")
            }
            Expect::NoAction => "no action".to_owned(),
            Expect::Escalate => "a person".to_owned(),
        };
        let _ = writeln!(
            page,
            "| [`{name}`](../injector/scenarios/{name}.toml) | {difficulty} | {expects} | {} |",
            scenario.summary
        );
    }
    expect_file!["../../../docs/scenarios.md"].assert_eq(&page);
}
