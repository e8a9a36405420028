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
            let signals = Signals::listen().context("cannot listen for signals")?;
            let shutdown = chassis.shutdown.clone();
            until_stopped(main(chassis), &shutdown, signals, self.grace).await
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
    mut signals: Signals,
    grace: Duration,
) -> anyhow::Result<()> {
    let mut main = pin!(main);
    let name = tokio::select! {
        result = &mut main => return result,
        name = signals.next() => name,
    };
    tracing::info!("{name}: stopping");
    shutdown.cancel();
    let hastened = async {
        signals.next().await;
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
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The name of the next signal.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
