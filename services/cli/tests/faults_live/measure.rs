//! How the effect of a fault is seen from outside: by a plain HTTP client, in /proc, on the bus.

use std::time::Duration;

use arena_chassis::Clock;

use crate::http::{Answer, Asked};
use crate::machine::{self, Process};
use crate::rows::Row;
use crate::telemetry::Heard;
use crate::world::World;

/// What is looked at, and from where on it counts as hurt. `request` is sent ten times a second to where the sidecar
/// takes requests for the target.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Measure {
    /// The process group uses at least this much of one core.
    CpuPercent(u64),
    /// The process group holds more than this.
    MemoryMib(u64),
    /// It has more than so many files open.
    OpenFiles(usize),
    /// It has more than so many threads.
    Threads(u64),
    /// There is no process of the service that runs (stopped is not running), or it is another one than before.
    Gone,
    /// Its processes are stopped.
    Stopped,
    /// Whoever starts it is kept waiting: its process is there and is stopped.
    HeldAtStart,
    /// Its port is held by a process that is not of the service.
    Squatted,
    /// Answers (some) take at least so many milliseconds.
    Slow(&'static str, u64),
    /// Answers (some) have this status.
    Status(&'static str, u16),
    /// Answers are 5xx.
    Failing(&'static str),
    /// There are no answers.
    Silent(&'static str),
    /// This service (node, name) logs at least so many calls a second.
    Calls(&'static str, &'static str, u64),
    /// Processes with the fault's id in their command line use at least this much of one core.
    HelperCpuPercent(u64),
    /// Numbers are missing in the node's telemetry.
    Gaps,
    /// It arrives later than so many milliseconds.
    Late(i64),
    /// Some numbers come twice.
    Twice,
    /// Numbers go down.
    OutOfOrder,
    /// The values stay the same.
    Frozen,
    /// Its time is off by at least so many milliseconds.
    Skewed(i64),
    /// `memory_bytes` of this service is not what /proc says.
    Lies(&'static str),
    /// There is none.
    Unheard,
}

/// What a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Hurt,
    Well,
    /// Neither can be said.
    Unclear,
}

/// What one look gave.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) sign: Sign,
    /// What was seen, for a person.
    pub(crate) seen: String,
}

/// Answers that a look waits for: 1 s of them, so that even a share of them shows.
const ANSWERS: usize = 10;
/// Telemetry that a look waits for: enough for a share of half of it to show in all but few looks.
const MESSAGES: usize = 6;
/// The kernel's clock ticks a second, as seen by programs.
const TICKS_HZ: u64 = 100;

/// Looks once, for a second or a few.
pub(crate) async fn look(world: &World, row: &Row, fault_id: &str) -> Look {
    let (node, _) = row.place();
    match row.effect {
        Measure::Slow(..) | Measure::Status(..) | Measure::Failing(_) | Measure::Silent(_) => {
            let asked = world.next_answers(row.target, ANSWERS).await;
            row.effect.of_answers(&asked)
        }
        Measure::Unheard => {
            let then = Clock::new().now();
            // Well beyond a tick.
            tokio::time::sleep(Duration::from_millis(2_500)).await;
            let heard = world.ears.since(node, then).len();
            told(heard == 0, format!("{heard} messages in 2.5 s"))
        }
        Measure::Gaps
        | Measure::Late(_)
        | Measure::Twice
        | Measure::OutOfOrder
        | Measure::Frozen
        | Measure::Skewed(_)
        | Measure::Lies(_) => {
            let heard = world.next_telemetry(node, MESSAGES).await;
            row.effect.of_telemetry(world, node, &heard).await
        }
        Measure::HelperCpuPercent(least) => {
            let used = cpu_percent(|| helpers(fault_id)).await;
            told(used >= least, format!("helpers' CPU {used} %"))
        }
        Measure::Calls(node, service, least) => {
            let before = world.calls(node, service);
            tokio::time::sleep(Duration::from_secs(1)).await;
            // A log that was rotated meanwhile begins anew.
            let calls = world.calls(node, service).saturating_sub(before);
            told(calls >= least, format!("{calls} calls/s"))
        }
        Measure::HeldAtStart => held_at_start(world, row).await,
        _ => of_processes(world, row).await,
    }
}

/// What /proc says of the target's process group.
async fn of_processes(world: &World, row: &Row) -> Look {
    let (node, service) = row.place();
    let service = service.unwrap_or("");
    let group = || machine::group_of(&world.folder, node, service);
    match row.effect {
        Measure::CpuPercent(least) => {
            let used = cpu_percent(group).await;
            told(used >= least, format!("CPU {used} %"))
        }
        Measure::MemoryMib(least) => {
            let held: u64 = group().iter().map(|process| process.memory_mib).sum();
            told(held > least, format!("{held} MiB"))
        }
        Measure::OpenFiles(least) => {
            let open: usize = group().iter().map(Process::open_files).sum();
            told(open > least, format!("{open} files"))
        }
        Measure::Threads(least) => {
            let threads: u64 = group().iter().map(|process| process.threads).sum();
            told(threads > least, format!("{threads} threads"))
        }
        Measure::Gone => {
            let group = group();
            let runs = group
                .first()
                .is_some_and(|leader| !"TZ".contains(leader.state));
            let answers = world.answers(node, service).await;
            told(
                !(runs && answers),
                format!("runs {runs}, answers {answers}"),
            )
        }
        Measure::Stopped => {
            let group = group();
            let stopped = !group.is_empty() && group.iter().all(|process| process.state == 'T');
            told(stopped, format!("{:?}", states(&group)))
        }
        Measure::Squatted => {
            let port = world.port(node, service);
            let holder = machine::holder_of(port);
            let own: Vec<u32> = group().iter().map(|process| process.pid).collect();
            let stranger = holder.as_ref().is_some_and(|held| !own.contains(&held.pid));
            let is_well = holder.is_some() && !stranger;
            told(!is_well, format!("{port} held by {holder:?}"))
        }
        _ => told(false, "not by processes".to_owned()),
    }
}

/// Processes that name the fault in their command line or environment.
fn helpers(fault_id: &str) -> Vec<Process> {
    let all = machine::processes().into_iter();
    all.filter(|process| !fault_id.is_empty() && process.names(fault_id))
        .collect()
}

impl Measure {
    /// What the sidecar is asked all the time, if this measure is by HTTP.
    pub(crate) const fn request(self) -> Option<&'static str> {
        match self {
            Self::Slow(request, _)
            | Self::Status(request, _)
            | Self::Failing(request)
            | Self::Silent(request) => Some(request),
            _ => None,
        }
    }

    fn is_hurt(self, asked: &Asked) -> bool {
        match (self, &asked.answer) {
            (Self::Slow(_, least_ms), _) => asked.took >= Duration::from_millis(least_ms),
            (Self::Status(_, wanted), Answer::Said(status, _)) => *status == wanted,
            (Self::Failing(_), Answer::Said(status, _)) => *status >= 500,
            (Self::Silent(_), Answer::Silence) => true,
            _ => false,
        }
    }

    fn of_answers(self, asked: &[Asked]) -> Look {
        let hurt = asked.iter().any(|asked| self.is_hurt(asked));
        let well = asked.iter().all(Asked::is_good);
        let told_of: Vec<String> = asked.iter().map(describe).collect();
        Look {
            sign: match (hurt, well) {
                (true, _) => Sign::Hurt,
                (false, true) => Sign::Well,
                (false, false) => Sign::Unclear,
            },
            seen: told_of.join(", "),
        }
    }

    async fn of_telemetry(self, world: &World, node: &str, heard: &[Heard]) -> Look {
        let numbers: Vec<u64> = heard.iter().map(|heard| heard.telemetry.seq).collect();
        let ages: Vec<i64> = heard.iter().map(|heard| heard.age_ms).collect();
        let step =
            |wrong: fn(u64, u64) -> bool| numbers.windows(2).any(|pair| wrong(pair[0], pair[1]));
        match self {
            Self::Gaps => told(
                step(|earlier, later| later > earlier + 1),
                format!("{numbers:?}"),
            ),
            Self::Twice => told(
                step(|earlier, later| later == earlier),
                format!("{numbers:?}"),
            ),
            Self::OutOfOrder => told(
                step(|earlier, later| later < earlier),
                format!("{numbers:?}"),
            ),
            Self::Late(least) => told(
                ages.iter().all(|age| *age >= least),
                format!("ages {ages:?} ms"),
            ),
            Self::Skewed(least) => told(
                ages.iter().all(|age| age.abs() >= least),
                format!("ages {ages:?} ms"),
            ),
            Self::Frozen => {
                let values = |heard: &Heard| -> Vec<u32> {
                    heard
                        .telemetry
                        .values
                        .iter()
                        .map(|value| value.to_bits())
                        .collect()
                };
                let distinct: std::collections::BTreeSet<_> = heard
                    .iter()
                    .filter(|heard| !heard.telemetry.values.is_empty())
                    .map(values)
                    .collect();
                told(
                    distinct.len() == 1,
                    format!("{} sets of values", distinct.len()),
                )
            }
            Self::Lies(service) => {
                let said = world.last_value(heard, node, service, "memory_bytes").await;
                let group = machine::group_of(&world.folder, node, service);
                let real: u64 = group.iter().map(|process| process.memory_mib).sum();
                let said_mib = said.map(|bytes| bytes / f64::from(1 << 20));
                // It breathes, by far less than half of it.
                let off = said_mib.is_none_or(|said| {
                    let real = f64::from(u32::try_from(real).unwrap_or(u32::MAX));
                    said > real * 1.5 || said < real * 0.5
                });
                told(off, format!("told {said_mib:?} MiB, holds {real} MiB"))
            }
            _ => told(false, "not by telemetry".to_owned()),
        }
    }
}

fn told(hurt: bool, seen: String) -> Look {
    let sign = if hurt { Sign::Hurt } else { Sign::Well };
    Look { sign, seen }
}

fn describe(asked: &Asked) -> String {
    let answer = match &asked.answer {
        Answer::Said(status, _) => status.to_string(),
        other => format!("{other:?}"),
    };
    format!("{answer} in {} ms", asked.took.as_millis())
}

fn states(group: &[Process]) -> Vec<(u32, char)> {
    group
        .iter()
        .map(|process| (process.pid, process.state))
        .collect()
}

/// Starts it when it is dead, and looks at what becomes of it.
async fn held_at_start(world: &World, row: &Row) -> Look {
    let (node, service) = row.place();
    let service = service.unwrap_or("");
    if world.answers(node, service).await {
        return told(false, "answers".to_owned());
    }
    let start = ["do", "start", row.target, "--yes"];
    let watch = async {
        loop {
            let group = machine::group_of(&world.folder, node, service);
            if group.first().is_some_and(|leader| leader.state == 'T') {
                return told(true, format!("{:?}", states(&group)));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        look = watch => look,
        answer = world.run(&start) => Look { sign: Sign::Unclear, seen: format!("start: {answer:?}") },
    }
}

/// Of one core, over a second.
async fn cpu_percent(processes: impl Fn() -> Vec<Process>) -> u64 {
    let ticks = || {
        processes()
            .iter()
            .map(|process| process.cpu_ticks)
            .sum::<u64>()
    };
    let before = ticks();
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Another process has used less than the one before it.
    ticks().saturating_sub(before) * 100 / TICKS_HZ
}
