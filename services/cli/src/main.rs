//! `arena`: starts an arena, shows it, hurts it and heals it, from a terminal.
//!
//! A table of contents: each command lives in a file of its own. Data goes to stdout, talk to stderr; the exit code
//! tells the truth ([`exit::Exit`]).

mod approve;
mod args;
mod client;
mod control;
mod decode;
mod demo;
mod do_action;
mod doctor;
mod down;
mod efficacy;
mod exit;
mod explain;
mod faults;
mod gym;
mod incidents;
mod inject;
mod lab;
mod lever;
mod logs;
mod mode;
mod own_arena;
mod pause;
mod people;
mod replay;
mod run;
mod scenarios;
mod screen;
mod status;
mod up;
mod villain;
mod watch;

use std::process::ExitCode;

use arena_proto::Verdict;
use args::{Arguments, Command};
use clap::{CommandFactory as _, Parser as _};
use exit::{Exit, Failure};

/// A simulated arena of thousands of nodes is many small things that live long: side by side they are walked faster (ADR 10).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Command::Gym(args) = &arguments.command {
        // Without a runtime: it reads, thinks and writes, and an interrupt ends it at once.
        return match gym::run(args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        };
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(anyhow::Error::new(error)).report(),
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn run(command: Command) -> Result<(), Failure> {
    match command {
        // These decide themselves what an interrupt means.
        Command::Up(args) => up::run(args).await,
        Command::Demo(args) => Box::pin(demo::run(args)).await,
        Command::Run(args) => Box::pin(run::run(args)).await,
        Command::Scenarios(args) => Box::pin(scenarios::run(args)).await,
        Command::Bench(args) => lab::bench::run(args).await,
        Command::Tournament(args) => lab::tournament::run(args).await,
        Command::Shrink(args) => lab::shrink::run(args).await,
        Command::Completions { shell } => {
            // Not straight to stdout: the generator panics when that is closed or full.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "arena", &mut script);
            Ok(screen::print_bytes(&script)?)
        }
        other => tokio::select! {
            result = run_interruptible(other) => result,
            _ = tokio::signal::ctrl_c() => Err(Exit::Interrupted.because("interrupted")),
        },
    }
}

async fn run_interruptible(command: Command) -> Result<(), Failure> {
    match command {
        Command::Down(args) => down::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Incidents(args) => incidents::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Efficacy(args) => efficacy::run(args).await,
        Command::Faults(args) => faults::run(args).await,
        Command::Villain(args) => villain::run(args).await,
        Command::Inject(args) => inject::run(args).await,
        Command::Revert(args) => inject::revert(args).await,
        Command::Do(args) => do_action::run(args).await,
        Command::Mode(args) => mode::run(args).await,
        Command::Lever(args) => lever::run(args).await,
        Command::Pause(args) => pause::pause(args).await,
        Command::Resume(args) => pause::resume(args).await,
        Command::Approvals(args) => approve::list(args).await,
        Command::Approve(args) => approve::answer(args, Verdict::Approved).await,
        Command::Deny(args) => approve::answer(args, Verdict::Denied).await,
        Command::Watch(args) => watch::run(args).await,
        Command::Decode(args) => decode::run(args).await,
        Command::Logs(args) => logs::run(args).await,
        Command::Doctor(args) => doctor::run(args).await,
        Command::Replay(args) => replay::run(args).await,
        Command::Up(_)
        | Command::Demo(_)
        | Command::Run(_)
        | Command::Gym(_)
        | Command::Scenarios(_)
        | Command::Bench(_)
        | Command::Tournament(_)
        | Command::Shrink(_)
        | Command::Completions { .. } => Ok(()),
    }
}
