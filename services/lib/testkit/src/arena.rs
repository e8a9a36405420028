//! A whole arena as a person starts it: the real `arena` binary, on ports and in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::{free_port, temp_dir};

/// How an arena is to be started.
#[derive(Debug)]
pub struct ArenaBuilder {
    binary: PathBuf,
    config: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    gateway_port: Option<u16>,
}

/// A running arena. Ends with the value (`arena down`), also when the test panics.
#[derive(Debug)]
pub struct Arena {
    builder: ArenaBuilder,
    folder: TempDir,
    /// Where its bus is.
    pub nats_url: String,
}

impl ArenaBuilder {
    /// `binary` is `env!("CARGO_BIN_EXE_arena")`, or a binary that lies beside it; `config` an `arena.toml`; each number after `port = ` is replaced by a
    /// free port, so that tests do not meet.
    #[must_use]
    pub fn new(binary: &str, config: &str) -> Self {
        build_siblings();
        Self {
            binary: Path::new(binary).with_file_name("arena"),
            config: with_free_ports(config),
            arguments: Vec::new(),
            environment: Vec::new(),
            gateway_port: None,
        }
    }

    /// Adds an argument to `arena up`.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With a gateway, on a port of its own; without this there is none.
    #[must_use]
    pub fn gateway(mut self) -> Self {
        self.gateway_port = Some(free_port());
        self
    }

    /// Sets a variable for every `arena` command.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs `arena up -d --wait`, and checks that it went well.
    ///
    /// # Panics
    /// When it does not start: what it said, and its logs, are in the message.
    #[must_use]
    pub fn start(self) -> Arena {
        let arena = self.prepare();
        let output = arena.up(&["-d", "--wait"]);
        assert!(
            output.status.success(),
            "arena up: {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
            arena.logs()
        );
        arena
    }

    /// Everything but the start.
    ///
    /// # Panics
    /// When the folder cannot be written.
    #[must_use]
    pub fn prepare(self) -> Arena {
        let folder = temp_dir();
        std::fs::write(folder.path().join("arena.toml"), &self.config).expect("arena.toml");
        Arena {
            builder: self,
            folder,
            nats_url: format!("nats://127.0.0.1:{}", free_port()),
        }
    }
}

/// `arena status` tells of an arena that is not well, one that still starts among them, with this exit code, and answers.
const DEGRADED: i32 = 4;

impl Arena {
    /// `arena up` with this arena's settings and these further arguments.
    ///
    /// # Panics
    /// When the binary cannot be run.
    #[must_use]
    pub fn up(&self, arguments: &[&str]) -> Output {
        self.up_command(arguments).output().expect("arena runs")
    }

    /// The same as a command, to be spawned.
    #[must_use]
    pub fn up_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("up");
        match self.builder.gateway_port {
            Some(port) => command.args(["--gateway-port", &port.to_string()]),
            // Several would want the one default port.
            None => command.arg("--no-gateway"),
        };
        command
            .args(arguments)
            .args(&self.builder.arguments)
            .args(["--nats-url", &self.nats_url])
            .arg("--config")
            .arg(self.config_path())
            .arg("--data-dir")
            .arg(self.data_dir());
        command
    }

    /// Any other `arena` command; it finds the arena by `NATS_URL` and `ARENA_DATA_DIR`.
    ///
    /// # Panics
    /// When the binary cannot be run.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let (first, rest) = arguments.split_first().expect("a command");
        let mut command = self.command(first);
        command.args(rest);
        command.output().expect("arena runs")
    }

    /// A command's stdout as JSON.
    ///
    /// # Panics
    /// When the command fails or does not print JSON.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || output.status.code() == Some(DEGRADED),
            "arena {arguments:?}: {}\n{stderr}",
            output.status
        );
        serde_json::from_slice(&output.stdout).expect("stdout is JSON")
    }

    /// Where its gateway is: `http://127.0.0.1:<port>`.
    ///
    /// # Panics
    /// When it was built without [`ArenaBuilder::gateway`].
    #[must_use]
    pub fn gateway_url(&self) -> String {
        let port = self.builder.gateway_port.expect("an arena with a gateway");
        format!("http://127.0.0.1:{port}")
    }

    /// What all components said, for a test that failed.
    #[must_use]
    pub fn logs(&self) -> String {
        String::from_utf8_lossy(&self.run(&["logs"]).stdout).into_owned()
    }

    /// Its data.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its `arena.toml`.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.folder.path().join("arena.toml")
    }

    /// Its `arena.toml` as text.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.builder.config
    }

    /// Processes that were started for this arena and still run.
    #[must_use]
    pub fn leftovers(&self) -> Vec<String> {
        processes_naming(self.folder.path())
    }

    /// The processes of this arena that run the program of that name.
    #[must_use]
    pub fn processes_of(&self, program: &str) -> Vec<u32> {
        let runs_it = |process: &String| {
            let (pid, command) = process.split_once(' ')?;
            let path = command.split(' ').next()?;
            (Path::new(path).file_name()? == program).then(|| pid.parse().ok())?
        };
        self.leftovers().iter().filter_map(runs_it).collect()
    }

    /// Another program of Arena's, to be run beside this arena and on its bus.
    #[must_use]
    pub fn program(&self, name: &str) -> Command {
        self.on_this_bus(Path::new(&self.builder.binary).with_file_name(name))
    }

    fn command(&self, name: &str) -> Command {
        let mut command = self.on_this_bus(&self.builder.binary);
        command.arg(name);
        command
    }

    fn on_this_bus(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("NATS_URL", &self.nats_url)
            .env("ARENA_DATA_DIR", self.data_dir())
            .env("NO_COLOR", "1")
            // Everything that descends from here is found by it, whatever it is called.
            .env("ARENA_TEST_FOLDER", self.folder.path())
            .env_remove("DATABASE_URL")
            // With it `arena up` takes itself for started by `cargo run`, and builds what is built.
            .env_remove("CARGO")
            .env_remove("RUST_LOG")
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        for (name, value) in &self.builder.environment {
            command.env(name, value);
        }
        command
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // Nothing may be running any more, which is fine.
        let _ = self.run(&["down"]);
        for process in self.leftovers() {
            eprintln!("left behind by arena down: {process}");
        }
    }
}

/// `cargo test` builds the binaries of one package; an arena needs them all.
fn build_siblings() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--workspace", "--bins"]);
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        // What Cargo tells a test would make it believe that the build scripts' surroundings have changed: it would build half of
        // the workspace anew, for each crate whose tests start an arena.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let of_package = text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_");
            if of_package || text == "OUT_DIR" {
                command.env_remove(&name);
            }
        }
        let status = command.status().expect("cargo runs");
        assert!(status.success(), "the workspace's binaries do not build");
    });
}

fn with_free_ports(config: &str) -> String {
    let replaced = config.lines().map(|line| {
        if line.starts_with("port = ") {
            format!("port = {}\n", free_port())
        } else {
            format!("{line}\n")
        }
    });
    replaced.collect()
}

fn processes_naming(folder: &Path) -> Vec<String> {
    let name = folder.to_string_lossy().into_owned();
    let own = std::process::id().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    pids.filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()) && *pid != own)
        .filter_map(|pid| {
            let read =
                |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let environment = String::from_utf8_lossy(&read("environ")).into_owned();
            // A dead process that its parent has not yet waited for has neither.
            (command.contains(&name) || environment.contains(&name))
                .then(|| format!("{pid} {command}"))
        })
        .collect()
}
