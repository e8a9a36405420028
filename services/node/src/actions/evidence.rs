//! What there is to see of a service just before something is done to it: its last samples, the end of its log, its processes
//! and the node's busiest.
//!
//! Invariant: bounded in every part, and so far below the largest message of the bus.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arena_proto::{
    CommandId, Entity, Evidence, IncidentId, Message as _, Number, ProcessRow, Reading, Schema,
    ServiceName, Timestamp,
};
use procfs::process::Process;

use crate::sampling::Sample;

/// Half a minute of samples: before the fault, and all of it.
const SAMPLES_MAX: usize = 30;
/// Lines of a log, and bytes of one: what a person reads at once.
const LINES_MAX: usize = 50;
/// See [`LINES_MAX`].
const LINE_BYTES_MAX: usize = 300;
/// The end of a log in which the lines are looked for.
const TAIL_BYTES: u64 = 64 * 1024;
/// Processes of the service, the busiest first.
const OWN_ROWS_MAX: usize = 15;
/// The node's busiest, beside them.
const BUSIEST_MAX: usize = 5;
/// Of a command line.
const COMMAND_BYTES_MAX: usize = 160;
/// The whole message; log lines give way.
const MESSAGE_BYTES_MAX: usize = 60 * 1024;
/// Gathering takes some milliseconds; whatever holds it up must not hold up the action.
const TIME_MAX: Duration = Duration::from_millis(300);
/// What a service is judged by.
const METRICS: [&str; 7] = [
    "cpu_percent",
    "cpu_wait_percent",
    "memory_bytes",
    "request_rate_hz",
    "latency_p95_ms",
    "error_percent",
    "storage_latency_p95_ms",
];
/// The same of a node.
const NODE_METRICS: [&str; 4] = [
    "cpu_percent",
    "memory_used_percent",
    "disk_used_percent",
    "load1",
];

#[derive(Debug, Default)]
struct Kept {
    samples: VecDeque<(Timestamp, Arc<Schema>, Vec<f32>)>,
    looked_at: Option<Timestamp>,
    /// CPU ticks then, by pid and start time.
    used: BTreeMap<(u32, u64), u64>,
}

/// The last samples and the last look at the process table. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct History(Arc<Mutex<Kept>>);

impl History {
    pub(crate) fn add(
        &self,
        sample: &Sample,
        looked_at: Option<Timestamp>,
        used: &BTreeMap<(u32, u64), u64>,
    ) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.samples.len() >= SAMPLES_MAX {
            kept.samples.pop_front();
        }
        let (schema, values) = (Arc::clone(&sample.schema), sample.values.clone());
        kept.samples.push_back((sample.time, schema, values));
        if kept.looked_at != looked_at {
            kept.looked_at = looked_at;
            kept.used.clone_from(used);
        }
    }

    /// What the samples say of an entity, oldest first.
    fn readings(&self, service: Option<&ServiceName>) -> Vec<Reading> {
        let wanted: &[&str] = if service.is_some() {
            &METRICS
        } else {
            &NODE_METRICS
        };
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut readings = Vec::new();
        for (at, schema, values) in &kept.samples {
            for (column, value) in schema.columns.iter().zip(values) {
                let named = column.service.as_ref() == service;
                if !named || !wanted.contains(&column.metric.as_str()) {
                    continue;
                }
                // NaN is no reading.
                if let Some(value) = Number::new(f64::from(*value)) {
                    readings.push(Reading {
                        at: *at,
                        metric: column.metric.clone(),
                        value,
                    });
                }
            }
        }
        readings
    }

    fn used_before(&self) -> (Option<Timestamp>, BTreeMap<(u32, u64), u64>) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.looked_at, kept.used.clone())
    }
}

/// Of what, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) entity: Entity,
    pub(crate) command: CommandId,
    pub(crate) incident: IncidentId,
    /// The leader of the service's process group.
    pub(crate) leader: Option<u32>,
    pub(crate) log: Option<PathBuf>,
    pub(crate) at: Timestamp,
}

/// Gathers what there is, for a third of a second at most; what cannot be had is told.
pub(crate) async fn gather(history: &History, question: Question) -> Evidence {
    let readings = history.readings(question.entity.service.as_ref());
    let (looked_at, used) = history.used_before();
    let elapsed = looked_at.map(|at| question.at.saturating_since(at));
    let (log, leader) = (question.log.clone(), question.leader);
    let looking = tokio::task::spawn_blocking(move || {
        let log = log.map_or_else(|| Ok(Vec::new()), |path| tail(&path));
        (log, process_table(leader, elapsed, &used))
    });
    let mut missing = Vec::new();
    let looked = tokio::time::timeout(TIME_MAX, looking).await;
    let (log, processes) = match looked {
        Ok(Ok((Ok(log), processes))) => (log, processes),
        Ok(Ok((Err(error), processes))) => {
            missing.push(format!("its log cannot be read: {error}"));
            (Vec::new(), processes)
        }
        Ok(Err(_)) | Err(_) => {
            let limit = TIME_MAX.as_millis();
            missing.push(format!("log and processes: not had within {limit} ms"));
            (Vec::new(), Vec::new())
        }
    };
    if readings.is_empty() {
        missing.push("nothing was measured yet".to_owned());
    }
    let mut evidence = Evidence {
        incident_id: question.incident,
        command_id: question.command,
        entity: question.entity,
        at: question.at,
        readings,
        log,
        processes,
        message: missing.join("; "),
    };
    while evidence.encode().len() > MESSAGE_BYTES_MAX && !evidence.log.is_empty() {
        let less = evidence.log.len().div_ceil(2);
        evidence.log.drain(..less);
    }
    evidence
}

/// The last lines, without what is no text.
fn tail(path: &Path) -> std::io::Result<Vec<String>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> = text.lines().collect();
    if from > 0 && lines.len() > 1 {
        // The first one began before.
        lines.remove(0);
    }
    let skipped = lines.len().saturating_sub(LINES_MAX);
    let last = lines.into_iter().skip(skipped);
    Ok(last.map(|line| plain(line, LINE_BYTES_MAX)).collect())
}

/// Without control characters, and no longer than so many bytes.
fn plain(text: &str, bytes_max: usize) -> String {
    let mut plain = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if plain.len() + letter.len_utf8() > bytes_max {
            break;
        }
        plain.push(letter);
    }
    plain
}

fn process_table(
    leader: Option<u32>,
    elapsed: Option<Duration>,
    used: &BTreeMap<(u32, u64), u64>,
) -> Vec<ProcessRow> {
    let Ok(all) = procfs::process::all_processes() else {
        return Vec::new();
    };
    let mut rows: Vec<(bool, f64, ProcessRow)> = all
        .flatten()
        .filter_map(|process| row(&process, leader, elapsed, used))
        .collect();
    rows.sort_by(|left, right| right.1.total_cmp(&left.1));
    let own = rows.iter().filter(|(own, ..)| *own).take(OWN_ROWS_MAX);
    let busiest = rows.iter().take(BUSIEST_MAX);
    let mut told = BTreeSet::new();
    own.chain(busiest)
        .filter(|(.., row)| told.insert(row.pid))
        .map(|(.., row)| row.clone())
        .collect()
}

/// Whether it is the service's, how busy it was since the last look, and the line.
#[expect(clippy::cast_precision_loss, reason = "ticks, far below 2^52")]
fn row(
    process: &Process,
    leader: Option<u32>,
    elapsed: Option<Duration>,
    used: &BTreeMap<(u32, u64), u64>,
) -> Option<(bool, f64, ProcessRow)> {
    let stat = process.stat().ok()?;
    let pid = u32::try_from(stat.pid).ok()?;
    let ticks = stat.utime + stat.stime;
    // One that began since has used all that it used since then.
    let before = used.get(&(pid, stat.starttime)).copied().unwrap_or(0);
    let per_second = procfs::ticks_per_second() as f64;
    let seconds = elapsed.unwrap_or_default().as_secs_f64().max(0.01);
    let percent = ticks.saturating_sub(before) as f64 / per_second / seconds * 100.0;
    let line = process.cmdline().unwrap_or_default().join(" ");
    let command = if line.is_empty() {
        format!("[{}]", stat.comm)
    } else {
        line
    };
    let own = u32::try_from(stat.pgrp).is_ok_and(|group| leader == Some(group));
    let row = ProcessRow {
        pid,
        parent: u32::try_from(stat.ppid).unwrap_or(0),
        state: stat.state.to_string(),
        cpu_percent: Number::new(percent)?,
        memory_bytes: stat.rss.saturating_mul(procfs::page_size()),
        threads: u32::try_from(stat.num_threads).unwrap_or(0),
        command: plain(&command, COMMAND_BYTES_MAX),
    };
    Some((own, percent, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn the_end_of_a_log_is_its_last_lines_each_within_bounds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log");
        let mut text = String::new();
        for line in 0..5_000 {
            writeln!(text, "line {line} \u{1b}[31m{}", "ä".repeat(400)).expect("a string");
        }
        std::fs::write(&path, text).expect("a file");
        let lines = tail(&path).expect("readable");
        assert_eq!(lines.len(), LINES_MAX);
        assert!(lines[49].starts_with("line 4999 [31mä"), "{}", lines[49]);
        assert!(lines.iter().all(|line| line.len() <= LINE_BYTES_MAX));
        assert!(tail(&folder.path().join("none")).is_err());
    }

    #[tokio::test]
    async fn a_whole_message_stays_within_bounds_however_much_was_logged() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.log");
        std::fs::write(&path, ("\"".repeat(290) + "\n").repeat(100)).expect("a file");
        let history = History::default();
        let service: ServiceName = "web".parse().expect("a name");
        let columns = METRICS.map(|metric| arena_proto::Column {
            service: Some(service.clone()),
            metric: metric.to_owned(),
        });
        let schema = Arc::new(Schema {
            node: "node-1".parse().expect("a name"),
            columns: columns.to_vec(),
            services: Vec::new(),
        });
        for second in 0..100 {
            let sample = Sample {
                time: Timestamp::from_unix_nanos(second * 1_000_000_000),
                schema: Arc::clone(&schema),
                values: vec![1.0, f32::NAN, 0.1, 0.1, 0.1, 0.1, 0.1],
            };
            history.add(&sample, None, &BTreeMap::new());
        }
        let question = Question {
            entity: Entity {
                node: "node-1".parse().expect("a name"),
                service: Some(service),
            },
            command: "c-1".parse().expect("an id"),
            incident: "inc-1".parse().expect("an id"),
            leader: Some(std::process::id()),
            log: Some(path),
            at: Timestamp::from_unix_nanos(100_000_000_000),
        };
        let evidence = gather(&history, question).await;
        assert_eq!(evidence.readings.len(), SAMPLES_MAX * (METRICS.len() - 1));
        assert!(!evidence.log.is_empty() && !evidence.processes.is_empty());
        assert!(evidence.encode().len() <= MESSAGE_BYTES_MAX);
        assert_eq!(evidence.message, "");
    }
}
