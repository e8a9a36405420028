//! Opening the database: connections, settings, migrations, and words for who gave a wrong address.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions as _, Connection};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr};
use sea_orm_migration::MigratorTrait;

use super::error::{code, driver_error, sqlite_code};
use super::migration::Migrator;
use super::{Address, Database, DatabaseError, begin_alone};

/// How long a writer waits for another program's write lock on SQLite (a backup, a person's shell) before it fails and
/// tries again; less than [`CONNECT_MAX`], so that a lock is told as a lock.
const BUSY_MAX: Duration = Duration::from_secs(2);
/// How long opening a connection, or waiting for one from the pool, may take, and no less: who waited in vain says so,
/// and one who had to wait is no news. Less than [`super::READ_MAX`], so that
/// who asks is told that this is what failed.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How long a server may take to answer when the database is opened: `arena up` asks before it starts anything, and
/// whoever waits for it should soon know.
const REACH_MAX: Duration = Duration::from_secs(2);
/// Before the one other try at a locked SQLite file: where two recorders make it together, the second finds it locked
/// while the first switches it to WAL, and SQLite does not wait for that.
const LOCKED_PAUSE: Duration = Duration::from_millis(200);
/// Migrating may rewrite tables.
const MIGRATE_MAX: Duration = Duration::from_mins(5);
/// Writing is one transaction after another anyway.
const WRITERS: u32 = 1;
/// SQLite: a connection is a thread and a page cache. PostgreSQL: a process of the server.
const READERS_SQLITE: u32 = 1;
const READERS_POSTGRES: u32 = 2;

const MEND_PATH: &str =
    "give a path in a folder that this user may write (--data-dir, or --database sqlite:PATH)";
const MEND_FOLDER: &str = "make the folder first, or mend the path in --database sqlite:PATH";
const MEND_DAMAGED: &str =
    "the file is no SQLite database or is damaged: restore a backup, or move it away to begin anew";
const MEND_LOCKED: &str = "another program holds a lock on it: close it and start again";
const MEND_SERVER: &str = "is PostgreSQL running there, and does it take connections from here?";
const MEND_LOGIN: &str = "check user and password in --database or DATABASE_URL, and pg_hba.conf";
const MEND_CREATE: &str = "create it: createdb -O USER DATABASE";
const MEND_RIGHTS: &str =
    "the user needs CREATE on the schema: GRANT CREATE ON SCHEMA public TO USER";
const MEND_NEWER: &str =
    "it was made by another version of Arena: start that one, or use another database";
const MEND_UNKNOWN: &str = "see the cause; docs/database.md says what the database must allow";

impl Database {
    /// Opens the database, makes what is missing (folder, file, tables), and migrates it to this version. Does not wait
    /// for a server that is not there: whoever started the recorder decides what then.
    pub async fn open(address: &Address) -> Result<Self, DatabaseError> {
        let opening = async {
            let (writer, reader) = match address {
                Address::Sqlite { path, makes_folder } => {
                    folder_of(path, *makes_folder)
                        .map_err(|(cause, mend)| failed(address, &cause, mend))?;
                    (
                        connect(address, sqlite(path, false)).await?,
                        sqlite(path, true),
                    )
                }
                Address::Postgres { url, .. } => {
                    reach(address, url).await?;
                    (
                        connect(address, postgres(url, WRITERS)).await?,
                        postgres(url, READERS_POSTGRES),
                    )
                }
            };
            migrate(&writer)
                .await
                .map_err(|error| failed(address, &error, mend(&error)))?;
            // Only now: SQLite's reader finds the journal mode and the tables in place.
            let reader = connect(address, reader).await?;
            Ok(Self {
                writer,
                reader,
                address: address.clone(),
            })
        };
        match tokio::time::timeout(MIGRATE_MAX, opening).await {
            Ok(result) => result,
            Err(_) => Err(failed(
                address,
                &format!("not done within {MIGRATE_MAX:?}"),
                MEND_UNKNOWN,
            )),
        }
    }
}

/// Sees to it that there is a folder for the file, or says what is wrong and how to mend it.
fn folder_of(path: &Path, makes_folder: bool) -> Result<(), (String, &'static str)> {
    if path.is_dir() {
        return Err(("it is a folder".to_owned(), MEND_PATH));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let shown = folder.display();
    if folder.exists() {
        return Err((format!("{shown} is no folder"), MEND_PATH));
    }
    if !makes_folder {
        return Err((format!("there is no folder {shown}"), MEND_FOLDER));
    }
    std::fs::create_dir_all(folder).map_err(|error| {
        (
            format!("cannot make the folder {shown}: {error}"),
            MEND_PATH,
        )
    })
}

/// One try to log in. The pool tries again and again where a server refuses, and forgets why.
async fn reach(address: &Address, url: &str) -> Result<(), DatabaseError> {
    let login = async {
        let connection = PgConnectOptions::from_str(url)?.connect().await?;
        connection.close().await
    };
    match tokio::time::timeout(REACH_MAX, login).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let error = DbErr::Conn(RuntimeErr::SqlxError(error.into()));
            Err(failed(address, &error, mend(&error)))
        }
        Err(_) => {
            let cause = format!("no answer within {REACH_MAX:?}");
            Err(failed(address, &cause, MEND_SERVER))
        }
    }
}

/// One transaction for all: a migration that fails leaves nothing behind, and two recorders that start together
/// migrate one after the other.
async fn migrate(writer: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = begin_alone(writer).await?;
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}

fn sqlite(path: &Path, reads: bool) -> ConnectOptions {
    // The URL is only a placeholder: a path is not always a valid one.
    let mut options = pool(
        "sqlite:placeholder",
        if reads { READERS_SQLITE } else { WRITERS },
    );
    let path = path.to_owned();
    options.map_sqlx_sqlite_pool_opts(|pool| pool.acquire_slow_threshold(CONNECT_MAX));
    options.map_sqlx_sqlite_opts(move |options| {
        let options = options.filename(&path).busy_timeout(BUSY_MAX);
        if reads {
            return options.pragma("query_only", "on");
        }
        options
            .create_if_missing(true)
            // Readers go on while the writer writes.
            .journal_mode(SqliteJournalMode::Wal)
            // An acked event has left the stream's care: it must survive a loss of power, so every commit is synced.
            // A batch is one commit.
            .synchronous(SqliteSynchronous::Full)
    });
    options
}

fn postgres(url: &str, connections: u32) -> ConnectOptions {
    let mut options = pool(url, connections);
    options.set_application_name("arena-recorder");
    options.map_sqlx_postgres_pool_opts(|pool| pool.acquire_slow_threshold(CONNECT_MAX));
    options
}

fn pool(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .connect_timeout(CONNECT_MAX)
        .acquire_timeout(CONNECT_MAX)
        // A connection is pinged before use and never retired: nothing wakes up while nothing happens.
        .test_before_acquire(true)
        .idle_timeout(None)
        .max_lifetime(None)
        // Statements are no news, and failed ones are told by who asked.
        .sqlx_logging(false);
    options
}

async fn connect(
    address: &Address,
    options: ConnectOptions,
) -> Result<DatabaseConnection, DatabaseError> {
    let mut result = sea_orm::Database::connect(options.clone()).await;
    if result
        .as_ref()
        .is_err_and(|error| mend(error) == MEND_LOCKED)
    {
        tokio::time::sleep(LOCKED_PAUSE).await;
        result = sea_orm::Database::connect(options).await;
    }
    result.map_err(|error| failed(address, &error, mend(&error)))
}

fn failed(address: &Address, cause: &impl ToString, mend: &'static str) -> DatabaseError {
    DatabaseError::Open {
        database: address.to_string(),
        cause: cause.to_string(),
        mend,
    }
}

fn mend(error: &DbErr) -> &'static str {
    if let DbErr::Custom(text) | DbErr::Migration(text) = error
        && text.contains("is missing")
    {
        return MEND_NEWER;
    }
    match code(error) {
        None => match driver_error(error) {
            Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => MEND_SERVER,
            _ => MEND_UNKNOWN,
        },
        Some(code) if code.len() == 5 => match code.as_str() {
            "28P01" | "28000" => MEND_LOGIN,
            "3D000" => MEND_CREATE,
            "42501" => MEND_RIGHTS,
            "57P03" | "53300" => MEND_SERVER,
            _ => MEND_UNKNOWN,
        },
        Some(code) => match sqlite_code(&code) {
            Some(5 | 6) => MEND_LOCKED,
            Some(3 | 8 | 10 | 13 | 14 | 23) => MEND_PATH,
            Some(11 | 26) => MEND_DAMAGED,
            _ => MEND_UNKNOWN,
        },
    }
}
