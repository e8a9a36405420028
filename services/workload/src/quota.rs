//! How full a folder is: by its quota where it has one, else by its disk.
//!
//! A file `quota` in the folder says how many bytes everything in it may be. The operating system has no such quota for a folder; who
//! writes there keeps to it by [`check`], and fails as the system would let it fail.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// The file that holds the number.
const FILE_NAME: &str = "quota";
/// Names looked at, so that a folder without end keeps nobody for ever; a ledger's has four.
const NAMES_MAX: usize = 10_000;

/// `ENOSPC` when `more` bytes exceed the quota.
pub(crate) fn check(folder: &Path, more: u64) -> io::Result<()> {
    match read(folder) {
        Some(quota) if used(folder).saturating_add(more) > quota => Err(Errno::NOSPC.into()),
        _ => Ok(()),
    }
}

/// What the folder uses of what it could use: of its quota, else of what is free on its disk besides. `None`: nobody can tell.
pub(crate) fn used_percent(folder: &Path) -> Option<f64> {
    let used = used(folder);
    let all = match read(folder) {
        Some(quota) => quota,
        None => used.saturating_add(free(folder)?),
    };
    Some(as_f64(used.min(all)) / as_f64(all).max(1.0) * 100.0)
}

/// A file that holds no number is no quota.
fn read(folder: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(folder.join(FILE_NAME)).ok()?;
    text.trim().parse().ok()
}

/// Bytes of all regular files in the folder and below.
fn used(folder: &Path) -> u64 {
    let mut bytes = 0_u64;
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let mut names = 0;
    while let Some(entries) = folders.pop().map(std::fs::read_dir) {
        // What vanishes meanwhile uses nothing.
        for entry in entries.into_iter().flatten().flatten() {
            names += 1;
            if names > NAMES_MAX {
                return bytes;
            }
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) if found.is_file() => bytes = bytes.saturating_add(found.len()),
                _ => {}
            }
        }
    }
    bytes
}

/// What a user without privileges may still write to the disk, in bytes.
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of two counts of bytes, told in percent"
)]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_folder_and_below_counts_against_the_quota() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("scratch")).unwrap();
        std::fs::write(root.join("scratch/flt-1.fill"), [0; 900]).unwrap();
        assert!(check(root, u64::MAX).is_ok(), "no quota");
        assert!(used_percent(root).unwrap() < 1.0, "most of a disk is free");

        std::fs::write(root.join("quota"), "1000\n").unwrap();
        // 900 and the 5 of the quota itself.
        assert!(check(root, 95).is_ok());
        assert_eq!(
            check(root, 96).unwrap_err().raw_os_error(),
            Some(Errno::NOSPC.raw_os_error())
        );
        assert_eq!(used_percent(root).map(f64::round), Some(91.0));

        std::fs::remove_file(root.join("scratch/flt-1.fill")).unwrap();
        assert!(check(root, 995).is_ok());
        std::fs::write(root.join("quota"), "rubbish").unwrap();
        assert!(check(root, u64::MAX).is_ok());
    }
}
