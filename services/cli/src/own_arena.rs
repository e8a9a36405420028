//! An arena of one's own, for as long as a command runs: in a temporary folder, and surely gone afterwards.
//!
//! Invariant: who drops it without [`OwnArena::down`] (an error, a panic) stops it all the same.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::exit::{Exit, Failure};

/// An arena that this command started.
pub(crate) struct OwnArena {
    /// `None` once it was stopped, or kept.
    folder: Option<tempfile::TempDir>,
    /// Where its bus is.
    pub nats_url: String,
}

impl OwnArena {
    /// A folder for it; nothing runs yet.
    pub(crate) fn prepare(prefix: &str, nats_url: String) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
        Ok(Self {
            folder: Some(folder),
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
    pub(crate) async fn up(&self, arguments: &[&str], quiet: bool) -> Result<(), Failure> {
        let up = ["up", "-d", "--wait", "--chaos", "--brief"];
        let mut command = self.command(&up)?;
        command.args(["--nats-url", &self.nats_url]).args(arguments);
        if !quiet {
            let status = command.status().await?;
            return if status.success() {
                Ok(())
            } else {
                Err(Exit::Failed.because(format!("the arena was not started ({status})")))
            };
        }
        let output = command.stdin(Stdio::null()).output().await?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Exit::Failed.because(format!("the arena was not started:\n{}", said.trim_end())))
    }

    /// Stops it; its folder goes with it.
    pub(crate) async fn down(mut self) -> Result<(), Failure> {
        self.stop().await?;
        self.folder = None;
        Ok(())
    }

    /// Stops it; its folder stays until this is dropped, for who wants to look at what is left.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        // What `arena down` says is for an arena that keeps its data.
        let down = self.command(&["down"])?.output().await?;
        if down.status.success() || down.status.code() == Some(Exit::NotRunning as i32) {
            return Ok(());
        }
        eprint!("{}", String::from_utf8_lossy(&down.stderr));
        Err(self.keep(&format!("not stopped ({})", down.status)))
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
        let mut command = Command::new(std::env::current_exe()?);
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
        if self.folder.is_none() || !self.data_dir().join("arena.lock").exists() {
            return;
        }
        let down = std::env::current_exe().and_then(|program| {
            let mut command = std::process::Command::new(program);
            command.args(["down", "--data-dir"]).arg(self.data_dir());
            command.stdin(Stdio::null()).output()
        });
        let stopped = down.is_ok_and(|down| {
            down.status.success() || down.status.code() == Some(Exit::NotRunning as i32)
        });
        if !stopped {
            self.keep("not stopped").report();
        }
    }
}
