//! What goes to files: in one step each, into a folder of which it is known before the first run that it takes them.

use std::fs;
use std::path::Path;

use crate::exit::{Exit, Failure};

/// Makes the folder, and sees that files can be made in it: a benchmark takes minutes, and nobody wants to hear it only then.
pub(super) fn prepare(folder: &Path) -> Result<(), Failure> {
    let probe = folder.join(".arena-can-write");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&probe, ""))
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| {
            Exit::Usage.because(format!(
                "cannot write into {}: {error}\n  mend: choose another folder with --out",
                folder.display()
            ))
        })
}

/// Writes a file: a reader sees all of it or nothing.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let unfinished = path.with_extension("new");
    fs::write(&unfinished, text)
        .and_then(|()| fs::rename(&unfinished, path))
        .map_err(|error| Exit::Failed.because(format!("cannot write {}: {error}", path.display())))
}

/// As JSON, with a line break at the end.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
