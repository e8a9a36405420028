//! What goes to files: in one step each, to where it is known before the first run that it can be written.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::exit::{Exit, Failure};

/// Makes the folder, and sees that files can be made in it: a benchmark takes minutes, and nobody wants to hear it only then.
pub(super) fn prepare(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)
        .and_then(|()| try_at(&folder.join("probe")))
        .map_err(|error| {
            Exit::Usage.because(format!(
                "cannot write into {}: {error}\n  mend: choose another folder with --out",
                folder.display()
            ))
        })
}

/// Sees that the file can be made, or replaced.
pub(super) fn prepare_file(path: &Path) -> Result<(), Failure> {
    let tried = if path.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        try_at(path)
    };
    tried.map_err(|error| {
        Exit::Usage.because(format!(
            "cannot write {}: {error}\n  mend: name a file in a folder that is there with --out",
            path.display()
        ))
    })
}

/// What is written there is begun, and taken away.
fn try_at(path: &Path) -> io::Result<()> {
    let unfinished = unfinished(path);
    fs::write(&unfinished, "").and_then(|()| fs::remove_file(&unfinished))
}

/// Beside the file, in the same file system: a name that nobody else gives, nor another run that writes the same file.
fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.unfinished", std::process::id()))
}

/// Writes a file: a reader sees all of it or nothing.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let unfinished = unfinished(path);
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|error| Exit::Failed.because(format!("cannot write {}: {error}", path.display())))
}

/// As JSON, with a line break at the end.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
