//! `arena down`: stops the arena of a data folder, whatever is left of it; data stays.
//!
//! A running `arena up` is asked to stop everything itself. What a killed one left is found by its record and by the mark that
//! every process of an arena carries, and stopped in the same order.

use std::time::Duration;

use arena_supervisor::{Process, Signal};
use clap::Args;
use tokio::time::{sleep, timeout};

use crate::exit::{Exit, Failure};
use crate::up::data_dir::{DataDir, DataDirArgs};
use crate::up::record::{Lock, Record};
use crate::up::{say, stopping};

/// More than an orderly stop may take: a minute for a service with the longest grace, and 10 s for each stage after it.
const STOP_LIMIT: Duration = Duration::from_mins(2);

/// After a second SIGTERM nobody has time any more.
const HASTENED_LIMIT: Duration = Duration::from_secs(15);

/// How long an `arena up` may hold the lock without saying who it is: it may be building, or fetching nats-server.
const NAMELESS_LIMIT: Duration = Duration::from_secs(20);

/// Between two looks at the lock.
const POLL: Duration = Duration::from_millis(50);

/// `arena down`.
#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    pub data: DataDirArgs,
}

/// Runs it.
pub(crate) async fn run(args: DownArgs) -> Result<(), Failure> {
    if !args.data.path()?.is_dir() {
        return Err(not_running(&args));
    }
    let data = args.data.open()?;
    let up_stopped = stop_up(&data).await?;
    let Some(_lock) = Lock::take(&data)? else {
        return Err(Exit::Failed
            .because("another `arena up` was started meanwhile; nothing of it was stopped"));
    };
    let left = stopping::stop_leftovers(&data, Record::read_or_say(&data).as_ref()).await;
    Record::remove(&data);
    if left > 0 {
        say(&format!(
            "stopped {left} processes that a killed `arena up` had left running"
        ));
    }
    if up_stopped || left > 0 {
        say("nothing is left running; data stays");
        return Ok(());
    }
    Err(not_running(&args))
}

fn not_running(args: &DownArgs) -> Failure {
    let place = args
        .data
        .path()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    Exit::NotRunning.because(format!("no arena runs in {place}"))
}

/// Asks the `arena up` to stop everything, and waits until it has. False when none runs.
async fn stop_up(data: &DataDir) -> Result<bool, Failure> {
    let Some(up) = running_up(data).await? else {
        return Ok(false);
    };
    say(&format!("stopping (pid {})", up.pid));
    up.signal(Signal::TERM);
    if timeout(STOP_LIMIT, up.exited()).await.is_err() {
        say("it does not stop; hastening it");
        up.signal(Signal::TERM);
        if timeout(HASTENED_LIMIT, up.exited()).await.is_err() {
            say("it still does not stop; killing it");
            up.signal(Signal::KILL);
            up.exited().await;
        }
    }
    Ok(true)
}

/// The `arena up` of this folder. One that holds the lock and has not yet said who it is, is waited for.
async fn running_up(data: &DataDir) -> Result<Option<Process>, Failure> {
    let search = async {
        loop {
            let up = Record::read_or_say(data).map(|record| record.up);
            if let Some(up) = up.and_then(|up| Process::adopt(up.pid, up.start_time)) {
                return Ok(Some(up));
            }
            if Lock::take(data)?.is_some() {
                return Ok(None);
            }
            sleep(POLL).await;
        }
    };
    timeout(NAMELESS_LIMIT, search).await.unwrap_or_else(|_| {
        Err(Exit::Timeout
            .because("an `arena up` is still preparing to start; press Ctrl-C there, or try again"))
    })
}
