//! The database: SQLite in a file, or PostgreSQL; the same code, entities and migrations for both.
//!
//! There is one writer at a time, whoever else is connected: SQLite's write lock and a PostgreSQL advisory lock see
//! to it, so that a fold (read, merge, write) never loses a fact to another one. Reading has connections of its own.
//!
//! Times are nanoseconds since the Unix epoch in `bigint` columns named `..._ns`: PostgreSQL's `timestamptz` keeps
//! microseconds only, and the two databases would disagree about the last digits.

mod address;
mod efficacy;
mod entity;
mod error;
mod fold;
mod migration;
mod open;
mod query;
mod retain;
mod rollup;
mod score;
mod store;
mod story;

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

pub use address::{Address, AddressError};
pub use error::DatabaseError;
pub use retain::{Retained, Retention};
pub use rollup::{PendingRollup, SeriesIds};
pub use store::NewEvent;

/// How long one transaction may take before it counts as failed: far more than a healthy database needs, and short
/// enough that a server that vanished without a word (no RST) is noticed while people look.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// How long reading may take: who asks on the bus waits for 5 s, and should be told why there is no answer.
const READ_MAX: Duration = Duration::from_secs(4);

/// Key of the PostgreSQL advisory lock that a writer holds for the length of a transaction ("arena rec" in ASCII).
const WRITER_LOCK: i64 = 0x6172_656e_6172_6563;

/// An open database. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    address: Address,
}

impl Database {
    /// `sqlite` or `postgres`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.address.kind()
    }

    /// Waits for what is under way, and closes the connections.
    pub async fn close(self) -> Result<(), DatabaseError> {
        let closing = async {
            self.reader.close().await?;
            self.writer.close().await
        };
        within("closing", WRITE_MAX, closing).await
    }

    /// Does `work` in one transaction as the only writer, and commits it.
    async fn write<T>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, DbErr>,
    ) -> Result<T, DatabaseError> {
        within(operation, WRITE_MAX, async {
            let transaction = begin_alone(&self.writer).await?;
            let done = work(&transaction).await?;
            transaction.commit().await?;
            Ok(done)
        })
        .await
    }
}

/// Begins a transaction that no other writer's overlaps.
async fn begin_alone(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        // A deferred one would find out at its first write that another came between, and fail.
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = writer.begin_with_options(options).await?;
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction
            .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({WRITER_LOCK})"))
            .await?;
    }
    Ok(transaction)
}

/// Bounds an operation in time, and says which one failed.
async fn within<T>(
    operation: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DatabaseError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result.map_err(|source| DatabaseError::Failed { operation, source }),
        Err(_) => Err(DatabaseError::TooSlow { operation, limit }),
    }
}
