//! Why a fault was not made, and whether asking again may help.

use arena_proto::FaultReason;

/// A refusal, by the injector or by a node, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// For how things stand: a ceiling, the lever, a process that does not run. Later it may be taken.
    ForNow(String),
    /// For what it is: the target cannot take it, now or later.
    ForGood(String),
}

impl Refusal {
    /// A node's. One whose reason it does not tell is not known to stay.
    pub(crate) fn of_node(reason: Option<FaultReason>, message: &str) -> Self {
        let message = message.to_owned();
        match reason {
            Some(
                FaultReason::ChaosOff
                | FaultReason::UnknownFault
                | FaultReason::UnknownTarget
                | FaultReason::BadParameter
                | FaultReason::Unsupported,
            ) => Self::ForGood(message),
            _ => Self::ForNow(message),
        }
    }

    pub(crate) fn why(&self) -> &str {
        match self {
            Self::ForNow(why) | Self::ForGood(why) => why,
        }
    }
}
