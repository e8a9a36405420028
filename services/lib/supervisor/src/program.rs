//! Where a program is: next to the one that runs, so that the parts of one build stay together, else in PATH.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The program to run for `name`; `name` itself when it holds a slash or is found nowhere, so that starting it gives the
/// operating system's own words.
#[must_use]
pub fn resolve(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| PathBuf::from(name))
}

/// The program called `name`, if there is one. A name with a slash is taken as it is.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_executable(path));
    }
    sibling(name).or_else(|| in_path(name))
}

/// The program of this name next to the running one.
#[must_use]
pub fn sibling(name: &str) -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    let folder = executable.parent()?;
    // Cargo puts test binaries one folder below the programs that they test.
    let folder = if folder.ends_with("deps") {
        folder.parent()?
    } else {
        folder
    };
    Some(folder.join(name)).filter(|path| is_executable(path))
}

/// The first program of this name in PATH.
#[must_use]
pub fn in_path(name: &str) -> Option<PathBuf> {
    all_in_path(name).next()
}

/// Every program of this name in PATH, in its order.
pub fn all_in_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let folders: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).collect())
        .unwrap_or_default();
    let name = name.to_owned();
    folders
        .into_iter()
        .map(move |folder| folder.join(&name))
        .filter(|path| is_executable(path))
}

/// Whether this is a file that somebody may run.
#[must_use]
pub fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
