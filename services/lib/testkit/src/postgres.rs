//! A real PostgreSQL server, one per test: its own cluster in a temporary folder, on a loopback port of its own.
//!
//! PostgreSQL is not everywhere, and it refuses to run as root: where its programs are missing [`try_start`] says so,
//! loudly, and gives `None`; where the tests run as root its programs run as `postgres` or `nobody`.
//!
//! [`try_start`]: PostgresServer::try_start

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{free_port, temp_dir};

/// The superuser of the cluster.
const USER: &str = "arena";
/// A text that occurs nowhere else, so that a test can look for it in messages.
const PASSWORD: &str = "s3cret";
/// How long the server may take to start or stop: far more than it does on a busy machine.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A running PostgreSQL server. Ends with the value, also when the test panics.
#[derive(Debug)]
pub struct PostgresServer {
    /// `postgres://USER:PASSWORD@127.0.0.1:PORT/postgres`, a superuser's.
    pub url: String,
    /// What must not be in any message.
    pub password: &'static str,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl PostgresServer {
    /// Starts one, and waits until it answers; `None`, and a word on stderr that no test runner hides, where there is no
    /// PostgreSQL.
    ///
    /// # Panics
    /// When PostgreSQL is there and does not start.
    #[must_use]
    pub fn try_start() -> Option<Self> {
        let Some(programs) = programs() else {
            // Not `eprintln!`: the test runner would keep that to itself.
            let _ = std::io::stderr().write_all(
                b"\n*** NOT TESTED ON POSTGRESQL: neither PATH nor /usr/lib/postgresql/*/bin has initdb and postgres.\n\
                  *** Install it (Debian: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew \
                  install postgresql) and run the tests again.\n\n",
            );
            return None;
        };
        let port = free_port();
        let mut server = Self {
            url: format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"),
            password: PASSWORD,
            programs,
            user: unprivileged_user(),
            folder: temp_dir(),
            port,
            child: None,
        };
        server.make_cluster();
        server.start();
        Some(server)
    }

    /// Stops it as an operator would (SIGINT: connections are cut), and waits until it is gone. Its data stays.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop(&mut self) {
        assert!(self.end("-INT"), "PostgreSQL did not stop:\n{}", self.log());
    }

    /// Starts it again, on the same port and data.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&mut self) {
        let log = File::create(self.path("postgres.log")).expect("postgres.log");
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.path("data"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            // No Unix socket: its path would have to be short.
            .args(["-c", "unix_socket_directories="])
            // The data does not outlive the test, and a test does not take what a server does.
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "shared_buffers=16MB", "-c", "max_connections=30"])
            .stdout(log.try_clone().expect("postgres.log"))
            .stderr(log);
        self.child = Some(command.spawn().expect("postgres starts"));
        let ready = wait(|| {
            let exited = self.child.as_mut().and_then(|child| child.try_wait().ok());
            assert!(
                exited.flatten().is_none(),
                "PostgreSQL ended:\n{}",
                self.log()
            );
            self.log().contains("ready to accept connections")
        });
        assert!(ready, "PostgreSQL did not start:\n{}", self.log());
    }

    /// What it says, for a test that failed.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("postgres.log")).unwrap_or_default()
    }

    fn make_cluster(&self) {
        if let Some((user, group)) = self.user {
            std::os::unix::fs::chown(self.folder.path(), Some(user), Some(group))
                .expect("root may give folders away");
        }
        let password_file = self.path("password");
        std::fs::write(&password_file, PASSWORD).expect("password file");
        let made = self
            .command("initdb")
            .arg("-D")
            .arg(self.path("data"))
            .args(["-U", USER, "--auth=scram-sha-256", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "--no-instructions"])
            .arg("--pwfile")
            .arg(password_file)
            .output()
            .expect("initdb runs");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "initdb failed:\n{said}");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .stdin(Stdio::null())
            .current_dir(self.folder.path())
            .env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.gid(group).uid(user);
        }
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sends a signal to the server and waits for its end.
    fn end(&mut self, signal: &str) -> bool {
        let Some(mut child) = self.child.take() else {
            return true;
        };
        let pid = child.id().to_string();
        // It may be dead already, which is what is wanted.
        let _ = Command::new("kill").args([signal, &pid]).status();
        let ended = wait(|| matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
        if !ended {
            let _ = child.kill();
            let _ = child.wait();
        }
        ended
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // SIGQUIT ends it and all its processes at once; its data is thrown away anyhow.
        self.end("-QUIT");
    }
}

fn wait(mut condition: impl FnMut() -> bool) -> bool {
    let looks = WAIT_MAX.as_millis() / LOOK_EVERY.as_millis();
    (0..looks).any(|_| {
        let done = condition();
        if !done {
            std::thread::sleep(LOOK_EVERY);
        }
        done
    })
}

/// The folder with `initdb` and `postgres`: one in PATH, else the newest that Debian knows.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let mut debian: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|version| {
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .collect();
    debian.sort();
    folders.extend(debian.into_iter().rev().map(|(_, folder)| folder));
    let has = |folder: &Path, program: &str| folder.join(program).is_file();
    folders
        .into_iter()
        .find(|folder| has(folder, "initdb") && has(folder, "postgres"))
}

/// Who runs the server, as user and group ids, when the tests run as root.
fn unprivileged_user() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"].iter().find_map(|wanted| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(wanted))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}
