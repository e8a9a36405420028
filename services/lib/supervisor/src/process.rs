//! Start, adopt, signal and stop processes, each the leader of its own process group.
//!
//! Deliberately absent: restarts and probes (the callers' policy), and polling for an exit: the kernel tells it through
//! a pidfd, within a fraction of a millisecond.
//!
//! Invariants:
//! - A child is always waited for, whether or not anyone asks how it ended, so none stays behind as a zombie.
//! - `stop` returns only when no living member of the group is left, or after `KILL_WAIT` with a warning.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, kill_process_group, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

pub use rustix::process::Signal;

use crate::table::{self, Identity};

/// How long SIGKILL may take. The kernel needs microseconds, except for a process stuck in uninterruptible IO (a dead
/// NFS mount), for which nobody should wait for ever.
const KILL_WAIT: Duration = Duration::from_secs(5);

/// How often a group whose leader has ended is looked at: only the leader has a pidfd, so its last members are polled.
const GROUP_POLL: Duration = Duration::from_millis(10);

/// A process to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spawn {
    /// The program and its arguments; a program without a slash is looked up in PATH.
    pub argv: Vec<String>,
    /// Added to this process's own environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs; this process's own working directory when `None`.
    pub working_dir: Option<PathBuf>,
    /// Where its standard output and error are appended; made, with its folders, when not there.
    pub log: PathBuf,
}

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// `argv` is empty.
    #[error("the command is empty")]
    Empty,
    /// The log file cannot be opened for appending.
    #[error("cannot open the log file {}", path.display())]
    Log {
        /// The log file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Where it is to run is no folder.
    #[error("working_dir {} is not a folder that exists: make it, or change working_dir", path.display())]
    WorkingDir {
        /// The path.
        path: PathBuf,
    },
    /// The program is not there or may not be run.
    #[error("cannot start {program:?}")]
    Start {
        /// The first of `argv`.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It started, but the kernel gives no pidfd (Linux before 5.3); it was killed again.
    #[error("cannot watch {program:?}: this needs pidfd, Linux 5.3 or newer")]
    Watch {
        /// The first of `argv`.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, or 128 + signal; `None` of an adopted process, whose parent alone may know.
    pub code: Option<i32>,
}

/// A process that was started or adopted. Clones are the same process; dropping it neither signals nor forgets it.
#[derive(Debug, Clone)]
pub struct Process {
    /// The process id; also the id of its group.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    leads_group: bool,
    pidfd: Arc<AsyncFd<OwnedFd>>,
    exit: watch::Receiver<Option<Exit>>,
}

/// Starts a process in its own group, with nothing on standard input. Needs a tokio runtime.
pub fn spawn(spawn: &Spawn) -> Result<Process, SpawnError> {
    let (program, arguments) = spawn.argv.split_first().ok_or(SpawnError::Empty)?;
    let (log, log_copy) = open_log(spawn)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(&spawn.env)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_copy)
        .process_group(0);
    if let Some(working_dir) = &spawn.working_dir {
        if !working_dir.is_dir() {
            let path = working_dir.clone();
            return Err(SpawnError::WorkingDir { path });
        }
        command.current_dir(working_dir);
    }
    let mut child = command.spawn().map_err(|source| SpawnError::Start {
        program: program.clone(),
        source,
    })?;
    let pid = child.id();
    // A child that was not waited for yet keeps its pid and its entry in /proc, even when it has ended already.
    let watched = open_pidfd(pid).and_then(|pidfd| {
        let stat = table::stat(pid).ok_or_else(|| io::Error::other("no entry in /proc"))?;
        Ok((pidfd, stat.start_time))
    });
    match watched {
        Ok((pidfd, start_time)) => Ok(Process::watched(pid, start_time, true, pidfd, Some(child))),
        Err(source) => {
            let _ = child.kill().and_then(|()| child.wait().map(drop));
            Err(SpawnError::Watch {
                program: program.clone(),
                source,
            })
        }
    }
}

fn open_log(spawn: &Spawn) -> Result<(File, File), SpawnError> {
    let open = || {
        if let Some(folder) = spawn.log.parent() {
            fs::create_dir_all(folder)?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&spawn.log)?;
        let copy = log.try_clone()?;
        Ok((log, copy))
    };
    open().map_err(|source| SpawnError::Log {
        path: spawn.log.clone(),
        source,
    })
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, for types whose descriptor may change; an OwnedFd's cannot"
)]
fn open_pidfd(pid: u32) -> io::Result<AsyncFd<OwnedFd>> {
    let pidfd = pidfd_open(as_pid(pid)?, PidfdFlags::NONBLOCK)?;
    AsyncFd::with_interest(pidfd, Interest::READABLE)
}

fn as_pid(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

impl Process {
    /// Takes over a process that another process started; `None` when it is gone or the pid is another's by now. Needs
    /// a tokio runtime.
    #[must_use]
    pub fn adopt(pid: u32, start_time: u64) -> Option<Self> {
        // The pidfd comes first: from here on it names one process, and the look at /proc tells which.
        let pidfd = open_pidfd(pid).ok()?;
        let stat = table::stat(pid)?;
        (stat.start_time == start_time && !stat.gone)
            .then(|| Self::watched(pid, start_time, stat.group == pid, pidfd, None))
    }

    fn watched(
        pid: u32,
        start_time: u64,
        leads_group: bool,
        pidfd: AsyncFd<OwnedFd>,
        child: Option<Child>,
    ) -> Self {
        let pidfd = Arc::new(pidfd);
        let (sender, exit) = watch::channel(None);
        tokio::spawn(watch_exit(Arc::clone(&pidfd), child, sender));
        Self {
            pid,
            start_time,
            leads_group,
            pidfd,
            exit,
        }
    }

    /// Pid and start time together.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        Identity {
            pid: self.pid,
            start_time: self.start_time,
        }
    }

    /// Waits for its end; at once when it has ended already. Members of its group may live on.
    pub async fn exited(&self) -> Exit {
        let mut exit = self.exit.clone();
        // The sender goes away unset only with the runtime; then nobody is left to see this answer.
        let ended = exit
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|exit| *exit);
        ended.unwrap_or(Exit { code: None })
    }

    /// How it ended; `None` while it lives.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Whether it lives. A zombie does not, a stopped process does.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.exit().is_none() && table::identity_of(self.pid) == Some(self.identity())
    }

    /// Signals this one process. False when it has ended.
    #[expect(
        clippy::must_use_candidate,
        reason = "the signal is the point, the answer a courtesy"
    )]
    pub fn signal(&self, signal: Signal) -> bool {
        pidfd_send_signal(self.pidfd.get_ref(), signal).is_ok()
    }

    /// Signals its whole group, also what lives on after its leader; one that was adopted and leads no group, alone.
    /// False when nobody is left; who has ended and was not waited for yet still counts here.
    #[expect(
        clippy::must_use_candidate,
        reason = "the signal is the point, the answer a courtesy"
    )]
    pub fn signal_group(&self, signal: Signal) -> bool {
        if !self.leads_group {
            return self.signal(signal);
        }
        self.group_is_ours()
            && as_pid(self.pid).is_ok_and(|group| kill_process_group(group, signal).is_ok())
    }

    /// Whether anyone living is left: it, or a member of its group.
    #[must_use]
    pub fn group_is_alive(&self) -> bool {
        self.is_alive()
            || (self.leads_group && self.group_is_ours() && table::group_has_members(self.pid))
    }

    /// A group's id is not given away while it has members, so the group is another's only when a process with its id
    /// lives that is not the one we know.
    fn group_is_ours(&self) -> bool {
        table::stat(self.pid).is_none_or(|stat| stat.start_time == self.start_time)
    }

    /// Waits until nobody of the group is left; false when that takes longer than `limit`.
    async fn group_gone(&self, limit: Duration) -> bool {
        timeout(limit, async {
            self.exited().await;
            while self.group_is_alive() {
                sleep(GROUP_POLL).await;
            }
        })
        .await
        .is_ok()
    }
}

/// Stops a process and its group: SIGTERM, with SIGCONT since a stopped process cannot die of it, and SIGKILL for whoever
/// is left after `grace`. Nobody is left when this returns. True when SIGKILL was not needed.
pub async fn stop(process: &Process, grace: Duration) -> bool {
    process.signal_group(Signal::TERM);
    process.signal_group(Signal::CONT);
    if process.group_gone(grace).await {
        return true;
    }
    process.signal_group(Signal::KILL);
    if !process.group_gone(KILL_WAIT).await {
        tracing::warn!(
            pid = process.pid,
            "still there after SIGKILL: stuck in the kernel"
        );
    }
    false
}

/// The kernel makes a pidfd readable when its process ends, before anyone has waited for it.
async fn watch_exit(
    pidfd: Arc<AsyncFd<OwnedFd>>,
    child: Option<Child>,
    sender: watch::Sender<Option<Exit>>,
) {
    let code = match pidfd.readable().await {
        Ok(_) => child.and_then(reap),
        Err(error) => {
            tracing::warn!(%error, "lost sight of a process");
            None
        }
    };
    sender.send_replace(Some(Exit { code }));
}

/// Does not block: the process has ended.
fn reap(mut child: Child) -> Option<i32> {
    match child.wait() {
        Ok(status) => status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal)),
        Err(error) => {
            tracing::warn!(%error, pid = child.id(), "cannot wait for a child");
            None
        }
    }
}
