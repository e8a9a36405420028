//! The simulator is held to what live runs gave: the same verdict, the same root, and times to detect within a sampling period, for every
//! fault. The live side is `live.json`; `just sim-vs-live` renews it and the table of docs/sim-vs-live.md.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compare;
mod outcome;
mod players;
mod recorded;
mod suite;

use std::collections::BTreeSet;

use arena_faults::{CATALOGUE, FaultName};
use compare::{Compared, differences};
use outcome::{Outcome, Summary};
use suite::SUITE;

/// That of the live runs, as another one lays out a generated arena otherwise. Times to detect differ by some 0.2 s between seeds.
const SEEDS: std::ops::RangeInclusive<u64> = 0..=0;

#[test]
fn every_fault_is_compared_by_a_scenario_that_makes_it() {
    let rows: BTreeSet<&str> = SUITE.iter().map(|(fault, _)| fault.as_str()).collect();
    let all: BTreeSet<&str> = CATALOGUE.iter().map(|fault| fault.as_str()).collect();
    assert_eq!(rows, all);
    for (fault, name) in SUITE {
        let scenario = suite::scenario(name);
        let mut made = scenario.injections.iter();
        assert!(
            made.any(|one| one.fault.name == *fault),
            "{name} does not make {}",
            fault.as_str()
        );
    }
}

#[test]
fn what_is_recorded_is_of_the_suite() {
    let recorded = recorded::read().unwrap();
    let recorded: BTreeSet<&str> = recorded.keys().map(String::as_str).collect();
    let suite: BTreeSet<&str> = SUITE.iter().map(|(_, name)| *name).collect();
    assert_eq!(recorded, suite, "`just sim-vs-live` renews live.json");
}

#[test]
fn the_simulator_says_what_live_runs_said() {
    let recorded = recorded::read().unwrap();
    let place = players::place(env!("CARGO_BIN_EXE_arena"));
    let simulated = players::simulated(&place, SEEDS).unwrap();
    let rows = SUITE.iter().map(|row| {
        let live = recorded.get(row.1).map_or(&[][..], |known| &known.runs);
        let sim = simulated.get(row.1).map_or(&[][..], Vec::as_slice);
        Compared::new(*row, live, sim)
    });
    check(&rows.collect::<Vec<_>>());
}

/// What is recorded was true once; this plays two of the suite now: one that is told by its node at once, and one that is found by probes.
#[test]
fn two_faults_played_live_now_are_as_the_simulator_says() {
    let place = players::place(env!("CARGO_BIN_EXE_arena"));
    let simulated = players::simulated(&place, SEEDS).unwrap();
    let rows = SUITE
        .iter()
        .filter(|(fault, _)| matches!(fault, FaultName::Crash | FaultName::Hang));
    let rows = rows.map(|row| {
        let (outcome, _) = players::live(&place, row.1).unwrap();
        Compared::new(*row, &[outcome], &simulated[row.1])
    });
    check(&rows.collect::<Vec<_>>());
}

fn check(rows: &[Compared]) {
    let complaints: Vec<String> = rows.iter().filter_map(Compared::complaint).collect();
    assert!(
        complaints.is_empty(),
        "live and simulated (seeds {SEEDS:?}) differ:\n{}\n\n{}",
        complaints.join("\n"),
        compare::table(rows)
    );
}

fn one(met: bool, root: &str, detect_ms: Option<u64>) -> Outcome {
    Outcome {
        met,
        root: Some(root.parse().unwrap()),
        detect_ms,
        heal_ms: None,
        why: String::new(),
    }
}

fn found(live: &[Outcome], sim: &[Outcome]) -> Vec<String> {
    differences(&Summary::of(live), &Summary::of(sim))
}

#[test]
fn one_sample_earlier_or_later_is_the_same() {
    let live = [one(true, "node-1/edge", Some(1_500))];
    let same = [one(true, "node-1/edge", Some(2_500))];
    assert_eq!(found(&live, &same), Vec::<String>::new());
    let late = [one(true, "node-1/edge", Some(2_501))];
    assert_eq!(
        found(&live, &late),
        ["time to detect 1.5 (1.5 to 1.5) and 2.5 (2.5 to 2.5)"]
    );
    let never = [one(true, "node-1/edge", None)];
    assert_eq!(
        found(&live, &never),
        ["time to detect 1.5 (1.5 to 1.5) and never"]
    );
}

#[test]
fn the_most_decide_and_nobody_agrees_with_nobody() {
    let good = one(true, "node-1/edge", Some(10));
    let bad = one(false, "node-2/edge", Some(10));
    let mostly_good = [good.clone(), bad.clone(), good.clone()];
    assert_eq!(
        found(&mostly_good, std::slice::from_ref(&good)),
        Vec::<String>::new()
    );
    assert_eq!(
        found(&mostly_good, &[bad]),
        ["verdict met (2 of 3) and not met (0 of 1)"],
        "one in three blames node-2/edge, too"
    );
    let elsewhere = one(true, "node-3/edge", Some(10));
    assert_eq!(
        found(&mostly_good, &[elsewhere]),
        ["root node-1/edge and node-3/edge"]
    );
    assert_eq!(found(&[good], &[]), ["live runs: 1, simulated: 0"]);
}
