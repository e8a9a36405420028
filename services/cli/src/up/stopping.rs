//! Stops what runs, in the reverse order of its start, and sweeps up what lost its parents.
//!
//! Invariant: a process is signalled only when pid and start time are those that were recorded, or when it carries the mark
//! of this arena in its environment.

use std::time::Duration;

use arena_supervisor::{Identity, Process, stop, with_environment};
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::data_dir::DataDir;
use super::plan::{MEMBER_VARIABLE, Stage, stop_order};
use super::record::Record;
use super::say;

/// After a second Ctrl-C: what drains ends by itself within a second of a second SIGTERM.
const HASTENED_GRACE: Duration = Duration::from_millis(1500);

/// For processes that are nobody's any more, or whose grace is not known.
const LEFTOVER_GRACE: Duration = Duration::from_secs(10);

/// One process to stop.
#[derive(Debug)]
pub(crate) struct Running {
    /// What people call it.
    pub name: String,
    /// Its place in the order.
    pub stage: Stage,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// The process.
    pub process: Process,
}

/// Stops them stage by stage, the nodes first and nats-server last. Once `hasten` is cancelled nobody has time any more.
pub(crate) async fn stop_all(running: Vec<Running>, hasten: &CancellationToken) {
    let staged = running.into_iter().map(|one| (one.stage, one)).collect();
    for stage in stop_order(staged) {
        let mut stops: FuturesUnordered<_> =
            stage.iter().map(|one| stop_one(one, hasten)).collect();
        while let Some((name, clean)) = stops.next().await {
            if !clean {
                say(&format!("{name} did not stop in time and was killed"));
            }
        }
    }
}

async fn stop_one<'a>(one: &'a Running, hasten: &CancellationToken) -> (&'a str, bool) {
    let clean = tokio::select! {
        clean = stop(&one.process, one.grace) => clean,
        () = hasten.cancelled() => stop(&one.process, HASTENED_GRACE).await,
    };
    (&one.name, clean)
}

/// Stops what a record names and what carries this arena's mark; returns how many processes that were.
pub(crate) async fn stop_leftovers(data: &DataDir, record: Option<&Record>) -> usize {
    let running: Vec<Running> = record
        .iter()
        .flat_map(|record| &record.members)
        .filter_map(|member| {
            Some(Running {
                name: member.name.clone(),
                stage: member.stage,
                grace: LEFTOVER_GRACE,
                process: adopt(member.identity)?,
            })
        })
        .collect();
    let stopped = running.len();
    stop_all(running, &CancellationToken::new()).await;
    stopped + sweep(data, LEFTOVER_GRACE).await
}

/// Stops everything that carries this arena's mark; returns how many processes that were. In good order there are none: the
/// nodes stop their services themselves.
pub(crate) async fn sweep(data: &DataDir, grace: Duration) -> usize {
    let marked = with_environment(MEMBER_VARIABLE, &data.root().to_string_lossy());
    let processes: Vec<Process> = marked.into_iter().filter_map(adopt).collect();
    join_all(processes.iter().map(|process| stop(process, grace))).await;
    processes.len()
}

fn adopt(identity: Identity) -> Option<Process> {
    Process::adopt(identity.pid, identity.start_time)
}
