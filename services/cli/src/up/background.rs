//! `arena up -d` and `--wait`: start the foreman in a session of its own, and watch from outside until it has started, or
//! until all is healthy.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use arena_bus::{Bus, NatsArgs, Role};
use tokio::time::{sleep, timeout};

use super::data_dir::DataDir;
use super::record::Record;
use super::{health, log_length, log_tail, say};
use crate::exit::{Exit, Failure};

/// How long `--wait` waits, and how long `-d` alone waits for everything to have been started. A start takes two seconds;
/// this is for a machine that crawls.
const LIMIT: Duration = Duration::from_secs(30);

/// So many lines of the log are shown when it ended early.
const LAST_WORDS: usize = 12;

/// Between two looks at the record.
const POLL: Duration = Duration::from_millis(20);

/// The hidden flag of the process in the background.
pub(crate) const DETACHED: &str = "--detached";

/// The `arena up` in the background.
#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
    /// Where in the log its words begin.
    log_from: u64,
}

/// Starts this same command once more, in the background.
pub(crate) fn start(data: &DataDir) -> anyhow::Result<Background> {
    let path = data.component_log("arena");
    let log_from = log_length(&path);
    std::fs::create_dir_all(data.logs())?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let child = Command::new(own_program()?)
        .args(std::env::args_os().skip(1))
        .arg(DETACHED)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start the arena in the background")?;
    Ok(Background { child, log_from })
}

/// This program, also when Cargo has replaced its file since it was started.
pub(crate) fn own_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    if program.is_file() {
        return Ok(program);
    }
    arena_supervisor::program::sibling("arena").context("this program was removed while it ran")
}

/// Leaves the terminal: a closed one must not end the arena.
pub(crate) fn leave_terminal() -> anyhow::Result<()> {
    rustix::process::setsid().context("cannot leave the terminal's session")?;
    Ok(())
}

/// Waits until everything was started. The child may find that somebody else was faster, which is as good.
pub(crate) async fn wait_until_started(
    data: &DataDir,
    mut ours: Option<Background>,
) -> Result<Record, Failure> {
    let started = async {
        loop {
            let ended = match &mut ours {
                Some(background) => background.child.try_wait()?,
                None => None,
            };
            match Record::read(data)? {
                Some(record) if record.started && record.up_is_alive() => return Ok(record),
                _ => {}
            }
            match ended.map(|status: ExitStatus| status.success()) {
                Some(false) => return Err(ended_early(data, ours.as_ref())),
                Some(true) => ours = None,
                None => {}
            }
            sleep(POLL).await;
        }
    };
    timeout(LIMIT, started).await.unwrap_or_else(|_| {
        Err(Exit::Timeout.because(format!(
            "not everything was started within {LIMIT:?}; what happens: arena logs -f arena"
        )))
    })
}

/// Waits until all is healthy; stops nothing when that takes too long.
pub(crate) async fn wait_until_healthy(data: &DataDir, record: &Record) -> Result<(), Failure> {
    let args = NatsArgs {
        nats_url: record.nats_url.clone(),
    };
    let bus = Bus::connect_once(&args, Role::Operator, "arena-up-wait").await?;
    let mut problems = Vec::new();
    let waited = tokio::select! {
        waited = timeout(LIMIT, look(data, &bus, &mut problems)) => waited,
        () = up_ended(record) => return Err(ended_early(data, None)),
    };
    match waited {
        Ok(result) => result,
        Err(_) => Err(Exit::Timeout.because(format!(
            "not healthy after {LIMIT:?}, and left running:\n  {}\nits last words (arena logs has more):\n{}",
            problems.join("\n  "),
            log_tail(&data.component_log("arena"), 0, LAST_WORDS)
        ))),
    }
}

/// Reads the record anew each time: a component that was started again has another process.
async fn look(data: &DataDir, bus: &Bus, problems: &mut Vec<String>) -> Result<(), Failure> {
    loop {
        if let Some(record) = Record::read(data)? {
            *problems = health::look(bus, &record).await;
            if problems.is_empty() {
                say("healthy");
                return Ok(());
            }
        }
        sleep(POLL).await;
    }
}

async fn up_ended(record: &Record) {
    while record.up_is_alive() {
        sleep(POLL).await;
    }
}

fn ended_early(data: &DataDir, ours: Option<&Background>) -> Failure {
    let log_from = ours.map_or(0, |background| background.log_from);
    Exit::Failed.because(format!(
        "the arena ended:\n{}",
        log_tail(&data.component_log("arena"), log_from, LAST_WORDS)
    ))
}
