//! How what a person was refused, or what went wrong on the bus, is told over HTTP; and that nobody can say.

use arena_operator::{Kind as Why, OperatorError};

use crate::http::problem::{Kind, Problem};
use crate::live::LiveHandle;

/// Fails while nobody can say what there is: then an empty list, or nothing by that name, would be a lie.
pub(super) fn known(live: &LiveHandle) -> Result<(), Problem> {
    let bus = live.bus();
    let what = match (bus.connected, bus.caught_up) {
        (true, true) => return Ok(()),
        (true, false) => "what the streams keep is still being read, the bus is there since",
        (false, _) => "the bus is away since",
    };
    Err(Problem::new(Kind::Unknown, format!("{what} {}", bus.since)))
}

impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        let kind = match error.kind {
            Why::Usage => Kind::BadRequest,
            Why::NotFound => Kind::NotFound,
            Why::Refused => Kind::Refused,
            Why::Timeout => Kind::Timeout,
            // What fails on the bus fails because it is away, or because the database behind the recorder is: nobody can say.
            Why::NotRunning | Why::Failed => Kind::Unknown,
        };
        Self::new(kind, error.what)
    }
}
