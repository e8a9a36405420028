//! Exit codes, and failures that carry one. Scripts rest on these numbers.

use std::fmt;
use std::process::ExitCode;

use arena_operator::{Kind, OperatorError};

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It failed.
    Failed = 1,
    /// It was asked wrongly.
    Usage = 2,
    /// The arena, or the thing asked for, is not there.
    NotRunning = 3,
    /// The arena runs, and is not well.
    Degraded = 4,
    /// It took longer than it may.
    Timeout = 5,
    /// A person interrupted it.
    Interrupted = 130,
}

impl Exit {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Usage => Self::Usage,
            Kind::NotFound | Kind::NotRunning => Self::NotRunning,
            Kind::Timeout => Self::Timeout,
            Kind::Refused | Kind::Failed => Self::Failed,
        }
    }

    /// A failure with this code.
    pub(crate) fn because(self, what: impl fmt::Display) -> Failure {
        Failure {
            exit: self,
            error: anyhow::anyhow!("{what}"),
        }
    }
}

/// A failed command: the exit code, and what to say.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to say.
    pub error: anyhow::Error,
}

impl Failure {
    /// Says it on stderr.
    pub(crate) fn report(self) -> ExitCode {
        // A closed pipe is how `arena watch | head` ends: nobody is left to be told.
        let closed_pipe = self.error.chain().any(|cause| {
            cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
        });
        if closed_pipe {
            return ExitCode::SUCCESS;
        }
        // As clap and the components begin theirs.
        eprintln!("error: {:#}", self.error);
        ExitCode::from(self.exit as u8)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    /// With the code of the kind of an [`OperatorError`]; else it failed.
    fn from(error: E) -> Self {
        let error = error.into();
        let kind = error.downcast_ref().map(|error: &OperatorError| error.kind);
        Self {
            exit: kind.map_or(Exit::Failed, Exit::of),
            error,
        }
    }
}
