//! A real nats-server, one per test, on a port and a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use arena_supervisor::nats::{self, FetchOptions};

use tempfile::TempDir;

use crate::{free_port, signal, temp_dir, wait_for};

/// The configuration of the project, as `arena up` uses it.
const NATS_CONF: &str = include_str!("../../../../nats.conf");

/// A running nats-server with the project's `nats.conf`. Ends with the value, also when the test panics.
#[derive(Debug)]
pub struct NatsServer {
    binary: PathBuf,
    port: u16,
    folder: TempDir,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts one, and waits until it answers. Streams are the caller's: `Bus::ensure_streams`.
    ///
    /// # Panics
    /// When there is no nats-server, or it does not start: a test cannot go on without.
    pub async fn start() -> Self {
        let mut server = Self {
            binary: binary(),
            port: free_port(),
            folder: temp_dir(),
            child: None,
        };
        std::fs::write(server.folder.path().join("nats.conf"), NATS_CONF).expect("nats.conf");
        server.restart().await;
        server
    }

    /// Where it listens: `nats://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port, the same after a restart.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What it says, for a test that failed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("nats.log")).unwrap_or_default()
    }

    /// Ends it as an operator would (SIGTERM), and waits until it is gone. Its data stays.
    ///
    /// # Panics
    /// When `kill` cannot be run.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal("-TERM", &[child.id()]);
            wait_for("nats-server to stop", async || {
                child.try_wait().ok().flatten()
            })
            .await;
        }
    }

    /// Kills it (SIGKILL), as a crash would. Its data stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be dead already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it where it is (SIGSTOP): connections stay, and nobody answers.
    ///
    /// # Panics
    /// When `kill` cannot be run.
    pub fn pause(&self) {
        if let Some(child) = &self.child {
            signal("-STOP", &[child.id()]);
        }
    }

    /// Lets it go on after [`NatsServer::pause`].
    ///
    /// # Panics
    /// When `kill` cannot be run.
    pub fn resume(&self) {
        if let Some(child) = &self.child {
            signal("-CONT", &[child.id()]);
        }
    }

    /// Starts it again on the same port and data; what still runs is stopped first.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        self.stop().await;
        let folder = self.folder.path();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("nats.log"))
            .expect("nats.log");
        let child = Command::new(&self.binary)
            .args(["-a", "127.0.0.1", "-p", &self.port.to_string()])
            .arg("-c")
            .arg(folder.join("nats.conf"))
            .arg("-sd")
            .arg(folder.join("store"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("nats.log"))
            .stderr(log)
            .spawn()
            .expect("nats-server starts");
        // Kept before anything can panic: it ends with this value.
        let child = self.child.insert(child);
        let path = folder.join("nats.log");
        wait_for("nats-server to listen", async || {
            let log = std::fs::read_to_string(&path).unwrap_or_default();
            let exited = child.try_wait().ok().flatten();
            assert!(exited.is_none(), "nats-server ended:\n{log}");
            // The log outlives a restart: what counts is the last start.
            let since = log.rfind("Starting nats-server").unwrap_or(0);
            log[since..].contains("Server is ready").then_some(())
        })
        .await;
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Found once a test program; fetched when there is none.
fn binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../.tools");
        let options = FetchOptions {
            folders: vec![folder],
            fetch: true,
            note: |line| eprintln!("{line}"),
        };
        let found = nats::find_or_fetch(&options);
        found.unwrap_or_else(|error| panic!("{error}")).path
    };
    BINARY.get_or_init(find).clone()
}
