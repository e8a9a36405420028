//! What every binary of Arena needs and none should write again: arguments, logs, traces, the clock, signals, drain,
//! and an exit code that tells the truth.
//!
//! A `main.rs` calls [`run`] (or [`Program`], to ask for more) and gets its arguments and a [`Chassis`].
//!
//! Absent on purpose: the bus, configuration files, and any opinion about what a program does.
//!
//! Invariants: nothing else in the project reads a clock ([`Clock`]); nothing ends the process but a return from
//! `main`; recording a span never blocks and never fails.

mod clock;
mod export;
mod logs;
mod program;
mod trace;

pub use clock::Clock;
pub use program::{Exit, Program, run};
pub use tokio_util::sync::CancellationToken;
pub use trace::{Span, SpanKind, Tracer};

/// What a program is given to run on. Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Chassis {
    /// The time.
    pub clock: Clock,
    /// Cancelled when the program should stop: drain and return within the grace period.
    pub shutdown: CancellationToken,
    /// Where finished spans go.
    pub tracer: Tracer,
}

impl Chassis {
    /// A chassis outside of a program, for tests: the real clock, a token of its own, and no traces.
    #[must_use]
    pub fn detached() -> Self {
        Self {
            clock: Clock::new(),
            shutdown: CancellationToken::new(),
            tracer: Tracer::disabled(),
        }
    }
}
