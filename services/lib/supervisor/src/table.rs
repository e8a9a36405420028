//! The process table, as far as this crate needs it: who a pid is, who belongs to a group, who was started with a mark
//! in its environment. Read straight from `/proc`; no answer is kept.
//!
//! A process that has ended but was not yet waited for (a zombie) counts as gone: it holds no port, file or lock.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Who a process is: a pid alone is given to others later, together with the start time it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub start_time: u64,
}

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) group: u32,
    pub(crate) start_time: u64,
    pub(crate) gone: bool,
}

/// Who has this pid now; `None` when nobody living does.
#[must_use]
pub fn identity_of(pid: u32) -> Option<Identity> {
    let stat = stat(pid).filter(|stat| !stat.gone)?;
    Some(Identity {
        pid,
        start_time: stat.start_time,
    })
}

/// Every process of ours to see that was started with `name=value` in its environment, except this one.
#[must_use]
pub fn with_environment(name: &str, value: &str) -> Vec<Identity> {
    let mark = format!("{name}={value}");
    pids()
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment
                    .split(|byte| *byte == 0)
                    .any(|entry| entry == mark.as_bytes())
            })
        })
        .filter_map(identity_of)
        .collect()
}

/// Whether anyone living is in this process group.
pub(crate) fn group_has_members(group: u32) -> bool {
    pids().any(|pid| stat(pid).is_some_and(|stat| stat.group == group && !stat.gone))
}

pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command line of a process, blanks between the arguments; its name when it has none (a kernel thread, a zombie).
pub(crate) fn command_line(pid: u32) -> Option<String> {
    let root = PathBuf::from(format!("/proc/{pid}"));
    let raw = std::fs::read(root.join("cmdline")).ok()?;
    let arguments: Vec<_> = raw
        .split(|byte| *byte == 0)
        .filter(|argument| !argument.is_empty())
        .map(String::from_utf8_lossy)
        .collect();
    if arguments.is_empty() {
        let name = std::fs::read_to_string(root.join("comm")).ok()?;
        return Some(format!("[{}]", name.trim_end()));
    }
    Some(arguments.join(" "))
}

pub(crate) fn pids() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The second field is the program's name in parentheses and may hold anything, also blanks and parentheses: what
/// follows its last `)` is safe to split.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Stat {
        gone: matches!(*fields.first()?, "Z" | "X"),
        group: fields.get(2)?.parse().ok()?,
        start_time: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) Z (b) S 1 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 3";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                group: 7,
                start_time: 987_654,
                gone: false
            })
        );
    }

    #[test]
    fn this_process_is_found_and_has_a_command_line() {
        let pid = std::process::id();
        assert_eq!(identity_of(pid), identity_of(pid));
        assert!(identity_of(pid).is_some());
        assert!(command_line(pid).is_some_and(|line| line.contains("arena_supervisor")));
    }
}
