//! What the nodes saw before they acted: in short, or all of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use arena_proto::EvidenceRecord;

use super::tell::number;
use crate::screen::{self, Cell};

/// The last lines of a log are where a reason is, if it has one.
const LOG_LINES_TOLD: usize = 3;

/// What there is, a few lines a command.
pub(super) fn summary(evidence: &[EvidenceRecord]) -> Vec<String> {
    evidence.iter().flat_map(short).collect()
}

fn short(record: &EvidenceRecord) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  {} before {}: {} samples, {} log lines, {} processes; --evidence shows them",
        record.at,
        record.entity,
        record.command_id,
        record.readings.len(),
        record.log.len(),
        record.processes.len()
    )];
    if !record.message.is_empty() {
        lines.push(format!("  not all could be had: {}", record.message));
    }
    let from = record.log.len().saturating_sub(LOG_LINES_TOLD);
    lines.extend(
        record.log[from..]
            .iter()
            .map(|line| format!("  log: {line}")),
    );
    lines
}

/// Every sample, log line and process.
pub(super) fn all(evidence: &[EvidenceRecord]) -> String {
    evidence.iter().map(whole).collect()
}

fn whole(record: &EvidenceRecord) -> String {
    let mut text = format!(
        "\nEvidence of {} before {}, at {}\n",
        record.entity, record.command_id, record.at
    );
    if !record.message.is_empty() {
        let _ = writeln!(text, "  not all could be had: {}", record.message);
    }
    let mut series: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for reading in &record.readings {
        series
            .entry(reading.metric.as_str())
            .or_default()
            .push(number(reading.value));
    }
    text.push_str("samples, oldest first\n");
    for (metric, values) in series {
        let _ = writeln!(text, "  {metric}: {}", values.join(", "));
    }
    text.push_str("log\n");
    for line in &record.log {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("processes\n");
    text.push_str(&processes(record));
    text
}

fn processes(record: &EvidenceRecord) -> String {
    let row = |process: &arena_proto::ProcessRecord| -> Vec<Cell> {
        vec![
            format!("  {}", process.pid).into(),
            process.parent.to_string().into(),
            process.state.as_str().into(),
            format!("{:.1}", process.cpu_percent).into(),
            (process.memory_bytes / (1024 * 1024)).to_string().into(),
            process.threads.to_string().into(),
            process.command.as_str().into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = record.processes.iter().map(row).collect();
    let head = [
        "  pid", "parent", "state", "cpu %", "MB", "threads", "command",
    ];
    screen::table(&head, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arena_proto::{ProcessRecord, ReadingRecord};

    #[test]
    fn the_last_words_are_in_the_short_form_and_all_is_in_the_long_one() {
        let reading = |value| ReadingRecord {
            at: String::new(),
            metric: "cpu_percent".to_owned(),
            value,
        };
        let record = EvidenceRecord {
            command_id: "cmd-1".to_owned(),
            log: (1..=5).map(|number| format!("line {number}")).collect(),
            readings: vec![reading(1.5), reading(99.0)],
            processes: vec![ProcessRecord {
                pid: 77,
                command: "burn".to_owned(),
                ..ProcessRecord::default()
            }],
            message: "no samples yet".to_owned(),
            ..EvidenceRecord::default()
        };
        let short = summary(std::slice::from_ref(&record)).join("\n");
        assert!(
            short.contains("line 5") && short.contains("no samples yet"),
            "{short}"
        );
        assert!(!short.contains("line 2"), "{short}");
        let all = all(&[record]);
        for part in ["line 1", "cpu_percent: 1.5, 99", "77", "burn"] {
            assert!(all.contains(part), "{part} in {all}");
        }
    }
}
