//! Each fault of the catalogue, end to end on real processes: it has its effect, measured from outside the arena; the
//! detector tells of it; and nothing is left of it after its revert, or after the death of anybody in mid-fault.
//!
//! One row a fault (`rows.rs`). Felix is in mode OBSERVE throughout. `just test-faults` adds the death of each party under
//! each fault; `cargo test` has the soak for that (`tests/soak`).

mod course;
mod deaths;
mod http;
mod machine;
mod measure;
mod rows;
mod telemetry;
mod topology;
mod world;

use std::collections::BTreeSet;

use arena_faults::{CATALOGUE, FaultName};
use futures::{StreamExt as _, stream};
use tokio::sync::Mutex;

use crate::rows::{ROWS, Row};
use crate::world::World;

/// One arena at a time: two on a small machine would be each other's noisy neighbour.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Faults at once: fewer than the injector allows (16), and than what a small machine can still measure in.
const AT_ONCE: usize = 12;

#[test]
fn every_fault_has_a_row() {
    let rows: BTreeSet<FaultName> = ROWS.iter().map(|row| row.fault).collect();
    let missing: Vec<_> = CATALOGUE
        .iter()
        .filter(|name| !rows.contains(name))
        .collect();
    assert!(missing.is_empty(), "without a row: {missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_has_its_effect_shows_and_is_gone_after_its_revert() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let world = World::start().await;
    // One that takes the CPU of the whole machine would be in every other measurement.
    let (greedy, others): (Vec<&Row>, Vec<&Row>) = rows_of(|_| true)
        .into_iter()
        .partition(|row| row.is_greedy());
    let mut failed = together(&others, |row| course::whole(&world, row)).await;
    failed.extend(together(&greedy, |row| course::whole(&world, row)).await);
    report(&world, &failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes more than a minute, and the soak looks for the same: just test-faults"]
async fn one_fault_a_carrier_outlives_nobody() {
    nobodys_death_leaves(|row| deaths::SAMPLE.contains(&row.fault)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes ten minutes: just test-faults"]
async fn no_fault_outlives_anybody() {
    nobodys_death_leaves(|_| true).await;
}

async fn nobodys_death_leaves(wanted: impl Fn(&Row) -> bool) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let world = World::start().await;
    let (greedy, others): (Vec<&Row>, Vec<&Row>) =
        rows_of(wanted).into_iter().partition(|row| row.is_greedy());
    let mut failed = Vec::new();
    for party in deaths::PARTIES {
        for rows in others.chunks(AT_ONCE).chain([greedy.as_slice()]) {
            failed.extend(deaths::round(&world, party, rows).await);
        }
    }
    report(&world, &failed);
}

/// The rows that are asked for: all, or those of the faults in `ARENA_FAULTS` (with spaces between).
fn rows_of(wanted: impl Fn(&Row) -> bool) -> Vec<&'static Row> {
    let only = std::env::var("ARENA_FAULTS").unwrap_or_default();
    let is_asked_for = |row: &&Row| {
        only.is_empty()
            || only
                .split_whitespace()
                .any(|name| name == row.fault.as_str())
    };
    ROWS.iter()
        .filter(|row| wanted(row))
        .filter(is_asked_for)
        .collect()
}

/// Of all rows what went wrong; [`AT_ONCE`] of them at a time.
async fn together<'a, F: Future<Output = Result<(), String>>>(
    rows: &[&'a Row],
    course: impl Fn(&'a Row) -> F,
) -> Vec<String> {
    let courses = stream::iter(rows).map(|row| {
        let course = course(row);
        async move {
            let why = course.await.err()?;
            Some(format!("{} on {}: {why}", row.fault, row.target))
        }
    });
    let went: Vec<_> = courses.buffer_unordered(AT_ONCE).collect().await;
    went.into_iter().flatten().collect()
}

fn report(world: &World, failed: &[String]) {
    if failed.is_empty() {
        return;
    }
    let logs = world.arena.logs();
    panic!("{logs}\n{} failed:\n{}", failed.len(), failed.join("\n"));
}
