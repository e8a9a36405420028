//! `arena incidents`: the list, or the story of one.

use arena_proto::IncidentRecord;

use crate::args::IncidentsArgs;
use crate::client;
use crate::exit::Failure;
use crate::screen::{self, Cell, Tone};

/// Prints incidents.
pub(crate) async fn run(args: IncidentsArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let records = match &args.id {
        Some(id) => vec![operator.incident(id).await?],
        None => operator.all_incidents(args.since).await?,
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
