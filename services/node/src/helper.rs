//! `arena-node helper`: the processes that faults need beside a service. They burn CPU, take memory, open files, start
//! threads, or squat on a port. Not for people: the agent starts them.
//!
//! Invariant: a helper ends by itself when its time is over, when its entry in the undo journal is gone, or, in a service's
//! group, when the group's leader is gone; whoever started it may be dead.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use arena_chassis::Clock;
use arena_faults::limits::{
    self, CORES_MAX, FILES_MAX, MEMORY_FLOOR_MIB, MEMORY_MIB_MAX, THREADS_MAX,
};
use arena_proto::Timestamp;
use arena_supervisor::{Identity, identity_of};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, setsid};

/// The first argument that makes `arena-node` a helper.
pub(crate) const SUBCOMMAND: &str = "helper";
/// The first argument that makes `arena-node` start a helper and end: so the helper has no agent as its parent.
pub(crate) const LAUNCHER: &str = "orphan";

/// How often it looks whether it should end, and grows.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often a squatter tries to listen while the port is not free: a service that starts looks for longer.
const SQUAT_EVERY: Duration = Duration::from_millis(1);
/// What an idle thread needs of a stack: nothing, and this is the least that every system gives.
const STACK_BYTES: usize = 64 * 1024;
/// What a process has open beside what it leaks.
pub(crate) const FILES_SPARE: u64 = 64;
const MIB: usize = 1024 * 1024;

/// What a helper does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Keeps so many threads busy.
    Burn { cores: u64 },
    /// Takes memory, in MiB a second, up to a ceiling in MiB.
    Memory { rate: u64, ceiling: u64 },
    /// Opens so many files a second, up to a ceiling.
    Files { rate: u64, ceiling: u64 },
    /// Starts so many idle threads a second, up to a ceiling.
    Threads { rate: u64, ceiling: u64 },
    /// Listens on a port as soon as it is free.
    Squat { port: u16 },
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Burn { .. } => "burn",
            Self::Memory { .. } => "memory",
            Self::Files { .. } => "files",
            Self::Threads { .. } => "threads",
            Self::Squat { .. } => "squat",
        }
    }

    /// Of its name and two numbers; those that are too big are cut, whoever starts it by hand.
    fn read(name: &str, first: u64, second: u64) -> Option<Self> {
        Some(match name {
            "burn" => Self::Burn {
                cores: first.min(CORES_MAX),
            },
            "memory" => Self::Memory {
                rate: first,
                ceiling: second.min(MEMORY_MIB_MAX),
            },
            "files" => Self::Files {
                rate: first,
                ceiling: second.min(FILES_MAX),
            },
            "threads" => Self::Threads {
                rate: first,
                ceiling: second.min(THREADS_MAX),
            },
            "squat" => Self::Squat {
                port: u16::try_from(first).ok()?,
            },
            _ => return None,
        })
    }

    fn numbers(self) -> (u64, u64) {
        match self {
            Self::Burn { cores } => (cores, 0),
            Self::Memory { rate, ceiling }
            | Self::Files { rate, ceiling }
            | Self::Threads { rate, ceiling } => (rate, ceiling),
            Self::Squat { port } => (u64::from(port), 0),
        }
    }
}

/// A helper's command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: Kind,
    /// The fault's id, for whoever looks for it in `ps`.
    pub(crate) fault: String,
    /// The fault's entry in the undo journal: tells the helpers of one arena from those of another, too.
    pub(crate) entry: PathBuf,
    /// Who leads the group that it lives in; `None`: it has one of its own.
    pub(crate) leader: Option<u32>,
    pub(crate) ttl: Duration,
}

impl Call {
    /// After the subcommand; the first three are what a helper is found by.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let (first, second) = self.kind.numbers();
        let ttl_ms = self.ttl.as_millis().to_string();
        let leader = self.leader.unwrap_or(0).to_string();
        vec![
            self.kind.as_str().into(),
            self.fault.clone().into(),
            self.entry.clone().into(),
            leader.into(),
            ttl_ms.into(),
            first.to_string().into(),
            second.to_string().into(),
        ]
    }

    fn read(arguments: &[OsString]) -> Option<Self> {
        let [kind, fault, entry, leader, ttl_ms, first, second] = arguments else {
            return None;
        };
        let number = |text: &OsString| text.to_str()?.parse::<u64>().ok();
        let leader = u32::try_from(number(leader)?).ok()?;
        Some(Self {
            kind: Kind::read(kind.to_str()?, number(first)?, number(second)?)?,
            fault: fault.to_str()?.to_owned(),
            entry: entry.into(),
            leader: (leader > 0).then_some(leader),
            ttl: Duration::from_millis(number(ttl_ms)?),
        })
    }
}

/// Runs a helper or a launcher, when this is what the command line asks for.
pub(crate) fn main() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let subcommand = arguments.next()?;
    let arguments: Vec<OsString> = arguments.collect();
    let run = match subcommand.to_str()? {
        SUBCOMMAND => help,
        LAUNCHER => launch,
        _ => return None,
    };
    let Some(call) = Call::read(&arguments) else {
        eprintln!(
            "arena-node {SUBCOMMAND} is for the agent: KIND FAULT ENTRY LEADER TTL_MS NUMBERS"
        );
        return Some(ExitCode::from(2));
    };
    Some(match run(&call) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("arena-node {SUBCOMMAND} {}: {error}", call.kind.as_str());
            ExitCode::FAILURE
        }
    })
}

/// Nobody waits for the helper but the system once this has ended.
fn launch(call: &Call) -> std::io::Result<()> {
    Command::new(std::env::current_exe()?)
        .arg(SUBCOMMAND)
        .args(call.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(drop)
}

fn help(call: &Call) -> std::io::Result<()> {
    let life = Life::new(call);
    match call.kind {
        Kind::Burn { cores } => burn(&life, cores),
        Kind::Memory { rate, ceiling } => take_memory(&life, rate, ceiling),
        Kind::Files { rate, ceiling } => open_files(&life, rate, ceiling)?,
        Kind::Threads { rate, ceiling } => start_threads(&life, rate, ceiling),
        Kind::Squat { port } => squat(&life, port)?,
    }
    Ok(())
}

/// Until when it lives.
struct Life {
    clock: Clock,
    began_at: Timestamp,
    ends_at: Timestamp,
    entry: PathBuf,
    leader: Option<(u32, Option<Identity>)>,
}

impl Life {
    fn new(call: &Call) -> Self {
        let clock = Clock::new();
        let began_at = clock.now();
        Self {
            clock,
            began_at,
            ends_at: began_at + call.ttl,
            entry: call.entry.clone(),
            leader: call.leader.map(|leader| (leader, identity_of(leader))),
        }
    }

    fn is_over(&self) -> bool {
        let gone = |(pid, identity): &(u32, Option<Identity>)| {
            identity.is_none() || identity_of(*pid) != *identity
        };
        self.clock.now() >= self.ends_at
            || self.leader.as_ref().is_some_and(gone)
            || !self.entry.exists()
    }

    fn wait(&self) {
        while !self.is_over() {
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Calls `one_more` as often as `rate` a second makes it, up to `ceiling` times or until it cannot, and then waits.
    fn grow(&self, rate: u64, ceiling: u64, mut one_more: impl FnMut() -> bool) {
        let mut done = 0;
        while !self.is_over() && done < ceiling {
            let elapsed_ms = self.clock.now().saturating_since(self.began_at).as_millis();
            let due = u128::from(rate).saturating_mul(elapsed_ms) / 1000;
            let due = u64::try_from(due).unwrap_or(u64::MAX).min(ceiling);
            while done < due {
                if !one_more() {
                    return self.wait();
                }
                done += 1;
            }
            thread::sleep(LOOK_EVERY);
        }
        self.wait();
    }
}

fn burn(life: &Life, cores: u64) {
    let done = Arc::new(AtomicBool::new(false));
    for _ in 0..cores {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
    }
    life.wait();
    done.store(true, Ordering::Relaxed);
}

fn take_memory(life: &Life, rate: u64, ceiling: u64) {
    let mut taken = Vec::new();
    life.grow(rate, ceiling, || {
        // Others take memory, too, since this was allowed.
        let available = available_mib().is_none_or(|available| available > MEMORY_FLOOR_MIB);
        if available {
            // Not zeroes: those are only there once somebody writes to them.
            taken.push(vec![0xa5_u8; MIB]);
        }
        available
    });
    drop(taken);
}

/// What the machine can give without swapping, in MiB; `None` when nobody can tell.
pub(crate) fn available_mib() -> Option<u64> {
    limits::available_mib(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn open_files(life: &Life, rate: u64, ceiling: u64) -> std::io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = ceiling + FILES_SPARE;
    let limit = Rlimit {
        current: Some(maximum.map_or(wanted, |maximum| wanted.min(maximum))),
        maximum,
    };
    setrlimit(Resource::Nofile, limit)?;
    let mut open = Vec::new();
    life.grow(rate, ceiling, || {
        std::fs::File::open("/dev/null")
            .map(|file| open.push(file))
            .is_ok()
    });
    drop(open);
    Ok(())
}

/// They end with the process.
fn start_threads(life: &Life, rate: u64, ceiling: u64) {
    life.grow(rate, ceiling, || {
        let idle = || loop {
            thread::park();
        };
        let thread = thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn(idle).is_ok()
    });
}

/// Listens and answers nobody, in a session of its own.
fn squat(life: &Life, port: u16) -> std::io::Result<()> {
    setsid()?;
    while !life.is_over() {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => {
                life.wait();
                drop(listener);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                thread::sleep(SQUAT_EVERY);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_read_as_it_was_written_and_no_number_is_too_big() {
        for kind in [
            Kind::Burn { cores: 3 },
            Kind::Memory {
                rate: 10,
                ceiling: 64,
            },
            Kind::Files {
                rate: 1,
                ceiling: 16,
            },
            Kind::Threads {
                rate: 2,
                ceiling: 8,
            },
            Kind::Squat { port: 8080 },
        ] {
            let call = Call {
                kind,
                fault: "f-1".to_owned(),
                entry: "/state/journal/f-1.json".into(),
                leader: Some(7),
                ttl: Duration::from_millis(1500),
            };
            assert_eq!(Call::read(&call.arguments()), Some(call));
        }
        let cut = Kind::read("burn", 1_000, 0);
        assert_eq!(cut, Some(Kind::Burn { cores: CORES_MAX }));
        assert_eq!(Kind::read("dig", 1, 1), None);
        assert_eq!(Call::read(&["burn".into()]), None);
    }
}
