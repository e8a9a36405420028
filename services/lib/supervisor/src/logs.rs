//! Log files that do not grow without limit.
//!
//! A child writes to a descriptor that it keeps, so a file cannot be renamed away under it: its content is copied to
//! `<path>.1` and the file is cut to nothing. The child must have it open for appending, as `spawn` does.
//! What the child writes between the last copied byte and the cut is lost; that is microseconds, at the limit only.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Rotates the log when it is larger than `limit_bytes`: its content goes to `<path>.1`, an older `.1` to `.2` and so on,
/// `keep` old files in all; 0 keeps none. Returns whether it rotated. A log that is not there needs nothing.
pub fn rotate_if_larger(path: &Path, limit_bytes: u64, keep: u32) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > limit_bytes => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let mut log = OpenOptions::new().read(true).write(true).open(path)?;
    if keep > 0 {
        for number in (1..keep).rev() {
            rename_if_there(&numbered(path, number), &numbered(path, number + 1))?;
        }
        copy_to_the_end(&mut log, &numbered(path, 1))?;
    }
    log.set_len(0)?;
    Ok(true)
}

/// The `number`th old file of a log.
#[must_use]
pub fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// A child that writes as fast as we copy would keep us here for ever: after the second round it is cut anyway.
fn copy_to_the_end(log: &mut File, to: &Path) -> io::Result<()> {
    let mut copy = File::create(to)?;
    let length = log.metadata()?.len();
    io::copy(&mut io::Read::take(&mut *log, length), &mut copy)?;
    let grown = log.metadata()?.len().saturating_sub(length);
    io::copy(&mut io::Read::take(&mut *log, grown), &mut copy)?;
    Ok(())
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
