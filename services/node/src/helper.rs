//! `arena-node helper`: the processes that faults need beside a service. They burn CPU, take memory, open files, start
//! threads, or squat on a port. Not for people: the agent starts them.
//!
//! What a helper is told stands in its environment and not on its command line: who holds a port is told on the bus by his command
//! line, to those who heal, and they must not learn that a fault put him there, or which. So a squatter has the command line of the
//! service whose port it takes, as a child that outlived it would.
//!
//! Invariant: a helper ends by itself when its time is over, when its entry in the undo journal is gone, or, in a service's
//! group, when the group's leader is gone; whoever started it may be dead.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
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

/// What makes `arena-node` a helper, or what starts one: [`HELPER`] or [`LAUNCHER`].
pub(crate) const ROLE: &str = "ARENA_HELPER";
/// It is a helper.
pub(crate) const HELPER: &str = "helper";
/// It starts a helper with the rest of its own command line and ends: so the helper has no agent as its parent.
pub(crate) const LAUNCHER: &str = "orphan";

/// The names of what a [`Call`] says.
const KIND: &str = "ARENA_HELPER_KIND";
const FAULT: &str = "ARENA_HELPER_FAULT";
const ENTRY: &str = "ARENA_HELPER_ENTRY";
const LEADER: &str = "ARENA_HELPER_LEADER";
const TTL_MS: &str = "ARENA_HELPER_TTL_MS";
const FIRST: &str = "ARENA_HELPER_FIRST";
const SECOND: &str = "ARENA_HELPER_SECOND";

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

/// What a helper is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: Kind,
    /// The fault's id, for whoever looks for it in `ps e`.
    pub(crate) fault: String,
    /// The fault's entry in the undo journal: tells the helpers of one arena from those of another, too.
    pub(crate) entry: PathBuf,
    /// Who leads the group that it lives in; `None`: it has one of its own.
    pub(crate) leader: Option<u32>,
    pub(crate) ttl: Duration,
}

impl Call {
    /// What a helper is found by.
    pub(crate) fn mark(&self) -> [(&'static str, OsString); 4] {
        [
            (ROLE, HELPER.into()),
            (KIND, self.kind.as_str().into()),
            (FAULT, self.fault.clone().into()),
            (ENTRY, self.entry.clone().into()),
        ]
    }

    /// All of it, for the environment of a helper.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        let (first, second) = self.kind.numbers();
        let numbers = [
            (LEADER, u128::from(self.leader.unwrap_or(0))),
            (TTL_MS, self.ttl.as_millis()),
            (FIRST, first.into()),
            (SECOND, second.into()),
        ];
        let numbers = numbers.map(|(name, number)| (name, number.to_string().into()));
        self.mark().into_iter().chain(numbers)
    }

    fn read(said: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let text = |name| said(name)?.into_string().ok();
        let number = |name| text(name)?.parse::<u64>().ok();
        let leader = u32::try_from(number(LEADER)?).ok()?;
        Some(Self {
            kind: Kind::read(&text(KIND)?, number(FIRST)?, number(SECOND)?)?,
            fault: text(FAULT)?,
            entry: said(ENTRY)?.into(),
            leader: (leader > 0).then_some(leader),
            ttl: Duration::from_millis(number(TTL_MS)?),
        })
    }
}

/// Runs a helper or a launcher, when this is what the environment asks for.
pub(crate) fn main() -> Option<ExitCode> {
    let run = match std::env::var_os(ROLE)?.to_str()? {
        HELPER => help,
        LAUNCHER => launch,
        _ => return None,
    };
    let Some(call) = Call::read(|name| std::env::var_os(name)) else {
        eprintln!("{ROLE} is for the agent: it does not say what to do");
        return Some(ExitCode::from(2));
    };
    Some(match run(&call) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("arena-node {HELPER} {}: {error}", call.kind.as_str());
            ExitCode::FAILURE
        }
    })
}

/// Nobody waits for the helper but the system once this has ended.
fn launch(_: &Call) -> std::io::Result<()> {
    let mut line = std::env::args_os().skip(2);
    let name = line.next().unwrap_or_else(|| HELPER.into());
    Command::new(std::env::current_exe()?)
        .arg0(name)
        .args(line)
        .env(ROLE, HELPER)
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
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_call_is_read_as_it_was_written_and_no_number_is_too_big() {
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
            let said: BTreeMap<&str, OsString> = call.environment().collect();
            assert_eq!(Call::read(|name| said.get(name).cloned()), Some(call));
        }
        let cut = Kind::read("burn", 1_000, 0);
        assert_eq!(cut, Some(Kind::Burn { cores: CORES_MAX }));
        assert_eq!(Kind::read("dig", 1, 1), None);
        assert_eq!(
            Call::read(|name| (name == KIND).then(|| "burn".into())),
            None
        );
    }
}
