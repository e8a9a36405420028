//! What the machine knows of processes and ports, read from /proc.

use std::collections::BTreeMap;
use std::fs;

/// The kernel's page; the same on every machine that Arena is tested on.
const PAGE_BYTES: u64 = 4096;

/// One process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) group: u32,
    /// As in /proc/PID/stat: `T` is stopped, `Z` is dead and not yet waited for.
    pub(crate) state: char,
    /// Clock ticks, user and system.
    pub(crate) cpu_ticks: u64,
    pub(crate) threads: u64,
    pub(crate) memory_mib: u64,
    pub(crate) command: String,
    environment: String,
}

impl Process {
    /// It was started for this service.
    fn serves(&self, folder: &str, node: &str, service: &str) -> bool {
        let has = |name: &str, value: &str| {
            let wanted = format!("{name}={value}");
            self.environment.split('\0').any(|entry| entry == wanted)
        };
        has("ARENA_TEST_FOLDER", folder) && has("ARENA_NODE", node) && has("ARENA_SERVICE", service)
    }

    pub(crate) fn names(&self, text: &str) -> bool {
        self.command.contains(text) || self.environment.contains(text)
    }

    pub(crate) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count)
    }
}

pub(crate) fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(read).collect()
}

fn read(pid: u32) -> Option<Process> {
    let text = |file: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let stat = text("stat")?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process {
        pid,
        state: fields.first()?.chars().next()?,
        group: u32::try_from(number(2)?).ok()?,
        cpu_ticks: number(11)? + number(12)?,
        threads: number(17)?,
        memory_mib: number(21)? * PAGE_BYTES / (1024 * 1024),
        command: text("cmdline")?.replace('\0', " "),
        environment: text("environ").unwrap_or_default(),
    })
}

/// The processes of a service: those in the group of the one that its node started; the leader first.
pub(crate) fn group_of(folder: &str, node: &str, service: &str) -> Vec<Process> {
    let all = processes();
    let leads =
        |process: &&Process| process.pid == process.group && process.serves(folder, node, service);
    // What is not yet the service after its fork is still named as the agent is.
    let Some(leader) = all.iter().find(leads).cloned() else {
        return Vec::new();
    };
    let others = all
        .into_iter()
        .filter(|process| process.group == leader.pid && process.pid != leader.pid);
    std::iter::once(leader.clone()).chain(others).collect()
}

/// Who listens on that port of loopback.
pub(crate) fn holder_of(port: u16) -> Option<Process> {
    let listening = listeners().remove(&port)?;
    let socket = format!("socket:[{listening}]");
    processes().into_iter().find(|process| {
        let files = fs::read_dir(format!("/proc/{}/fd", process.pid));
        files.is_ok_and(|files| {
            files.flatten().any(|file| {
                fs::read_link(file.path()).is_ok_and(|path| path.to_string_lossy() == socket)
            })
        })
    })
}

/// The inode of each listening socket.
fn listeners() -> BTreeMap<u16, String> {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let rows = table.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (_, port) = words.get(1)?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        (*words.get(3)? == LISTEN).then(|| (port, (*words.get(9).unwrap_or(&"")).to_owned()))
    });
    rows.collect()
}
