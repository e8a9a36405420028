//! Where the database is. Nothing here prints a password: neither `Display` nor `Debug` nor an error.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sea_orm::sqlx::postgres::PgConnectOptions;

/// Where the database is: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A file on this machine.
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Its folder is made when it is missing: the folder is Arena's own. Any other one that is missing is more
        /// likely a slip of the pen.
        makes_folder: bool,
    },
    /// A PostgreSQL server.
    Postgres {
        /// As given, with the password.
        url: String,
        /// For people: host, port, database and user, without the password.
        shown: String,
    },
}

/// A text that is no address. Does not repeat the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the database address is not usable: {cause}\n  mend: give --database (or DATABASE_URL) sqlite:PATH or \
     postgres://USER:PASSWORD@HOST:PORT/DATABASE; in a password, write @ : / ? # % as %40 %3A %2F %3F %23 %25"
)]
pub struct AddressError {
    cause: String,
}

impl Address {
    /// The file `arena.db` in Arena's own data folder.
    #[must_use]
    pub fn in_data_dir(folder: &Path) -> Self {
        Self::Sqlite {
            path: folder.join("arena.db"),
            makes_folder: true,
        }
    }

    /// `sqlite` or `postgres`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |cause: &str| AddressError {
            cause: cause.to_owned(),
        };
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // What is wrong is told without the text; the parser's errors name a part and never a value.
            let options = PgConnectOptions::from_str(text)
                .map_err(|_| error("it begins like a PostgreSQL URL, and cannot be read as one"))?;
            return Ok(Self::Postgres {
                url: text.to_owned(),
                shown: shown(&options),
            });
        }
        if text.is_empty() {
            return Err(error("it is empty"));
        }
        let Some(path) = text.strip_prefix("sqlite:") else {
            // What is before :// is no secret.
            let scheme = text.split_once("://").map(|(scheme, _)| scheme);
            return Err(error(&scheme.map_or_else(
                || "it begins with neither sqlite: nor postgres://".to_owned(),
                |scheme| format!("{scheme}:// is neither sqlite: nor postgres://"),
            )));
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        match path {
            "" => Err(error("sqlite: without a path")),
            ":memory:" => Err(error(
                "a database in memory keeps nothing, which is what it is for",
            )),
            path if path.contains('?') => Err(error("sqlite: takes no parameters")),
            path => Ok(Self::Sqlite {
                path: PathBuf::from(path),
                makes_folder: false,
            }),
        }
    }
}

fn shown(options: &PgConnectOptions) -> String {
    let server = options.get_socket().map_or_else(
        || format!("{}:{}", options.get_host(), options.get_port()),
        |socket| socket.display().to_string(),
    );
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    format!("PostgreSQL database {database:?} at {server} as user {user:?}")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path, .. } => write!(f, "SQLite database {}", path.display()),
            Self::Postgres { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_the_password() {
        let shown = |text: &str| text.parse::<Address>().unwrap().to_string();
        assert_eq!(
            shown("postgres://arena:s3cret@db.example:6432/history"),
            "PostgreSQL database \"history\" at db.example:6432 as user \"arena\""
        );
        assert_eq!(shown("sqlite:///var/a.db"), "SQLite database /var/a.db");
        assert_eq!(shown("sqlite:data/a.db"), "SQLite database data/a.db");
        let address: Address = "postgresql://arena:s3cret@h/d".parse().unwrap();
        assert!(!format!("{address:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_mend_and_without_the_password() {
        for text in [
            "mysql://root:s3cret@h/d",
            "postgres://arena:s3cret@h:notaport/d",
            "postgres://arena:s3c/ret@h/d",
            "sqlite::memory:",
            "sqlite:a.db?mode=rwc&key=s3cret",
            "sqlite:",
            "arena.db",
            "",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("mend:"), "{error}");
            assert!(!error.contains("s3c"), "{error}");
        }
    }
}
