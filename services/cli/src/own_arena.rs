//! An arena of one's own, for as long as a command runs: in a temporary folder, and surely gone afterwards.
//!
//! Invariant: who drops it without [`OwnArena::down`] (an error, a panic) stops it all the same.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::exit::{Exit, Failure};
use crate::up::background::own_program;

/// `arena up --wait` gives up after twice 30 s; this is more.
const START_LIMIT: Duration = Duration::from_secs(90);
/// Between two looks whether it has returned.
const START_POLL: Duration = Duration::from_millis(50);

/// An arena that this command started.
pub(crate) struct OwnArena {
    /// `None` once it was stopped, or kept.
    folder: Option<tempfile::TempDir>,
    /// The `arena up` that has not yet returned.
    starting: Option<Child>,
    /// Where its bus is.
    pub nats_url: String,
}

impl OwnArena {
    /// A folder for it; nothing runs yet.
    pub(crate) fn prepare(prefix: &str, nats_url: String) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        Ok(Self {
            folder: Some(folder),
            starting: None,
            nats_url,
        })
    }

    /// Where it keeps everything.
    pub(crate) fn data_dir(&self) -> &Path {
        self.folder
            .as_ref()
            .map_or(Path::new(""), |folder| folder.path())
    }

    /// `arena up` in it, healthy when this returns. `quiet`: what it says is told only when it fails.
    pub(crate) async fn up(&mut self, arguments: &[&str], quiet: bool) -> Result<(), Failure> {
        let up = ["up", "-d", "--wait", "--chaos", "--brief"];
        let mut command = self.command(&up)?;
        command.args(["--nats-url", &self.nats_url]).args(arguments);
        // A Ctrl-C is for this command: half a start would leave what nobody knows of.
        command.stdin(Stdio::null()).process_group(0);
        let log = self.data_dir().join("up.log");
        if quiet {
            // Not a pipe: who writes to one that nobody reads any more dies of it.
            command.stderr(File::create(&log)?);
        }
        let status = self.starting.insert(command.spawn()?).wait().await?;
        self.starting = None;
        if status.success() {
            return Ok(());
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let what = format!("the arena was not started ({status})\n{said}");
        Err(Exit::Failed.because(what.trim_end()))
    }

    /// Stops it; its folder goes with it.
    pub(crate) async fn down(mut self) -> Result<(), Failure> {
        self.stop().await?;
        self.folder = None;
        Ok(())
    }

    /// Stops it; its folder stays until this is dropped, for who wants to look at what is left.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        // A start that is still under way is waited for: what it has not begun yet cannot be stopped.
        if let Some(mut starting) = self.starting.take() {
            let _ = timeout(START_LIMIT, starting.wait()).await;
        }
        // What `arena down` says is for an arena that keeps its data.
        // In a group of its own: an impatient Ctrl-C is for us, and must not end what cleans up.
        let down = self.command(&["down"])?.process_group(0).output().await?;
        if down.status.success() || down.status.code() == Some(Exit::NotRunning as i32) {
            return Ok(());
        }
        eprint!("{}", String::from_utf8_lossy(&down.stderr));
        Err(self.keep(&format!("not stopped ({})", down.status)))
    }

    /// The same as in [`OwnArena::stop`], where nothing can be awaited.
    fn await_start(&mut self) {
        let looks = START_LIMIT.as_millis() / START_POLL.as_millis();
        let Some(mut starting) = self.starting.take() else {
            return;
        };
        for _ in 0..looks {
            match starting.try_wait() {
                Ok(None) => std::thread::sleep(START_POLL),
                _ => return,
            }
        }
    }

    /// Something may still run in it, and `arena down` needs what it holds.
    fn keep(&mut self, what: &str) -> Failure {
        let kept = self.folder.take().map(tempfile::TempDir::keep);
        let kept = kept.unwrap_or_default();
        Exit::Failed.because(format!(
            "{what}\n  mend: arena down --data-dir {}",
            kept.display()
        ))
    }

    /// This program once more, for the arena of this folder.
    fn command(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let mut command = Command::new(own_program()?);
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            // Somebody's own database is none for an arena that lasts for minutes.
            .env_remove("DATABASE_URL");
        Ok(command)
    }
}

impl Drop for OwnArena {
    fn drop(&mut self) {
        let is_used = self.starting.is_some() || self.data_dir().join("arena.lock").exists();
        if self.folder.is_none() || !is_used {
            return;
        }
        self.await_start();
        let down = own_program().and_then(|program| {
            let mut command = std::process::Command::new(program);
            command
                .args(["down", "--data-dir"])
                .arg(self.data_dir())
                .process_group(0);
            Ok(command.stdin(Stdio::null()).output()?)
        });
        let stopped = down.is_ok_and(|down| {
            down.status.success() || down.status.code() == Some(Exit::NotRunning as i32)
        });
        if !stopped {
            self.keep("not stopped").report();
        }
    }
}
