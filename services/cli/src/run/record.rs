//! The file of a run's record: where it goes, and how it is written.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arena_scenario::record::{Machine, Record};

/// This machine. `load1_before`: what [`load1`] said when the run began.
pub(crate) fn machine(load1_before: Option<f64>) -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Machine {
        cpus: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        memory_mib: kib.map(|kib| kib / 1024),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        load1_before,
        load1_after: load1(),
    }
}

/// The machine's load average over a minute.
pub(crate) fn load1() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Where a record goes when nobody says: the data folder's `runs`.
pub(super) fn place(record: &Record, data_dir: &Path) -> PathBuf {
    let (name, began_at) = (&record.scenario.name, record.began_at.unix_millis());
    data_dir
        .join("runs")
        .join(format!("{name}-{began_at}.json"))
}

/// Writes it in one step: a reader sees all of it or nothing.
pub(super) fn write(record: &Record, path: &Path) -> anyhow::Result<()> {
    let write = || -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let unfinished = path.with_extension("json.new");
        fs::write(&unfinished, serde_json::to_vec_pretty(record)?)?;
        Ok(fs::rename(&unfinished, path)?)
    };
    write().with_context(|| format!("cannot write the run record {}", path.display()))
}
