//! How long a process's threads were runnable and waited for a CPU: the second field of `/proc/PID/task/TID/schedstat`,
//! in nanoseconds (Documentation/scheduler/sched-stats.rst of the kernel).
//!
//! Cheap: the files of the first threads are kept open and re-read (1 µs each); the folder of threads is only listed
//! again when their number has changed or one is gone.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

/// Files kept open for one process; further threads' are opened each time, at some 5 µs. Fifty services of this many
/// threads stay far below the usual 1024 descriptors.
const KEPT_OPEN_MAX: usize = 4;
/// Threads of one process that are looked at: a pool of more waits as its first ones do, and a second's look at them
/// stays near a millisecond.
const THREADS_MAX: usize = 256;

#[derive(Debug)]
struct Thread {
    id: u32,
    kept: Option<File>,
    /// At the last reading.
    waited_ns: u64,
}

/// The waits of one process's threads.
#[derive(Debug)]
pub(super) struct Waits {
    pid: u32,
    threads: Vec<Thread>,
    /// As `/proc/PID/stat` had it when they were listed.
    listed: u64,
}

impl Waits {
    /// From now on; what was waited before does not count.
    pub(super) fn new(pid: u32, threads: u64) -> Self {
        let mut waits = Self {
            pid,
            threads: Vec::new(),
            listed: threads,
        };
        waits.list(true);
        waits
    }

    /// What was waited since the last time, by all threads together; `None` where the kernel does not count it.
    pub(super) fn measure(&mut self, threads: u64, elapsed: Duration) -> Option<Duration> {
        if threads != self.listed {
            self.listed = threads;
            self.list(false);
        }
        // One that began since was not there for longer, and no thread waits for more than the time that passed.
        let most = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let mut sum: Option<u64> = None;
        let before = self.threads.len();
        let pid = self.pid;
        self.threads.retain_mut(|thread| {
            let Some(reading) = thread.read(pid) else {
                return false;
            };
            if let Some(waited_ns) = reading.waited_ns() {
                let waited = waited_ns.saturating_sub(thread.waited_ns).min(most);
                thread.waited_ns = waited_ns;
                sum = Some(sum.unwrap_or(0).saturating_add(waited));
            }
            true
        });
        if self.threads.len() < before {
            // Another may have taken its place: with the next look.
            self.listed = 0;
        }
        sum.map(Duration::from_nanos)
    }

    fn list(&mut self, first: bool) {
        let Ok(folder) = std::fs::read_dir(format!("/proc/{}/task", self.pid)) else {
            return;
        };
        let ids = folder
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .take(THREADS_MAX);
        for id in ids {
            if self.threads.iter().any(|thread| thread.id == id) {
                continue;
            }
            let mut thread = Thread {
                id,
                kept: None,
                waited_ns: 0,
            };
            if self.threads.len() < KEPT_OPEN_MAX {
                thread.kept = thread.open(self.pid);
            }
            if first {
                let reading = thread.read(self.pid);
                thread.waited_ns = reading.and_then(|it| it.waited_ns()).unwrap_or(0);
            }
            self.threads.push(thread);
        }
    }
}

impl Thread {
    fn open(&self, pid: u32) -> Option<File> {
        File::open(format!("/proc/{pid}/task/{}/schedstat", self.id)).ok()
    }

    /// `None` when it is gone, or there is no such file.
    fn read(&self, pid: u32) -> Option<Reading> {
        match &self.kept {
            Some(file) => Reading::of(file),
            None => Reading::of(&self.open(pid)?),
        }
    }
}

/// Time on a CPU, time waited for one, and turns.
struct Reading([u64; 3]);

impl Reading {
    fn of(file: &File) -> Option<Self> {
        let mut buffer = [0_u8; 128];
        let length = file.read_at(&mut buffer, 0).ok()?;
        let text = std::str::from_utf8(buffer.get(..length)?).ok()?;
        let mut fields = text.split_ascii_whitespace().map(str::parse);
        let mut next = || fields.next()?.ok();
        Some(Self([next()?, next()?, next()?]))
    }

    /// A kernel that does not count shows zeroes, also of what has run.
    fn waited_ns(&self) -> Option<u64> {
        let Self([_, waited, turns]) = *self;
        (turns > 0).then_some(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_share_one_cpu_wait_for_each_other() {
        let cpu = rustix::thread::sched_getaffinity(None).expect("the CPUs of this thread");
        let first = (0..rustix::thread::CpuSet::MAX_CPU).find(|at| cpu.is_set(*at));
        let mut one = rustix::thread::CpuSet::new();
        one.set(first.expect("a CPU"));
        let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let mut waits = Waits::new(std::process::id(), 0);
        let burners: Vec<_> = (0..3)
            .map(|_| {
                let done = std::sync::Arc::clone(&done);
                std::thread::spawn(move || {
                    rustix::thread::sched_setaffinity(None, &one).expect("its own affinity");
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        let mut waited = Duration::ZERO;
        // Whatever else runs here: three that burn on one CPU wait two thirds of the time.
        for looks in 0.. {
            std::thread::sleep(Duration::from_millis(20));
            waited += waits
                .measure(looks, Duration::from_secs(1))
                .unwrap_or_default();
            if waited > Duration::from_millis(100) {
                break;
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for burner in burners {
            burner.join().expect("a thread");
        }
    }

    #[test]
    fn what_the_kernel_does_not_count_has_no_reading() {
        assert_eq!(Reading([0, 0, 0]).waited_ns(), None);
        assert_eq!(Reading([5, 7, 1]).waited_ns(), Some(7));
    }
}
