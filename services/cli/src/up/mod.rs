//! `arena up`: starts everything here, keeps it running, and stops it all in reverse order.
//!
//! A table of contents: settle what to run (`preflight`, `windows`, `plan`), run it (`foreman`, `backoff`), wait for it (`health`,
//! `background`), end it (`stopping`); `record` and `data_dir` are what is kept on disk about it.
//!
//! After `kill -9` of an `arena up` the next one stops what was left and starts anew: a component that nobody watched for a
//! while is not trusted.

pub(crate) mod address;
pub(crate) mod background;
mod backoff;
mod cargo;
pub(crate) mod data_dir;
mod foreman;
mod health;
pub(crate) mod plan;
pub(crate) mod preflight;
pub(crate) mod record;
pub(crate) mod signals;
pub(crate) mod stopping;
mod windows;

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::exit::{Exit, Failure};
use address::Address;
use data_dir::{DataDir, DataDirArgs};
use plan::Files;
use record::{Lock, Record};

/// The last lines of a log are looked for in so much of its end.
const TAIL_BYTES: u64 = 2048;

/// `arena up`.
#[derive(Debug, Clone, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
#[command(before_help = "\
Examples:
  arena up                          the built-in shop, in the foreground; Ctrl-C stops it all
  arena up -d --wait --chaos        in the background, returns when healthy, faults allowed
  arena up --config my-arena.toml   your own services
  arena up --database postgres://localhost/arena
  arena up --nats-url nats://127.0.0.1:4333 --data-dir two --gateway-port 4281 --viewer-port 16687
                                    a second one

Ctrl-C stops everything and ends with 0; a second one hastens it.")]
pub(crate) struct UpArgs {
    /// Run in the background, with the log in the data folder
    #[arg(short = 'd', long)]
    pub detach: bool,
    /// Run in the background and return when all is healthy; 5 when that takes more than 30 s
    #[arg(long)]
    pub wait: bool,
    /// Accept faults; without this the nodes refuse them
    #[arg(long)]
    pub chaos: bool,
    /// The nodes and services [default: ./arena.toml when it is there, else the built-in shop]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where incidents are stored, SQLite or PostgreSQL [default: SQLite in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// A NATS server to use when it listens; else where to start one [default: started here, on port 4222]
    #[arg(long, env = "NATS_URL", value_name = "URL", hide_env_values = true)]
    pub nats_url: Option<String>,
    #[command(flatten)]
    pub data: DataDirArgs,
    #[command(flatten)]
    pub files: Files,
    /// Where the trace viewer shows its pages [default: 16686, and no viewer when that is taken]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub viewer_port: Option<u16>,
    /// Where the dashboard and the REST API are [default: 4280, and none when that is taken]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub gateway_port: Option<u16>,
    /// Do not let Cargo build the other programs when started by `cargo run`
    #[arg(long)]
    pub no_build: bool,
    /// Start no trace viewer.
    #[arg(long, hide = true)]
    pub no_viewer: bool,
    /// Start no gateway.
    #[arg(long, hide = true)]
    pub no_gateway: bool,
    /// Do not say where to look next.
    #[arg(long, hide = true)]
    brief: bool,
    /// This is the process in the background.
    #[arg(long, hide = true)]
    detached: bool,
}

/// Runs it.
pub(crate) async fn run(args: UpArgs) -> Result<(), Failure> {
    let data = args.data.open()?;
    let in_background = !args.detached && (args.detach || args.wait);
    let child = match Lock::take(&data)? {
        None => None,
        Some(lock) => {
            if args.detached {
                background::leave_terminal()?;
            }
            clear_leftovers(&data).await;
            let settings = preflight::check(&args, &data)?;
            if !in_background {
                return foreman::run(settings, lock).await;
            }
            drop(lock);
            Some(background::start(&data)?)
        }
    };
    if args.detached {
        return Ok(());
    }
    let started_here = child.is_some();
    let record = background::wait_until_started(&data, child).await?;
    if !started_here {
        check_running(&args, &data, &record)?;
    }
    if args.wait {
        background::wait_until_healthy(&data, &record).await?;
    }
    if !args.brief {
        summary(&record, &data);
    }
    Ok(())
}

/// Says that one runs, and refuses what was asked for and is not what runs: nothing that a person wrote is ignored in
/// silence.
fn check_running(args: &UpArgs, data: &DataDir, record: &Record) -> Result<(), Failure> {
    say(&format!(
        "an arena is already running here (pid {})",
        record.up.pid
    ));
    let mut other = Vec::new();
    if args.chaos && !record.chaos {
        other.push("it refuses faults (it was started without --chaos)".to_owned());
    }
    if let Some(path) = &args.config {
        let wanted = std::fs::read(path).map_err(|error| {
            Exit::Usage.because(format!("cannot read {}: {error}", path.display()))
        })?;
        if std::fs::read(data.config()).ok() != Some(wanted) {
            other.push(format!(
                "it runs another arena.toml than {}",
                path.display()
            ));
        }
    }
    if args
        .database
        .as_ref()
        .is_some_and(|url| *url != record.database)
    {
        other.push("it writes to another database than --database (DATABASE_URL)".to_owned());
    }
    let elsewhere = |url: &String| !Address::same(url, &record.nats_url);
    if args.nats_url.as_ref().is_some_and(elsewhere) {
        let running = without_password(&record.nats_url);
        other.push(format!(
            "its NATS server is {running}, not --nats-url (NATS_URL)"
        ));
    }
    if let Some(port) = args.gateway_port {
        let place = record.gateway.as_deref();
        if place.is_none_or(|url| !url.ends_with(&format!(":{port}"))) {
            let place = place.map_or("nowhere".to_owned(), |url| format!("at {url}"));
            other.push(format!(
                "its dashboard is {place}, not on --gateway-port {port}"
            ));
        }
    }
    if other.is_empty() {
        return Ok(());
    }
    Err(Exit::Failed.because(format!(
        "it is not what you asked for, and was left as it is:\n  {}\n  mend: `arena down`, then this again; or another --data-dir for a second arena",
        other.join("\n  ")
    )))
}

/// What an `arena up` left that was killed.
async fn clear_leftovers(data: &DataDir) {
    let stopped = stopping::stop_leftovers(data, Record::read_or_say(data).as_ref()).await;
    if stopped > 0 {
        say(&format!(
            "stopped {stopped} processes that an earlier `arena up` had left running"
        ));
    }
    Record::remove(data);
}

/// The record of the arena at this address, when it was started from this data folder.
pub(crate) fn record_at(data: &DataDirArgs, nats_url: &str) -> Option<Record> {
    let is_there = data.path().is_ok_and(|path| path.is_dir());
    let record = Record::read(&data.open().ok().filter(|_| is_there)?).ok()??;
    let (theirs, asked) = (
        address::Address::parse(&record.nats_url),
        address::Address::parse(nats_url),
    );
    (theirs == asked).then_some(record)
}

/// The pages of this arena's own trace viewer: another arena's has other traces.
pub(crate) fn viewer(data: &DataDirArgs, nats_url: &str) -> Option<String> {
    record_at(data, nats_url)?.viewer
}

/// Talk, on stderr.
pub(crate) fn say(text: &str) {
    eprintln!("arena: {}", text.trim_end());
}

/// Where to look next.
fn summary(record: &Record, data: &DataDir) {
    let target = record
        .nodes
        .iter()
        .find_map(|(node, services)| Some(format!("{node}/{}", services.first()?)));
    let hurt = match target {
        Some(target) if record.chaos => format!("arena inject cpu-spike {target}"),
        _ => "needs `arena up --chaos`".to_owned(),
    };
    let traces = record.viewer.as_deref().unwrap_or("not shown here");
    let page = record.gateway.as_deref().unwrap_or("no dashboard");
    eprintln!(
        "  page    {page}\n  \
           look    arena status | arena incidents | arena watch\n  \
           hurt    {hurt}\n  \
           nats    {}\n  \
           traces  {traces}\n  \
           logs    arena logs -f   ({})\n  \
           stop    arena down",
        without_password(&record.nats_url),
        data.logs().display(),
    );
}

fn without_password(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, server)) => {
            let scheme = before
                .split_once("://")
                .map_or("nats", |(scheme, _)| scheme);
            format!("{scheme}://{server}")
        }
        None => url.to_owned(),
    }
}

/// How long a log is; what is written later begins there.
fn log_length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// The last lines of a log, of what was written since it had the length `from`, for a person to read.
fn log_tail(path: &Path, from: u64, lines: usize) -> String {
    let read = || {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        // A log that is shorter by now was rotated.
        let from = if from > length { 0 } else { from };
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL_BYTES))))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&text).into_owned())
    };
    let text = read().unwrap_or_else(|error| format!("{}: {error}", path.display()));
    let all: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(
            without_password("nats://me:secret@host:4222"),
            "nats://host:4222"
        );
        assert_eq!(without_password("nats://host:4222"), "nats://host:4222");
    }

    #[test]
    fn the_tail_of_a_log_is_its_last_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let lines: Vec<String> = (0..1000).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&path, lines.concat()).unwrap();
        assert_eq!(log_tail(&path, 0, 2), "  line 998\n  line 999");
        assert_eq!(log_tail(&path, log_length(&path) - 9, 2), "  line 999");
        std::fs::write(&path, "").unwrap();
        assert_eq!(log_tail(&path, 7, 2), "");
    }
}
