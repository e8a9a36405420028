//! `arena efficacy`: what each action was worth against each symptom, by what the detector saw afterwards.

use std::time::Duration;

use arena_bus::NatsArgs;
use arena_proto::EfficacyRow;
use clap::Args;

use crate::client;
use crate::exit::Failure;
use crate::screen::{self, Cell, Tone};

/// `arena efficacy`.
#[derive(Debug, Args)]
#[command(before_help = "\
Examples:
  arena efficacy
  arena efficacy --since 24h --json")]
pub(crate) struct EfficacyArgs {
    /// Only actions that were issued within this time, as in 24h
    #[arg(long, value_name = "DURATION", value_parser = arena_config::duration::parse)]
    since: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    nats: NatsArgs,
}

/// Runs it.
pub(crate) async fn run(args: EfficacyArgs) -> Result<(), Failure> {
    let operator = client::operator(&args.nats).await?;
    let rows = operator.efficacy(args.since).await?;
    if args.json {
        screen::print_json(&rows)?;
    } else if rows.is_empty() {
        eprintln!("no action was done for an incident yet");
    } else {
        screen::print(&text(&rows))?;
    }
    Ok(())
}

fn text(rows: &[EfficacyRow]) -> String {
    let head = [
        "symptom",
        "action",
        "tried",
        "cured",
        "useless",
        "harmful",
        "unknown",
        "cured %",
        "median to healed",
    ];
    let rows: Vec<Vec<Cell>> = rows.iter().map(row).collect();
    screen::table(&head, &rows)
}

fn row(row: &EfficacyRow) -> Vec<Cell> {
    let dash = || "-".to_owned();
    let count = |count: u64, tone| {
        let tone = if count == 0 { Tone::Faint } else { tone };
        Cell(count.to_string(), tone)
    };
    vec![
        row.symptom.as_str().into(),
        row.action.as_str().into(),
        count(row.tried, Tone::Plain),
        count(row.cured, Tone::Good),
        count(row.useless, Tone::Warn),
        count(row.harmful, Tone::Bad),
        count(row.unknown, Tone::Plain),
        row.cured_percent
            .map_or_else(dash, |percent| format!("{percent:.0}"))
            .into(),
        row.heal_ms_median
            .map_or_else(dash, |ms| format!("{:.1} s", ms / 1000.0))
            .into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash() {
        let row = EfficacyRow {
            symptom: "cpu_high".to_owned(),
            action: "restart".to_owned(),
            tried: 3,
            cured: 2,
            useless: 1,
            cured_percent: Some(66.666),
            heal_ms_median: Some(2345.6),
            ..EfficacyRow::default()
        };
        let untold = EfficacyRow {
            symptom: "hot".to_owned(),
            action: "wait".to_owned(),
            tried: 1,
            ..EfficacyRow::default()
        };
        let text = text(&[row, untold]);
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines[1..],
            [
                "cpu_high restart 3 2 1 0 0 67 2.3 s",
                "hot wait 1 0 0 0 0 - -"
            ]
        );
    }
}
