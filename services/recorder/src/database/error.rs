//! What can go wrong with the database, and what a person can do about it.

use std::time::Duration;

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr};

/// An operation on the database failed. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be opened.
    #[error("cannot open the {database}: {cause}\n  mend: {mend}")]
    Open {
        /// Which one, without its password.
        database: String,
        /// What the driver says.
        cause: String,
        /// What to do about it.
        mend: &'static str,
    },
    /// It did what it was asked to no longer, or refused.
    #[error("the database failed at {operation}: {source}")]
    Failed {
        /// What was asked.
        operation: &'static str,
        /// What the driver says.
        #[source]
        source: DbErr,
    },
    /// It did not answer.
    #[error("the database did not finish {operation} within {limit:?}")]
    TooSlow {
        /// What was asked.
        operation: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// A request names what is not there.
    #[error("there is no {what} {id:?}")]
    NoSuch {
        /// What kind of thing: an incident, a command.
        what: &'static str,
        /// What was named.
        id: String,
    },
    /// A request names an incident by the beginning of its id, and there are several.
    #[error("{prefix:?} is the beginning of several incidents: {}; give more of the id", some.join(", "))]
    SeveralIncidents {
        /// What was named.
        prefix: String,
        /// Some of them.
        some: Vec<String>,
    },
    /// What a row holds does not read back.
    #[error("the row of {row} cannot be read back: {cause}")]
    Row {
        /// Which row.
        row: String,
        /// What the reader says.
        cause: String,
    },
}

impl DatabaseError {
    /// Whether the database is well and refuses these very values: trying them again is in vain.
    #[must_use]
    pub fn is_about_the_values(&self) -> bool {
        let Self::Failed { source, .. } = self else {
            return matches!(self, Self::Row { .. });
        };
        let Some(code) = code(source) else {
            // A value that has no form in the database, or a row that does not fit its entity.
            return matches!(source, DbErr::Type(_) | DbErr::Json(_));
        };
        match code.len() {
            // SQLSTATE: class 22 is "data exception", 23 "integrity constraint violation".
            5 => code.starts_with("22") || code.starts_with("23"),
            // SQLite: TOOBIG, CONSTRAINT, MISMATCH, RANGE (the low byte of an extended code).
            _ => matches!(sqlite_code(&code), Some(18 | 19 | 20 | 25)),
        }
    }
}

/// The driver's own error, where there is one.
pub(super) fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// A SQLSTATE (five characters) or an extended SQLite result code (a number).
pub(super) fn code(error: &DbErr) -> Option<String> {
    let error = driver_error(error)?.as_database_error()?;
    error.code().map(std::borrow::Cow::into_owned)
}

/// The primary SQLite result code of an extended one (<https://www.sqlite.org/rescode.html>).
pub(super) fn sqlite_code(code: &str) -> Option<u32> {
    code.parse::<u32>().ok().map(|code| code & 0xff)
}
