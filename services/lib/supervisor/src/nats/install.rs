//! Puts a fetched program into its folder, whole or not at all, and knows its checksum.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::FetchError;

/// The SHA-256 of `content`, in lower-case hex.
pub(super) fn sha256(content: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(content) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Refuses `content` unless it has the pinned checksum.
pub(super) fn verify(what: &str, content: &[u8], expected: &'static str) -> Result<(), FetchError> {
    let found = sha256(content);
    if found == expected {
        return Ok(());
    }
    Err(FetchError::Checksum {
        what: what.to_owned(),
        expected,
        found,
    })
}

/// Writes a program into `folder` under `name` by one rename, so that whoever looks sees all of it or none.
pub(super) fn put(folder: &Path, name: &str, content: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(0o755))?;
        file.sync_all()?;
        let path = folder.join(name);
        fs::rename(&unfinished, &path)?;
        Ok(path)
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_checksum_is_refused() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert!(verify("nothing", b"", empty).is_ok());
        assert!(matches!(
            verify("something", b"x", empty),
            Err(FetchError::Checksum { .. })
        ));
    }

    #[test]
    fn a_program_is_put_whole_and_can_be_run_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "program", b"old").unwrap();
        let path = put(folder.path(), "program", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(crate::program::is_executable(&path));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
