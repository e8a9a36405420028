//! `arena doctor`: whether this machine has what an arena needs, and how to mend what it has not.
//!
//! It changes nothing and fetches nothing; what it finds in use by the arena that runs here is fine.

mod windows;

use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use arena_config::arena::Arena;
use arena_supervisor::{nats, ports, program};
use clap::Args;

use crate::exit::{Exit, Failure};
use crate::screen::{self, Tone};
use crate::up::data_dir::{DataDir, DataDirArgs};
use crate::up::plan::PROGRAMS;
use crate::up::record::Record;
use crate::up::{address, preflight};

/// Below this much free space the streams, the database and the logs may not fit: their limits add up to about that.
const DISK_FREE_MIN_BYTES: u64 = 1024 * 1024 * 1024;

/// A database on the same network answers in milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// `arena doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub data: DataDirArgs,
    /// The database to look for [default: SQLite in the data folder, which needs nothing]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// The nodes and services [default: ./arena.toml when it is there, else the built-in shop]
    #[arg(long, value_name = "FILE")]
    pub config: Option<std::path::PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    Warn,
    /// An arena runs here, and is not well.
    Degraded,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    level: Level,
    what: String,
    mend: Option<String>,
}

fn ok(what: impl Into<String>) -> Finding {
    Finding {
        level: Level::Ok,
        what: what.into(),
        mend: None,
    }
}

fn warn(what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        level: Level::Warn,
        what: what.into(),
        mend: Some(mend.into()),
    }
}

fn fail(what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding {
        level: Level::Fail,
        what: what.into(),
        mend: Some(mend.into()),
    }
}

/// Runs it.
pub(crate) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    let findings = tokio::task::spawn_blocking(move || examine(&args)).await?;
    for finding in &findings {
        screen::print(&line(finding))?;
    }
    let count = |level| findings.iter().filter(|one| one.level == level).count();
    let (failed, degraded) = (count(Level::Fail), count(Level::Degraded));
    if failed + degraded > 0 {
        let exit = if failed > 0 {
            Exit::Failed
        } else {
            Exit::Degraded
        };
        let (failed, all) = (failed + degraded, findings.len());
        return Err(exit.because(format!("{failed} of {all} checks failed")));
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let (word, tone) = match finding.level {
        Level::Ok => ("ok  ", Tone::Good),
        Level::Warn => ("warn", Tone::Warn),
        Level::Degraded | Level::Fail => ("FAIL", Tone::Bad),
    };
    let word = screen::paint(word, tone);
    let mend = finding
        .mend
        .as_ref()
        .map_or_else(String::new, |mend| format!("      mend: {mend}\n"));
    format!("{word}  {}\n{mend}", finding.what)
}

fn examine(args: &DoctorArgs) -> Vec<Finding> {
    let mut findings = Vec::new();
    let data = match args.data.open() {
        Ok(data) => {
            findings.extend([writable(&data), disk_space(&data)]);
            Some(data)
        }
        Err(error) => {
            findings.push(fail(
                format!("{error:#}"),
                "choose a folder that you may write to",
            ));
            None
        }
    };
    findings.extend(nats_server(data.as_ref()));
    findings.push(programs());
    findings.extend(arena_ports(args, data.as_ref()));
    findings.push(windows::gateway(data.as_ref()));
    findings.push(windows::viewer(data.as_ref()));
    findings.push(database(args.database.as_deref()));
    findings
}

fn writable(data: &DataDir) -> Finding {
    let probe = data.root().join(".doctor");
    let written = std::fs::write(&probe, "x").and_then(|()| std::fs::remove_file(&probe));
    let place = data.root().display();
    match written {
        Ok(()) => ok(format!("data folder {place} can be written")),
        Err(error) => fail(
            format!("data folder {place}: {error}"),
            "give yourself the right to write there, or name another with --data-dir",
        ),
    }
}

fn disk_space(data: &DataDir) -> Finding {
    match rustix::fs::statvfs(data.root()) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let what = format!("{} MB free in the data folder", free / (1024 * 1024));
            if free >= DISK_FREE_MIN_BYTES {
                ok(what)
            } else {
                warn(what, "make room: streams, database and logs may need 1 GB")
            }
        }
        Err(error) => warn(
            format!("free space in the data folder: {error}"),
            "look with `df`",
        ),
    }
}

fn nats_server(data: Option<&DataDir>) -> Vec<Finding> {
    let options = nats::FetchOptions {
        folders: preflight::nats_folders(data),
        fetch: false,
        note: crate::up::say,
    };
    match nats::find(&options) {
        Ok(Some(found)) => {
            let place = found.path.display();
            vec![ok(format!(
                "nats-server {} at {place} ({})",
                found.version, found.how
            ))]
        }
        Ok(None) => vec![
            warn(
                format!(
                    "no nats-server {} or newer is installed",
                    nats::OLDEST_VERSION
                ),
                format!(
                    "`arena up` fetches one by itself; or install it (https://nats.io/download), or set {}",
                    nats::SERVER_VARIABLE
                ),
            ),
            pip(),
        ],
        Err(error) => vec![fail(
            error.to_string(),
            "correct it, or unset it to have one found",
        )],
    }
}

/// Only the second way to fetch nats-server needs it.
fn pip() -> Finding {
    let status = Command::new("python3")
        .args(["-m", "pip", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => {
            ok("python3 with pip is there, should the release page be out of reach")
        }
        _ => warn(
            "python3 with pip is not there: nats-server can only be fetched from its release page",
            "nothing, if this machine reaches github.com; else install nats-server or pip",
        ),
    }
}

fn programs() -> Finding {
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|name| program::sibling(name).is_none())
        .collect();
    if missing.is_empty() {
        return ok("all of Arena's programs are beside this one");
    }
    fail(
        format!("not beside this program: {}", missing.join(", ")),
        "`cargo build --workspace --bins`, or `cargo run -- up`, which does it",
    )
}

fn arena_ports(args: &DoctorArgs, data: Option<&DataDir>) -> Vec<Finding> {
    let record = data.and_then(Record::read_or_say);
    if record.as_ref().is_some_and(|record| !record.up_is_alive()) {
        return vec![Finding {
            level: Level::Degraded,
            ..fail(
                "`arena up` died: what it started runs on, and nobody looks after it",
                "`arena up` or `arena down` cleans this up",
            )
        }];
    }
    if let Some(record) = record {
        return vec![ok(format!(
            "an arena runs here (pid {}); its ports are its own",
            record.up.pid
        ))];
    }
    let arena = match read_arena(args.config.as_deref()) {
        Ok(arena) => arena,
        Err(finding) => return vec![finding],
    };
    let services = arena.nodes.iter().flat_map(|node| {
        node.services
            .iter()
            .filter_map(|service| Some((service.port?, format!("{}/{}", node.name, service.name))))
    });
    let nats = (address::DEFAULT_PORT, "nats-server".to_owned());
    let needed: Vec<(u16, String)> = [nats].into_iter().chain(services).collect();
    let taken: Vec<Finding> = needed
        .iter()
        .filter_map(|(port, what)| {
            let holder = ports::taken_by(*port)?;
            Some(fail(
                format!("port {port} for {what} is held by {holder}"),
                "end that process, or choose another port (--nats-url, or an arena.toml of your own)",
            ))
        })
        .collect();
    if taken.is_empty() {
        vec![ok(format!("all {} ports are free", needed.len()))]
    } else {
        taken
    }
}

fn read_arena(config: Option<&Path>) -> Result<Arena, Finding> {
    let local = Path::new("arena.toml");
    let path = config.or_else(|| local.is_file().then_some(local));
    let (name, text) = match path {
        None => (
            "built-in arena.toml".to_owned(),
            Ok(Arena::default_toml().to_owned()),
        ),
        Some(path) => (path.display().to_string(), std::fs::read_to_string(path)),
    };
    let text =
        text.map_err(|error| fail(format!("{name}: {error}"), "name a file with --config"))?;
    Arena::parse(&name, &text).map_err(|diagnostic| {
        let place = format!(
            "{}:{}:{}",
            diagnostic.file, diagnostic.line, diagnostic.column
        );
        fail(format!("{place}: {}", diagnostic.what), diagnostic.mend)
    })
}

fn database(url: Option<&str>) -> Finding {
    let Some(url) = url else {
        return ok("incidents go to SQLite in the data folder");
    };
    if url.starts_with("sqlite:") {
        return ok("incidents go to SQLite");
    }
    let Some((host, port)) = postgres_address(url) else {
        return fail(
            "the database URL is neither sqlite: nor postgres:",
            "write postgres://USER:PASSWORD@HOST/DATABASE, or leave it away for SQLite",
        );
    };
    let reached = (host.as_str(), port)
        .to_socket_addrs()
        .into_iter()
        .flatten()
        .any(|socket| TcpStream::connect_timeout(&socket, CONNECT_TIMEOUT).is_ok());
    if reached {
        return ok(format!(
            "something listens at the database's address {host}:{port}"
        ));
    }
    fail(
        format!("nothing answers at the database's address {host}:{port}"),
        "start PostgreSQL, correct --database (DATABASE_URL), or leave it away for SQLite",
    )
}

/// Host and port of `postgres://user:password@host:port/database`; a missing port is PostgreSQL's own.
fn postgres_address(url: &str) -> Option<(String, u16)> {
    let rest = url
        .strip_prefix("postgres://")
        .or_else(|| url.strip_prefix("postgresql://"))?;
    let authority = rest.split(['/', '?']).next()?;
    let server = authority
        .rsplit_once('@')
        .map_or(authority, |(_, server)| server);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (server, 5432),
    };
    let host = if host.is_empty() { "localhost" } else { host };
    Some((host.trim_matches(['[', ']']).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_database_is_found_in_its_url() {
        let cases = [
            (
                "postgres://me:p@ss@db.example.org:5433/arena?sslmode=require",
                "db.example.org",
                5433,
            ),
            ("postgresql://localhost/arena", "localhost", 5432),
            ("postgres:///arena", "localhost", 5432),
            ("postgres://[::1]:1/arena", "::1", 1),
        ];
        for (url, host, port) in cases {
            assert_eq!(
                postgres_address(url),
                Some((host.to_owned(), port)),
                "{url}"
            );
        }
        assert_eq!(postgres_address("mysql://x"), None);
    }

    #[test]
    fn a_mistake_in_the_arena_is_a_finding_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("arena.toml");
        std::fs::write(&path, "[[node]]\nnaem = \"x\"\n").unwrap();
        let finding = read_arena(Some(&path)).unwrap_err();
        assert_eq!(finding.level, Level::Fail);
        assert!(finding.what.contains("arena.toml:2:1"), "{}", finding.what);
    }
}
