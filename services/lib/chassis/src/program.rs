//! The frame of a program: parse, log, trace, run, drain, flush, and say how it went.
//!
//! Invariants: the process ends by a return from `main`; after the first SIGINT, SIGTERM or SIGHUP it ends within the
//! grace period, whatever the program does.

use std::future::Future;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{Chassis, Clock, Tracer, logs};

/// How long a program may drain: longer than a pull consumer's last batch and a database commit take, and a
/// little shorter than `arena up` waits before it kills.
const GRACE: Duration = Duration::from_secs(8);

/// How long is left after a second signal: whoever presses Ctrl-C twice means it, and a commit still gets through.
const GRACE_HASTENED: Duration = Duration::from_secs(1);

/// How long blocking work may outlive the program; what is in the middle of a system call is left behind.
const BLOCKING_TIMEOUT: Duration = Duration::from_millis(500);

/// An error that asks for an exit code of its own; anything else exits 1.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Exit {
    /// The exit code.
    pub code: u8,
    /// What is printed; nothing when empty.
    pub message: String,
}

impl Exit {
    /// Exits with `code` after printing `message`.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Exits with `code` and prints nothing: what there is to say has been said.
    #[must_use]
    pub const fn silent(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
        }
    }
}

/// A program and how it wants to be run.
#[derive(Debug, Clone)]
pub struct Program {
    name: &'static str,
    workers: usize,
    grace: Duration,
    log_filter: Option<&'static str>,
    traced: bool,
}

/// Runs a program on one thread, with logs, traces and signals: what a service wants. See [`Program`] for more.
pub fn run<A, F, Fut>(name: &'static str, main: F) -> ExitCode
where
    A: clap::Parser,
    F: FnOnce(A, Chassis) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    Program::new(name).run(main)
}

impl Program {
    /// A program called `arena-<name>` in traces.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            workers: 0,
            grace: GRACE,
            log_filter: None,
            traced: true,
        }
    }

    /// Runs on `workers` threads beside the main one; zero, the default, means that the main one does it all.
    #[must_use]
    pub const fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// How long it may drain after a signal; 8 s by default.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// What is logged when `RUST_LOG` is not set, as a `tracing` filter; `warn,arena=info` by default.
    #[must_use]
    pub const fn log_filter(self, filter: &'static str) -> Self {
        Self {
            log_filter: Some(filter),
            ..self
        }
    }

    /// Exports no traces, whatever the environment says.
    #[must_use]
    pub const fn untraced(self) -> Self {
        Self {
            traced: false,
            ..self
        }
    }

    /// Parses the arguments (a mistake exits 2), and runs `main` until it returns. An error is printed with its causes
    /// and exits 1, or with the code of an [`Exit`] among them.
    pub fn run<A, F, Fut>(self, main: F) -> ExitCode
    where
        A: clap::Parser,
        F: FnOnce(A, Chassis) -> Fut,
        Fut: Future<Output = anyhow::Result<()>>,
    {
        let args = match parse::<A>() {
            Ok(args) => args,
            Err(error) => {
                // Where the usage cannot be printed there is nobody to tell.
                let _ = error.print();
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
        };
        logs::start(self.log_filter);
        match self.drive(|chassis| main(args, chassis)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => report(&error),
        }
    }

    fn drive<F, Fut>(&self, main: F) -> anyhow::Result<()>
    where
        F: FnOnce(Chassis) -> Fut,
        Fut: Future<Output = anyhow::Result<()>>,
    {
        let runtime = self.runtime().context("cannot start the runtime")?;
        let tracer = if self.traced {
            Tracer::from_env(self.name)
        } else {
            Tracer::disabled()
        };
        let chassis = Chassis {
            clock: Clock::new(),
            shutdown: CancellationToken::new(),
            tracer: tracer.clone(),
        };
        let result = runtime.block_on(async {
            let mut signals = Signals::listen().context("cannot listen for signals")?;
            let shutdown = chassis.shutdown.clone();
            let next_signal = async || signals.next().await;
            until_stopped(main(chassis), &shutdown, next_signal, self.grace).await
        });
        runtime.shutdown_timeout(BLOCKING_TIMEOUT);
        tracer.shutdown();
        result
    }

    fn runtime(&self) -> std::io::Result<tokio::runtime::Runtime> {
        let mut builder = match self.workers {
            0 => tokio::runtime::Builder::new_current_thread(),
            workers => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
        };
        builder.enable_all().build()
    }
}

/// Every program of the workspace has the workspace's version.
fn parse<A: clap::Parser>() -> Result<A, clap::Error> {
    let command = A::command().version(env!("CARGO_PKG_VERSION"));
    let mut matches = command.try_get_matches()?;
    A::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut A::command()))
}

fn report(error: &anyhow::Error) -> ExitCode {
    let exit = error.downcast_ref::<Exit>();
    if exit.is_none_or(|exit| !exit.message.is_empty()) {
        // On stderr, and not as a log line: RUST_LOG must not hide why a program failed.
        eprintln!("error: {error:#}");
    }
    ExitCode::from(exit.map_or(1, |exit| exit.code))
}

/// Runs `main` to its end, or to the end of the grace period after a signal.
async fn until_stopped(
    main: impl Future<Output = anyhow::Result<()>>,
    shutdown: &CancellationToken,
    mut next_signal: impl AsyncFnMut() -> &'static str,
    grace: Duration,
) -> anyhow::Result<()> {
    let mut main = pin!(main);
    let name = tokio::select! {
        result = &mut main => return result,
        name = next_signal() => name,
    };
    tracing::info!("{name}: stopping");
    shutdown.cancel();
    let hastened = async {
        next_signal().await;
        tokio::time::sleep(GRACE_HASTENED).await;
    };
    tokio::select! {
        result = &mut main => result,
        () = tokio::time::sleep(grace) => Err(anyhow!("did not stop within {grace:?} of {name}")),
        () = hastened => Err(anyhow!("did not stop within {GRACE_HASTENED:?} of a second signal")),
    }
}

/// The signals that ask a program to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// The terminal went away. `None` where whoever started the program had that ignored, as `nohup` does.
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        // Where there is no such file (not Linux) nothing is known to be ignored.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let hangup = (!hangup_is_ignored(&status)).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: hangup.transpose()?,
        })
    }

    /// The name of the next signal.
    async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = hangup => "SIGHUP",
        }
    }
}

/// Reads `/proc/PID/status`: `SigIgn` is a mask in hexadecimal, and SIGHUP is signal 1, its lowest bit.
fn hangup_is_ignored(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// Yields a signal at once, as often as asked for; then none.
    async fn signals(count: &mut u32) -> &'static str {
        match count.checked_sub(1) {
            Some(left) => {
                *count = left;
                "SIGTERM"
            }
            None => pending().await,
        }
    }

    async fn stop(
        main: impl Future<Output = anyhow::Result<()>>,
        shutdown: &CancellationToken,
        mut count: u32,
    ) -> anyhow::Result<()> {
        until_stopped(main, shutdown, async || signals(&mut count).await, MINUTE).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_drains_ends_as_it_says() {
        let shutdown = CancellationToken::new();
        let drained = async {
            shutdown.cancelled().await;
            tokio::time::sleep(MINUTE / 2).await;
            Ok(())
        };
        stop(drained, &shutdown, 1).await.expect("drained");
        let shutdown = CancellationToken::new();
        let failed = async {
            shutdown.cancelled().await;
            Err(anyhow!("the last batch was lost"))
        };
        let error = stop(failed, &shutdown, 1).await.expect_err("failed");
        assert_eq!(error.to_string(), "the last batch was lost");
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_does_not_stop_is_left_behind_after_the_grace_period() {
        let error = stop(pending(), &CancellationToken::new(), 1)
            .await
            .expect_err("stuck");
        assert_eq!(error.to_string(), "did not stop within 60s of SIGTERM");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_hastens() {
        let error = stop(pending(), &CancellationToken::new(), 2)
            .await
            .expect_err("stuck");
        assert_eq!(
            error.to_string(),
            "did not stop within 1s of a second signal"
        );
        let shutdown = CancellationToken::new();
        let quick = async {
            shutdown.cancelled().await;
            tokio::time::sleep(GRACE_HASTENED / 2).await;
            Ok(())
        };
        stop(quick, &shutdown, 2).await.expect("quick enough");
    }

    #[test]
    fn the_exit_code_tells_what_the_error_asks_for() {
        let degraded = anyhow::Error::new(Exit::silent(4)).context("while reading the status");
        assert_eq!(report(&degraded), ExitCode::from(4));
        assert_eq!(report(&anyhow!("no")), ExitCode::from(1));
    }

    #[test]
    fn a_hangup_that_nohup_ignores_stays_ignored() {
        assert!(hangup_is_ignored("SigBlk:\t0\nSigIgn:\t0000000000001001\n"));
        assert!(!hangup_is_ignored("SigIgn:\t0000000000001000\n"));
        assert!(!hangup_is_ignored(""));
    }
}
