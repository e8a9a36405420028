//! Why something was not done, in words for a person, and of which kind, for exit codes and HTTP statuses.

use std::fmt;

use arena_bus::BusError;
use arena_view::action::Refused;

/// How the mend begins, on a line of its own.
const MEND: &str = "\n  mend: ";

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was asked wrongly: however things stand, it cannot be done.
    Usage,
    /// There is no such thing.
    NotFound,
    /// It can be asked, and not as things stand.
    Refused,
    /// Who should answer is not there.
    NotRunning,
    /// Who should answer did not, in time.
    Timeout,
    /// Anything else.
    Failed,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct OperatorError {
    /// What kind of failure it is.
    pub kind: Kind,
    /// In words; what to do about it is on a line of its own that begins with `mend: `.
    pub what: String,
}

impl Kind {
    pub(crate) fn because(self, what: impl fmt::Display) -> OperatorError {
        OperatorError {
            kind: self,
            what: what.to_string(),
        }
    }
}

impl OperatorError {
    /// Why, without the mend.
    #[must_use]
    pub fn sentence(&self) -> &str {
        self.what
            .split_once(MEND)
            .map_or(&self.what, |(sentence, _)| sentence)
    }

    /// What a person does about it, where that is known.
    #[must_use]
    pub fn mend(&self) -> Option<&str> {
        self.what.split_once(MEND).map(|(_, mend)| mend)
    }

    /// The bus ended while something was waited for.
    pub(crate) fn bus_gone() -> Self {
        Kind::NotRunning.because("the bus went away")
    }
}

impl From<BusError> for OperatorError {
    fn from(error: BusError) -> Self {
        match error {
            BusError::NotRunning { .. } => {
                Kind::NotRunning.because(format!("{error}{MEND}`arena up` starts what is missing"))
            }
            BusError::NoAnswer { .. } => Kind::Timeout.because(format!(
                "{error}{MEND}`arena status` shows whether it runs; when it wakes up it drops what it was asked meanwhile"
            )),
            BusError::NoServer { .. } | BusError::Disconnected => Kind::NotRunning.because(error),
            // What is wrong with the request needs no name of who says so.
            BusError::Answered { code, message, service } => match code {
                400 => Kind::Usage.because(message),
                404 => Kind::NotFound.because(message),
                409 => Kind::Refused.because(message),
                _ => Kind::Failed.because(format!("{service}: {message}")),
            },
            error => Kind::Failed.because(error),
        }
    }
}

impl From<Refused> for OperatorError {
    fn from(refused: Refused) -> Self {
        let kind = if refused.is_usage {
            Kind::Usage
        } else {
            Kind::Refused
        };
        kind.because(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mend_is_told_apart() {
        let error = Kind::Refused.because("the lever is STOPPED\n  mend: arena lever resume");
        assert_eq!(error.sentence(), "the lever is STOPPED");
        assert_eq!(error.mend(), Some("arena lever resume"));
        let error = Kind::Failed.because("so it is");
        assert_eq!((error.sentence(), error.mend()), ("so it is", None));
    }
}
