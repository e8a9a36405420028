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
    let up = ["up", "-d", "--wait", "--chaos", "--nats-url", &own.nats_url];
    let started = tokio::select! {
        started = arena(&up, own.folder.path()) => started,
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
        let stopped = arena(&["down"], self.folder.path()).await;
        if stopped.is_err() {
            // Something may still run in it, and `arena down` needs what it holds.
            let kept = self.folder.keep();
            eprintln!(
                "arena: not stopped: arena down --data-dir {}",
                kept.display()
            );
        }
        stopped
    }
}

async fn arena(arguments: &[&str], data_dir: &Path) -> Result<(), Failure> {
    let program = std::env::current_exe()?;
    let status = Command::new(program)
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .status()
        .await?;
    if status.success() {
        return Ok(());
    }
    Err(Exit::Failed.because(format!("`arena {}` failed ({status})", arguments.join(" "))))
}
