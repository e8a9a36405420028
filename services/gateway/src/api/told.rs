//! How what a person was refused, or what went wrong on the bus, is told over HTTP.

use arena_operator::{Kind as Why, OperatorError};

use crate::http::problem::{Kind, Problem};

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
