//! The demo's own arena: in a temporary folder, and gone when the demo ends.

use std::path::Path;

use arena_bus::NatsArgs;
use tokio::process::Command;

use crate::client;
use crate::exit::{Exit, Failure};

/// An arena that the demo started.
pub(crate) struct OwnArena {
    folder: tempfile::TempDir,
    nats_url: String,
}

/// Starts an arena unless one runs at this address.
pub(crate) async fn start_if_none_runs(nats: &NatsArgs) -> Result<Option<OwnArena>, Failure> {
    match client::connect(nats).await {
        Ok(_) => {
            eprintln!("using the arena that runs at {}", nats.nats_url);
            return Ok(None);
        }
        Err(failure) if failure.exit == Exit::NotRunning => {}
        Err(failure) => return Err(failure),
    }
    let folder = tempfile::Builder::new().prefix("arena-demo-").tempdir()?;
    eprintln!(
        "no arena runs at {}: starting one in {}",
        nats.nats_url,
        folder.path().display()
    );
    let own = OwnArena {
        folder,
        nats_url: nats.nats_url.clone(),
    };
    let up = [
        "up",
        "-d",
        "--wait",
        "--chaos",
        "--brief",
        "--nats-url",
        &own.nats_url,
    ];
    let started = tokio::select! {
        started = run(arena(&up, own.folder.path())?) => started,
        _ = tokio::signal::ctrl_c() => Err(Exit::Interrupted.because("interrupted")),
    };
    if let Err(failure) = started {
        // A start that failed half-way may have left something running. That nothing was is no second failure.
        let _ = own.stop().await;
        return Err(failure);
    }
    Ok(Some(own))
}

impl OwnArena {
    /// Stops it; its folder goes with it.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        // What `arena down` says is for an arena that keeps its data.
        let down = arena(&["down"], self.folder.path())?.output().await?;
        if down.status.success() {
            eprintln!("stopped the arena, and removed its folder");
            return Ok(());
        }
        // Something may still run in it, and `arena down` needs what it holds.
        let kept = self.folder.keep();
        eprint!("{}", String::from_utf8_lossy(&down.stderr));
        Err(Exit::Failed.because(format!(
            "not stopped ({})\n  mend: arena down --data-dir {}",
            down.status,
            kept.display()
        )))
    }
}

/// This program once more, for the arena of this folder.
fn arena(arguments: &[&str], data_dir: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).arg("--data-dir").arg(data_dir);
    Ok(command)
}

async fn run(mut command: Command) -> Result<(), Failure> {
    let status = command.status().await?;
    if status.success() {
        return Ok(());
    }
    Err(Exit::Failed.because(format!("the arena was not started ({status})")))
}
