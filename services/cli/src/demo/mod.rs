//! `arena demo`: the whole loop once, told as it happens. Exit code 0 only when the incident was REMEDIATED and is in
//! the database.

mod story;

use std::collections::BTreeMap;
use std::time::Duration;

use arena_bus::NatsArgs;
use arena_operator::{Kind, Operator};
use arena_proto::{IncidentId, IncidentRecord, Resolution};

use crate::args::DemoArgs;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::own_arena::OwnArena;
use crate::up;

/// The fault's time to live: longer than the slowest honest healing, so that it is the healing that ends it.
const FAULT_TTL: Duration = Duration::from_mins(1);
/// Detecting, acting and verifying take a few seconds; a ladder that is climbed to its end some more.
const STORY_LIMIT: Duration = Duration::from_secs(50);
/// The recorder writes within milliseconds.
const STORED_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at the database.
const STORED_POLL: Duration = Duration::from_millis(50);

/// Starts an arena if none runs, shows the loop, and stops what it started.
pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    let own = start_if_none_runs(&args.nats).await?;
    let result = tokio::select! {
        result = show(&args, own.is_none()) => result,
        _ = tokio::signal::ctrl_c() => Err(Exit::Interrupted.because("interrupted")),
    };
    match own {
        None => result,
        // What was started is stopped whatever happened; the story's own failure is the one to report.
        Some(own) => {
            let stopped = own.down().await;
            if stopped.is_ok() {
                eprintln!("stopped the arena, and removed its folder");
            }
            result.and(stopped)
        }
    }
}

/// Starts an arena unless one runs at this address.
async fn start_if_none_runs(nats: &NatsArgs) -> Result<Option<OwnArena>, Failure> {
    match client::connect(nats).await {
        Ok(_) => {
            eprintln!("using the arena that runs at {}", nats.nats_url);
            return Ok(None);
        }
        Err(failure) if failure.exit == Exit::NotRunning => {}
        Err(failure) => return Err(failure),
    }
    let mut own = OwnArena::prepare("arena-demo-", nats.nats_url.clone())?;
    eprintln!(
        "no arena runs at {}: starting one in {}",
        nats.nats_url,
        own.data_dir().display()
    );
    let started = tokio::select! {
        // Gone before anybody has opened a page.
        started = own.up(&["--no-gateway"], false) => started,
        _ = tokio::signal::ctrl_c() => Err(Exit::Interrupted.because("interrupted")),
    };
    if let Err(failure) = started {
        // A start that failed half-way may have left something running. That nothing was is no second failure.
        let _ = own.down().await;
        return Err(failure);
    }
    Ok(Some(own))
}

async fn show(args: &DemoArgs, stays: bool) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let mut story = story::Story::listen(operator.bus(), &args.target).await?;
    let asked = operator.inject(&args.fault, &args.target, FAULT_TTL, BTreeMap::new());
    let id = asked.await?;
    let told = match tokio::time::timeout(STORY_LIMIT, Box::pin(story.tell(&id))).await {
        Ok(told) => told,
        Err(_) => Err(Exit::Timeout.because("the loop did not close in time: see `arena logs`")),
    };
    // Ends the fault where the healing has not; nothing is left behind by a demo.
    operator.see_reverted(&id).await?;
    let incident = told?;
    let record = stored(&operator, &incident).await?;
    story::line(
        "stored",
        &format!("incident {} is in the database", record.id),
    );
    // A viewer that goes with the demo is no place to be sent to.
    let viewer = up::viewer(&args.data, &args.nats.nats_url).filter(|_| stays);
    let trace = &record.trace_id;
    let place = viewer.map_or_else(|| trace.clone(), |viewer| format!("{viewer}/trace/{trace}"));
    story::line("trace", &place);
    if record.resolution.as_deref() != Some(Resolution::Remediated.as_str()) {
        let how = record.resolution.as_deref().unwrap_or(&record.state);
        return Err(Exit::Failed.because(format!("the incident ended {how}, not REMEDIATED")));
    }
    Ok(())
}

/// Waits until the database has the incident with its end.
async fn stored(operator: &Operator, id: &IncidentId) -> Result<IncidentRecord, Failure> {
    let search = async {
        loop {
            match operator.incident(id.as_str()).await {
                Ok(record) if record.ended_at.is_some() => return Ok(record),
                Err(error) if !matches!(error.kind, Kind::NotFound | Kind::NotRunning) => {
                    return Err(error.into());
                }
                _ => tokio::time::sleep(STORED_POLL).await,
            }
        }
    };
    match tokio::time::timeout(STORED_LIMIT, search).await {
        Ok(record) => record,
        Err(_) => Err(Exit::Timeout.because(format!("incident {id} did not reach the database"))),
    }
}
