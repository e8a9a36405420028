//! `arena incidents`: the list, or the story of one.

use std::time::Duration;

use arena_bus::Bus;
use arena_proto::{IncidentQuery, IncidentRecord};

use crate::args::IncidentsArgs;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::screen::{self, Cell, Tone};

/// So many incidents in all are listed; older ones need `--since` or an id.
const LIST_MAX: usize = 1_000;

/// Prints incidents.
pub(crate) async fn run(args: IncidentsArgs) -> Result<(), Failure> {
    let bus = client::connect(&args.nats).await?;
    let records = match &args.id {
        Some(id) => vec![find(&bus, id).await?],
        None => list(&bus, args.since).await?,
    };
    if args.json {
        screen::print_json(&records)?;
    } else if args.id.is_some() {
        records
            .iter()
            .try_for_each(|record| screen::print(&story(record)))?;
    } else if records.is_empty() {
        eprintln!("no incidents");
    } else {
        screen::print(&table(&records))?;
    }
    Ok(())
}

/// One incident, or [`Exit::NotRunning`] when there is none of that id.
pub(crate) async fn find(bus: &Bus, id: &str) -> Result<IncidentRecord, Failure> {
    let query = IncidentQuery {
        id: Some(id.to_owned()),
        ..IncidentQuery::default()
    };
    let found: Vec<IncidentRecord> = bus
        .request("recorder", "incidents", &query)
        .await
        .map_err(client::not_running)?;
    found.into_iter().next().ok_or_else(|| {
        Exit::NotRunning.because(format!(
            "no incident {id:?}\n  mend: `arena incidents` lists them"
        ))
    })
}

/// Incidents, newest first, page by page.
pub(crate) async fn list(
    bus: &Bus,
    since: Option<Duration>,
) -> Result<Vec<IncidentRecord>, Failure> {
    let since_ms = since.map(|since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    let mut records: Vec<IncidentRecord> = Vec::new();
    while records.len() < LIST_MAX {
        let before = records.last().map(|record| record.id.clone());
        let query = IncidentQuery {
            since_ms,
            before,
            ..IncidentQuery::default()
        };
        let page: Vec<IncidentRecord> = bus
            .request("recorder", "incidents", &query)
            .await
            .map_err(client::not_running)?;
        if page.is_empty() {
            break;
        }
        records.extend(page);
    }
    Ok(records)
}

/// Milliseconds, or a dash until they are known.
fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

fn table(records: &[IncidentRecord]) -> String {
    let row = |record: &IncidentRecord| {
        let ended = record.resolution.as_deref().unwrap_or("-");
        vec![
            Cell::from(record.id.as_str()),
            record.opened_at.as_str().into(),
            record.entity.as_str().into(),
            record.symptom.as_str().into(),
            screen::state(&record.state),
            screen::state(ended),
            milliseconds(record.detect_ms).into(),
            milliseconds(record.plan_ms).into(),
            milliseconds(record.act_ms).into(),
            milliseconds(record.verify_ms).into(),
        ]
    };
    let head = [
        "id",
        "opened",
        "entity",
        "symptom",
        "state",
        "resolution",
        "detect ms",
        "plan ms",
        "act ms",
        "verify ms",
    ];
    screen::table(&head, &records.iter().map(row).collect::<Vec<_>>())
}

/// The story of one incident, in plain words.
pub(crate) fn story(record: &IncidentRecord) -> String {
    let mut lines = vec![
        format!("incident    {}", record.id),
        format!("entity      {}", record.entity),
        format!("symptom     {} ({})", record.symptom, record.severity),
        format!("because     {}", record.reason),
        format!(
            "root cause  {}",
            record.root_cause.as_deref().unwrap_or("unknown")
        ),
        format!(
            "state       {}",
            screen::paint(&record.state, screen::tone_of(&record.state))
        ),
        format!(
            "resolution  {}",
            record.resolution.as_deref().unwrap_or("not yet")
        ),
        format!("opened      {}", record.opened_at),
        format!(
            "ended       {}",
            record.ended_at.as_deref().unwrap_or("not yet")
        ),
        format!(
            "times       detect {} ms, plan {} ms, act {} ms, verify {} ms",
            milliseconds(record.detect_ms),
            milliseconds(record.plan_ms),
            milliseconds(record.act_ms),
            milliseconds(record.verify_ms)
        ),
        format!("trace       {}", record.trace_id),
    ];
    for action in &record.actions {
        lines.push(format!(
            "action      {} {}: {} {}",
            action.action,
            action.target,
            screen::paint(&action.outcome, screen::tone_of(&action.outcome)),
            screen::paint(&action.message, Tone::Faint)
        ));
    }
    for decision in &record.decisions {
        let at = screen::paint(&decision.at, Tone::Faint);
        lines.push(format!(
            "decision    {at} {}: {}",
            decision.decision, decision.reason
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
