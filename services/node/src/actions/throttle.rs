//! `THROTTLE`: a process group is held on one CPU, by the affinity of each of its threads, so that the others are left to
//! everybody else. What the group's threads were allowed before is written to the agent's folder first, and given back by
//! [`Throttles::undo`]; what a dead agent left, by [`Throttles::new`].
//!
//! Affinity, because it is all that an unprivileged agent can both do and undo: a lower priority (nice, `SCHED_IDLE`) cannot be
//! taken back without privilege, SIGSTOP in turns would fail probes and outlive a killed agent, and a quota (`cpu.max`)
//! needs a cgroup that was delegated. So a share below one CPU is not held: it is rounded up to one CPU, and told so.
//!
//! Invariant: a group is only ever changed while its record is on the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arena_node_core::ProcessRef;
use arena_proto::ServiceName;
use arena_supervisor::identity_of;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::task::AbortHandle;

use crate::sampling::processes_by_group;

/// New threads inherit the affinity of who started them; one that chose another is brought back after this time at the
/// latest.
const AGAIN_EVERY: Duration = Duration::from_secs(1);
/// Threads can come while others are being changed; so often they are looked at before it counts as not held.
const ROUNDS_MAX: u32 = 5;

/// What a group was allowed before.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct Former {
    process: ProcessRef,
    /// Of its leader, and of threads that began since.
    cpus: Vec<usize>,
    /// Of each thread, by its id.
    threads: BTreeMap<u32, Vec<usize>>,
}

/// The groups that are throttled. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Throttles {
    folder: PathBuf,
    holding: Arc<Mutex<BTreeMap<ServiceName, AbortHandle>>>,
}

impl Throttles {
    /// Records are kept in this folder; what a dead agent left there is undone.
    pub(crate) fn new(folder: PathBuf) -> Self {
        let throttles = Self {
            folder,
            holding: Arc::default(),
        };
        throttles.undo_all();
        throttles
    }

    fn record(&self, service: &ServiceName) -> PathBuf {
        self.folder.join(format!("{service}.json"))
    }

    /// Holds the group on one CPU from now on, and tells on which. Needs a tokio runtime.
    pub(crate) fn hold(&self, service: &ServiceName, process: ProcessRef) -> Result<usize, String> {
        // One that is held already keeps what it was allowed at first.
        let path = self.record(service);
        let known = read(&path).filter(|former| former.process == process);
        let former = match known {
            Some(former) => former,
            None => Former::of(process).ok_or("its process is gone")?,
        };
        let [_, .., cpu] = former.cpus[..] else {
            return Err("it has one CPU only, and so has everybody else".to_owned());
        };
        write(&path, &former).map_err(|error| format!("cannot be recorded: {error}"))?;
        if let Err(why) = former.confine(cpu) {
            self.undo(service)?;
            return Err(why);
        }
        let (throttles, name) = (self.clone(), service.clone());
        let again = tokio::spawn(async move {
            loop {
                tokio::time::sleep(AGAIN_EVERY).await;
                let holding = throttles
                    .holding
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                // Under the lock, so that nothing is confined any more that was undone.
                if holding.contains_key(&name) {
                    // Whoever escapes for good is told by the metrics.
                    let _ = former.confine(cpu);
                }
            }
        });
        let mut holding = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = holding.insert(service.clone(), again.abort_handle()) {
            before.abort();
        }
        Ok(cpu)
    }

    /// Gives the group back what it was allowed before, and reads back that it has it.
    pub(crate) fn undo(&self, service: &ServiceName) -> Result<(), String> {
        let mut holding = self.holding.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = holding.remove(service) {
            task.abort();
        }
        drop(holding);
        let path = self.record(service);
        let Some(former) = read(&path) else {
            return Ok(());
        };
        former.restore()?;
        std::fs::remove_file(&path).map_err(|error| error.to_string())
    }

    fn undo_all(&self) {
        let entries = std::fs::read_dir(&self.folder);
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let service = Path::new(&name).file_stem().and_then(|stem| stem.to_str());
            let Some(service) = service.and_then(|stem| stem.parse().ok()) else {
                continue;
            };
            match self.undo(&service) {
                Ok(()) => {
                    tracing::info!(%service, "has all CPUs again that an agent before this one took");
                }
                Err(why) => tracing::warn!(%service, "is still throttled: {why}"),
            }
        }
    }
}

impl Former {
    fn of(process: ProcessRef) -> Option<Self> {
        if !is_alive(process) {
            return None;
        }
        let threads = threads_of(process.pid);
        let threads: BTreeMap<u32, Vec<usize>> = threads
            .into_iter()
            .filter_map(|thread| Some((thread, affinity(thread)?)))
            .collect();
        Some(Self {
            process,
            cpus: threads.get(&process.pid)?.clone(),
            threads,
        })
    }

    fn confine(&self, cpu: usize) -> Result<(), String> {
        self.set(|_| vec![cpu])
    }

    fn restore(&self) -> Result<(), String> {
        self.set(|thread| {
            let own = self.threads.get(&thread);
            own.unwrap_or(&self.cpus).clone()
        })
    }

    /// Sets and reads back, until no thread has anything else; a process that is gone is no trouble.
    fn set(&self, wanted: impl Fn(u32) -> Vec<usize>) -> Result<(), String> {
        let mut trouble = String::new();
        for _ in 0..ROUNDS_MAX {
            if !is_alive(self.process) {
                return Ok(());
            }
            let mut differ = false;
            for thread in threads_of(self.process.pid) {
                let cpus = wanted(thread);
                // One that ended meanwhile has none.
                if affinity(thread).is_none_or(|now| now == cpus) {
                    continue;
                }
                differ = true;
                if let Err(error) = set_affinity(thread, &cpus) {
                    trouble = format!("its CPUs cannot be chosen: {error}");
                }
            }
            if !differ {
                return Ok(());
            }
        }
        Err(if trouble.is_empty() {
            "its threads do not stay on the CPUs that they are given".to_owned()
        } else {
            trouble
        })
    }
}

fn is_alive(process: ProcessRef) -> bool {
    identity_of(process.pid).is_some_and(|known| known.start_time == process.start_time)
}

/// Every thread of every member of a group.
fn threads_of(leader: u32) -> Vec<u32> {
    let members = processes_by_group().into_iter();
    members
        .filter(|(_, group)| *group == leader)
        .flat_map(|(pid, _)| {
            let tasks = std::fs::read_dir(format!("/proc/{pid}/task"));
            let tasks = tasks.into_iter().flatten().flatten();
            tasks.filter_map(|task| task.file_name().to_str()?.parse().ok())
        })
        .collect()
}

fn as_pid(thread: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(thread).ok()?)
}

/// The CPUs that a thread may use, in order.
fn affinity(thread: u32) -> Option<Vec<usize>> {
    let set = sched_getaffinity(Some(as_pid(thread)?)).ok()?;
    Some(
        (0..CpuSet::MAX_CPU)
            .filter(|cpu| set.is_set(*cpu))
            .collect(),
    )
}

fn set_affinity(thread: u32, cpus: &[usize]) -> Result<(), rustix::io::Errno> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        set.set(*cpu);
    }
    let pid = as_pid(thread).ok_or(rustix::io::Errno::SRCH)?;
    match sched_setaffinity(Some(pid), &set) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        result => result,
    }
}

fn read(path: &Path) -> Option<Former> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// Replaced as a whole: half a record would lose what the group was allowed.
fn write(path: &Path, former: &Former) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let next = path.with_extension("next");
    std::fs::write(&next, serde_json::to_vec(former)?)?;
    std::fs::rename(next, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arena_supervisor::{Process, Spawn, spawn, stop};

    /// A group of a shell and four processes that burn, as a batch job might be.
    fn burner(folder: &Path) -> Process {
        let line = "for i in 1 2 3 4; do (while :; do :; done) & done; wait";
        spawn(&Spawn {
            argv: ["sh", "-c", line].map(str::to_owned).to_vec(),
            env: BTreeMap::new(),
            working_dir: None,
            log: folder.join("burner.log"),
        })
        .expect("a shell")
    }

    /// CPU seconds that a group has used, as the kernel counts them.
    fn used(leader: u32) -> f64 {
        let members = processes_by_group().into_iter();
        let ticks: u64 = members
            .filter(|(_, group)| *group == leader)
            .filter_map(|(pid, _)| procfs::process::Process::new(i32::try_from(pid).ok()?).ok())
            .filter_map(|process| process.stat().ok())
            .map(|stat| stat.utime + stat.stime)
            .sum();
        Duration::from_millis(ticks * 1000 / procfs::ticks_per_second()).as_secs_f64()
    }

    async fn members(leader: u32, count: usize) {
        arena_testkit::wait_for("the group", async || {
            let all = processes_by_group().into_iter();
            (all.filter(|(_, group)| *group == leader).count() == count).then_some(())
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_held_group_uses_one_cpu_at_most_and_gets_back_what_it_had() {
        let folder = arena_testkit::temp_dir();
        let process = burner(folder.path());
        members(process.pid, 5).await;
        let reference = ProcessRef {
            pid: process.pid,
            start_time: process.start_time,
        };
        let service: ServiceName = "batch".parse().expect("a name");
        let before = affinity(process.pid).expect("its CPUs");
        let throttles = Throttles::new(folder.path().join("throttle"));
        if before.len() < 2 {
            let why = throttles.hold(&service, reference);
            assert!(why.is_err_and(|why| why.contains("one CPU")));
            stop(&process, Duration::ZERO).await;
            return;
        }
        let cpu = throttles.hold(&service, reference).expect("held");
        assert_eq!(Some(&cpu), before.last());
        let clock = arena_chassis::Clock::new();
        let (began, used_before) = (clock.now(), used(process.pid));
        arena_testkit::wait_for("a second of CPU", async || {
            (used(process.pid) > used_before + 1.0).then_some(())
        })
        .await;
        // Ticks of four processes, each rounded.
        let burnt = used(process.pid) - used_before;
        assert!(
            burnt <= clock.now().saturating_since(began).as_secs_f64() + 0.1,
            "{burnt} s"
        );

        for (_, task) in std::mem::take(&mut *throttles.holding.lock().expect("a lock")) {
            task.abort();
        }
        // The agent is dead, and the next one finds the record.
        let successor = Throttles::new(folder.path().join("throttle"));
        for thread in threads_of(process.pid) {
            assert_eq!(affinity(thread).as_ref(), Some(&before), "thread {thread}");
        }
        assert!(!successor.record(&service).exists());
        throttles.undo(&service).expect("nothing to undo");

        // Twice held, what it had at first comes back.
        throttles.hold(&service, reference).expect("held");
        throttles.hold(&service, reference).expect("held again");
        throttles.undo(&service).expect("undone");
        assert_eq!(affinity(process.pid), Some(before));
        stop(&process, Duration::ZERO).await;
        assert!(
            throttles
                .hold(&service, reference)
                .is_err_and(|why| why.contains("gone"))
        );
    }
}
