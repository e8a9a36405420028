//! CPU, waits for a CPU, memory, open files and threads of each service: the sum over its process group.
//!
//! `/proc/PID/stat` is kept open and re-read (0.2 ms for 50 processes); the whole process table is only looked at for new
//! members of the groups now and then.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use arena_proto::Timestamp;

use super::waits::Waits;

/// How often the process table is looked at: a service's new child counts after this time at the latest. A look
/// takes a millisecond or two.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What one service uses.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    cpu_percent: f64,
    memory_bytes: f64,
    open_files: f64,
    threads: f64,
    /// `None` where the kernel does not count it.
    cpu_wait_percent: Option<f64>,
}

impl Usage {
    #[expect(clippy::cast_possible_truncation, reason = "samples travel as f32")]
    pub(super) fn values(&self) -> [f32; 5] {
        [
            self.cpu_percent,
            self.memory_bytes,
            self.open_files,
            self.threads,
            self.cpu_wait_percent.unwrap_or(f64::NAN),
        ]
        .map(|value| value as f32)
    }
}

#[derive(Debug)]
struct Member {
    pid: u32,
    stat: File,
    start_time: u64,
    waits: Waits,
    /// At the last reading; a new one has used what it used since its start.
    cpu_ticks: u64,
}

#[derive(Debug, Default)]
struct Group {
    leader: Option<u32>,
    members: Vec<Member>,
}

/// The process groups of the services.
#[derive(Debug)]
pub(super) struct Groups {
    services: Vec<Group>,
    looked_at: Option<Timestamp>,
    table: BTreeMap<(u32, u64), u64>,
    ticks_per_second: f64,
    page_bytes: f64,
}

impl Groups {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    pub(super) fn new(services: usize) -> Self {
        Self {
            services: (0..services).map(|_| Group::default()).collect(),
            looked_at: None,
            table: BTreeMap::new(),
            ticks_per_second: procfs::ticks_per_second() as f64,
            page_bytes: procfs::page_size() as f64,
        }
    }

    /// A process that joined a service's group.
    pub(super) fn add_member(&mut self, service: usize, pid: u32) {
        if let Some(group) = self.services.get_mut(service) {
            group.add(pid);
        }
    }

    /// What each service used since the last time; `None` where there is no process.
    pub(super) fn measure(
        &mut self,
        now: Timestamp,
        elapsed: Duration,
        leaders: &[Option<u32>],
    ) -> Vec<Option<Usage>> {
        let mut look = self
            .looked_at
            .is_none_or(|at| now.saturating_since(at) >= LOOK_EVERY);
        for (group, leader) in self.services.iter_mut().zip(leaders) {
            if group.leader != *leader {
                *group = Group {
                    leader: *leader,
                    members: Vec::new(),
                };
                look = true;
            }
        }
        if look {
            self.looked_at = Some(now);
            self.look();
        }
        let (ticks, page) = (self.ticks_per_second, self.page_bytes);
        self.services
            .iter_mut()
            .map(|group| group.measure(elapsed, ticks, page))
            .collect()
    }

    fn look(&mut self) {
        let by_leader: BTreeMap<u32, usize> = self
            .services
            .iter()
            .enumerate()
            .filter_map(|(index, group)| Some((group.leader?, index)))
            .collect();
        let all = readings_of_all();
        for (pid, reading) in &all {
            if let Some(index) = by_leader.get(&reading.group) {
                self.services[*index].add(*pid);
            }
        }
        let used = all
            .into_iter()
            .map(|(pid, reading)| ((pid, reading.start_time), reading.cpu_ticks));
        self.table = used.collect();
    }

    /// CPU ticks of every process (pid and start time) when the process table was last looked at, and when that was.
    pub(super) fn table(&self) -> (Option<Timestamp>, &BTreeMap<(u32, u64), u64>) {
        (self.looked_at, &self.table)
    }
}

impl Group {
    fn add(&mut self, pid: u32) {
        if self.members.iter().any(|member| member.pid == pid) {
            return;
        }
        // One that is gone by now has nothing to measure.
        let Ok(stat) = File::open(format!("/proc/{pid}/stat")) else {
            return;
        };
        if let Some(reading) = read(&stat) {
            // A leader's first second is not charged for its start.
            let cpu_ticks = reading.cpu_ticks;
            self.members.push(Member {
                pid,
                stat,
                start_time: reading.start_time,
                waits: Waits::new(pid, reading.threads),
                cpu_ticks,
            });
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "ticks and pages of one second, far below 2^52"
    )]
    fn measure(&mut self, elapsed: Duration, ticks_per_second: f64, page: f64) -> Option<Usage> {
        let mut usage = Usage::default();
        let seconds = elapsed.as_secs_f64().max(0.001);
        self.members.retain_mut(|member| {
            let same = |reading: &Reading| reading.start_time == member.start_time;
            let Some(reading) = read(&member.stat).filter(same) else {
                return false;
            };
            let ticks = reading.cpu_ticks.saturating_sub(member.cpu_ticks);
            member.cpu_ticks = reading.cpu_ticks;
            usage.cpu_percent += ticks as f64 / ticks_per_second / seconds * 100.0;
            usage.memory_bytes += reading.resident_pages as f64 * page;
            usage.threads += reading.threads as f64;
            usage.open_files += open_files(member.pid) as f64;
            if let Some(waited) = member.waits.measure(reading.threads, elapsed) {
                let percent = waited.as_secs_f64() / seconds * 100.0;
                usage.cpu_wait_percent = Some(usage.cpu_wait_percent.unwrap_or(0.0) + percent);
            }
            true
        });
        (!self.members.is_empty()).then_some(usage)
    }
}

struct Reading {
    group: u32,
    cpu_ticks: u64,
    threads: u64,
    start_time: u64,
    resident_pages: u64,
}

/// Fields as numbered in `proc_pid_stat(5)`; the name in parentheses may hold anything, so they are counted from its end.
fn read(stat: &File) -> Option<Reading> {
    let mut buffer = [0_u8; 1024];
    let length = stat.read_at(&mut buffer, 0).ok()?;
    let text = std::str::from_utf8(buffer.get(..length)?).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    // `nth` consumes: each number is the distance from the field before.
    let group = fields.nth(2)?.parse().ok()?; // 5 pgrp
    let user: u64 = fields.nth(8)?.parse().ok()?; // 14 utime
    let system: u64 = fields.next()?.parse().ok()?; // 15 stime
    let threads = fields.nth(4)?.parse().ok()?; // 20 num_threads
    let start_time = fields.nth(1)?.parse().ok()?; // 22 starttime
    let resident_pages = fields.nth(1)?.parse().ok()?; // 24 rss
    Some(Reading {
        group,
        cpu_ticks: user + system,
        threads,
        start_time,
        resident_pages,
    })
}

/// Linux 6.2 and newer give the number as the folder's size; before it is counted.
fn open_files(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/fd");
    match std::fs::metadata(&path).map(|folder| folder.len()) {
        Ok(0) => std::fs::read_dir(&path).map_or(0, |entries| entries.count() as u64),
        Ok(count) => count,
        Err(_) => 0,
    }
}

/// Every process and its group.
pub(crate) fn groups_of_all() -> Vec<(u32, u32)> {
    let all = readings_of_all().into_iter();
    all.map(|(pid, reading)| (pid, reading.group)).collect()
}

fn readings_of_all() -> Vec<(u32, Reading)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let stat = File::open(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, read(&stat)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_read_as_procfs_reads_it() {
        let pid = std::process::id();
        let ours = read(&File::open("/proc/self/stat").expect("stat")).expect("a reading");
        let theirs = procfs::process::Process::myself()
            .and_then(|me| me.stat())
            .expect("procfs");
        assert_eq!(i64::from(ours.group), i64::from(theirs.pgrp));
        assert_eq!(ours.start_time, theirs.starttime);
        assert!(ours.threads >= 1 && ours.resident_pages > 0);
        assert!(groups_of_all().contains(&(pid, ours.group)));
    }

    #[test]
    fn a_group_without_a_process_has_no_reading() {
        let mut groups = Groups::new(1);
        let usage = groups.measure(Timestamp::EPOCH, Duration::from_secs(1), &[None]);
        assert!(usage[0].is_none());
    }
}
