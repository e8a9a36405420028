//! `CLEAN_DISK`: deletes what a service's `clean` patterns match below its working folder.
//!
//! Invariants: nothing outside the folder is touched, whatever is renamed meanwhile: each folder is opened below the one
//! before it, and no symbolic link is followed; only regular files are deleted, at most [`FILES_MAX`] an action.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::Errno;

/// Files deleted by one action: a second's work. What is left is for the next one.
const FILES_MAX: u64 = 10_000;
/// Names looked at by one action, so that a folder without end does not keep it for ever.
const NAMES_MAX: u64 = 200_000;

#[derive(Debug, Default)]
struct Tally {
    names: u64,
    files: u64,
    bytes: u64,
    /// The first thing that could not be done.
    trouble: Option<String>,
}

/// What was deleted, or why nothing was. Blocks.
pub(crate) fn clean(folder: &Path, patterns: &[String]) -> Result<String, String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, folder, flags, Mode::empty())
        .map_err(|error| format!("cannot open {}: {error}", folder.display()))?;
    let mut tally = Tally::default();
    for pattern in patterns {
        let parts: Vec<&str> = pattern.split('/').collect();
        let safe = |part: &&str| !matches!(*part, "" | "." | "..");
        if parts.iter().all(safe) {
            tally.descend(&root, &parts);
        }
    }
    tally.told(folder, patterns)
}

impl Tally {
    fn told(self, folder: &Path, patterns: &[String]) -> Result<String, String> {
        let but = self
            .trouble
            .map(|trouble| format!("; but {trouble}"))
            .unwrap_or_default();
        if self.files == 0 {
            let (patterns, folder) = (patterns.join(", "), folder.display());
            return Err(format!("no file of {folder} matches {patterns}{but}"));
        }
        let more = if self.files >= FILES_MAX {
            "; there may be more"
        } else {
            ""
        };
        let Self { files, bytes, .. } = self;
        Ok(format!("deleted {files} files, {bytes} bytes{more}{but}"))
    }

    fn is_full(&self) -> bool {
        self.files >= FILES_MAX || self.names >= NAMES_MAX
    }

    fn trouble(&mut self, name: &str, error: Errno) {
        // What went away by itself is what is wanted.
        if error != Errno::NOENT && self.trouble.is_none() {
            self.trouble = Some(format!("{name}: {error}"));
        }
    }

    fn descend(&mut self, folder: &OwnedFd, parts: &[&str]) {
        let Some((part, below)) = parts.split_first() else {
            return;
        };
        let entries = match Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(error) => return self.trouble(part, error),
        };
        for entry in entries.flatten() {
            if self.is_full() {
                return;
            }
            self.names += 1;
            // What is not UTF-8 cannot be written in a pattern either.
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if name == "." || name == ".." || !matches_name(part, name) {
                continue;
            }
            let done = if below.is_empty() {
                self.delete(folder, name)
            } else {
                self.enter(folder, name, below)
            };
            if let Err(error) = done {
                self.trouble(name, error);
            }
        }
    }

    fn enter(&mut self, folder: &OwnedFd, name: &str, below: &[&str]) -> Result<(), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(folder, name, flags, Mode::empty()) {
            Ok(inner) => self.descend(&inner, below),
            // No folder, or a link to one.
            Err(Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn delete(&mut self, folder: &OwnedFd, name: &str) -> Result<(), Errno> {
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        unlinkat(folder, name, AtFlags::empty())?;
        self.files += 1;
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
        Ok(())
    }
}

/// `*` stands for any characters, `?` for one; a hidden file needs its dot written, as in a shell.
fn matches_name(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last star was, and how much of the name it takes.
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[of] => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    at = star_at + 1;
                    of = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, matches) in [
            ("*.tmp", "a.tmp", true),
            ("*.tmp", ".tmp", false),
            (".*", ".tmp", true),
            ("a?c*", "abcd", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b", "abc", false),
            ("x", "x", true),
            ("", "x", false),
        ] {
            assert_eq!(matches_name(pattern, name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn only_matching_regular_files_below_the_folder_go() {
        let outer = tempfile::tempdir().expect("a folder");
        let root = outer.path().join("work");
        fs::create_dir_all(root.join("cache/deep")).expect("folders");
        fs::create_dir_all(outer.path().join("other")).expect("a folder");
        let kept = [
            "work/cache/a.txt",
            "work/cache/deep/d.tmp",
            "other/precious.tmp",
        ];
        let gone = ["work/cache/a.tmp", "work/cache/b.tmp"];
        for path in kept.iter().chain(&gone) {
            fs::write(outer.path().join(path), "12345").expect("a file");
        }
        let link = std::os::unix::fs::symlink::<_, std::path::PathBuf>;
        link(outer.path().join("other"), root.join("linked")).expect("a link");
        link(
            outer.path().join("other/precious.tmp"),
            root.join("cache/c.tmp"),
        )
        .expect("a link");
        let patterns = [
            "cache/*.tmp",
            "linked/*.tmp",
            "../other/*.tmp",
            "cache/deep",
        ];
        let patterns = patterns.map(str::to_owned);
        let told = clean(&root, &patterns).expect("something to delete");
        assert_eq!(told, "deleted 2 files, 10 bytes");
        for path in kept {
            assert!(outer.path().join(path).exists(), "{path}");
        }
        assert!(root.join("cache/c.tmp").is_symlink());
        assert!(clean(&root, &patterns).is_err_and(|why| why.contains("no file")));
    }
}
