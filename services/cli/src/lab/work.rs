//! The runs themselves, on threads of their own: a progress bar while they last, and what was done so far when somebody interrupts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arena_chassis::Clock;
use arena_lab::{Done, Machine, Orders, run_all};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::oneshot;

use crate::exit::{Exit, Failure};
use crate::run::record::{load1, machine};
use crate::screen::talk;
use crate::up::signals::Signals;

/// Four times a second is as good as at once, and costs nothing.
const DRAWS_A_SECOND: u8 = 4;

/// What was done, and how long it took.
pub(super) struct Worked<T> {
    /// In the order of the jobs.
    pub(super) done: Vec<Done<T>>,
    /// Somebody interrupted.
    pub(super) interrupted: bool,
    /// By the clock on the wall.
    pub(super) wall: Duration,
    /// Threads that worked.
    pub(super) threads: usize,
    load1_before: Option<f64>,
}

/// Does all jobs. `signals` are heard from before anything is told, so that none is lost. The first interrupt lets the runs that are under way end; the second one ends everything at once.
pub(super) async fn work<J, T>(
    mut signals: Signals,
    jobs: &Arc<Vec<J>>,
    threads: Option<usize>,
    play: fn(&J) -> Result<T, String>,
) -> Result<Worked<T>, Failure>
where
    J: Send + Sync + 'static,
    T: Send + 'static,
{
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = threads.unwrap_or(cores);
    let (clock, load1_before) = (Clock::new(), load1());
    let began = clock.now();
    let stop = Arc::new(AtomicBool::new(false));
    let mut working = spawn(jobs, threads, play, &stop)?;
    let mut interrupted = false;
    let done = loop {
        tokio::select! {
            done = &mut working => {
                break done.map_err(|_| Exit::Failed.because("the runs ended without a word"))?;
            }
            signal = signals.next() => {
                if interrupted {
                    return Err(Exit::Interrupted.because("interrupted twice: nothing is kept"));
                }
                interrupted = true;
                stop.store(true, Ordering::Relaxed);
                talk!("{signal}: the runs that are under way end, what was done is kept; once more ends at once");
            }
        }
    };
    Ok(Worked {
        done: done.map_err(|error| Exit::Failed.because(error))?,
        interrupted,
        wall: clock.now().saturating_since(began),
        threads,
        load1_before,
    })
}

type Working<T> = oneshot::Receiver<Result<Vec<Done<T>>, String>>;

/// A thread and not a task: who interrupts twice does not wait for it.
fn spawn<J, T>(
    jobs: &Arc<Vec<J>>,
    threads: usize,
    play: fn(&J) -> Result<T, String>,
    stop: &Arc<AtomicBool>,
) -> Result<Working<T>, Failure>
where
    J: Send + Sync + 'static,
    T: Send + 'static,
{
    let (tell, working) = oneshot::channel();
    let (jobs, stop) = (Arc::clone(jobs), Arc::clone(stop));
    let bar = bar(jobs.len());
    let run = move || {
        let orders = Orders {
            threads,
            stop: &stop,
            done: &|_: &Done<T>| bar.inc(1),
        };
        let done = run_all(&jobs, &orders, play);
        bar.finish_and_clear();
        // Nobody listens any more after the second interrupt.
        let _ = tell.send(done);
    };
    std::thread::Builder::new()
        .name("lab".to_owned())
        .spawn(run)?;
    Ok(working)
}

/// On stderr, and only where that is a terminal.
fn bar(count: usize) -> ProgressBar {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_A_SECOND);
    let bar = ProgressBar::with_draw_target(Some(count), target);
    let style =
        ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {elapsed} gone, {eta} to go");
    // The template is ours; were it wrong, the usual bar would do.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

impl<T> Worked<T> {
    /// Where and how fast, for the report.
    pub(super) fn machine(&self, virtual_ms: u64) -> Machine {
        let here = machine(self.load1_before);
        let wall_seconds = self.wall.as_secs_f64();
        let virtual_seconds = Duration::from_millis(virtual_ms).as_secs_f64();
        let words: Vec<String> = std::env::args().skip(1).collect();
        Machine {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: format!("arena {}", words.join(" ")),
            at: Clock::new().now().to_string(),
            cpus: here.cpus,
            memory_mib: here.memory_mib,
            kernel: here.kernel,
            load1_before: here.load1_before,
            load1_after: here.load1_after,
            threads: self.threads,
            wall_seconds,
            virtual_seconds,
            virtual_seconds_per_second: if wall_seconds > 0.0 {
                virtual_seconds / wall_seconds
            } else {
                0.0
            },
        }
    }

    /// How many of them came to no end.
    pub(super) fn broken(&self) -> usize {
        self.done.iter().filter(|one| one.result.is_err()).count()
    }
}

/// The speed, for a person.
pub(super) fn tell_speed(machine: &Machine) {
    talk!(
        "{:.0} virtual seconds in {:.1} s on {} threads: {:.0} virtual seconds a second",
        machine.virtual_seconds,
        machine.wall_seconds,
        machine.threads,
        machine.virtual_seconds_per_second
    );
}

/// What the command ends with.
pub(super) fn ending(interrupted: bool, broken: usize) -> Result<(), Failure> {
    if interrupted {
        return Err(
            Exit::Interrupted.because("interrupted: these are the runs that were made until then")
        );
    }
    if broken > 0 {
        return Err(Exit::Failed.because(format!("{broken} runs came to no end")));
    }
    Ok(())
}
