//! Removing what is old, a bounded batch a transaction, so that events never wait long for a deletion.

use std::time::Duration;

use arena_proto::Timestamp;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::entity::{actions, events, evidence, faults, incidents, rollups};
use super::{Database, DatabaseError};

/// Rows that one transaction deletes, and the rows of the same nanosecond as the last of them (a batch of events, a
/// bucket): some ten milliseconds of work.
const ROWS_PER_BATCH: u64 = 1000;

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events since they were stored; incidents, actions, evidence and faults since they last changed.
    pub events: Duration,
    /// Roll-ups since their bucket began.
    pub rollups: Duration,
}

/// How many rows were removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retained {
    /// Events.
    pub events: u64,
    /// Incidents, actions, evidence and faults.
    pub records: u64,
    /// Roll-ups.
    pub rollups: u64,
}

impl Database {
    /// Removes everything that is older than it is to be kept.
    pub async fn retain(
        &self,
        now: Timestamp,
        retention: Retention,
    ) -> Result<Retained, DatabaseError> {
        let events = now - retention.events;
        let rollups = now - retention.rollups;
        Ok(Retained {
            events: self
                .remove::<events::Entity>(events::Column::StoredAtNs, events)
                .await?,
            records: self
                .remove::<incidents::Entity>(incidents::Column::UpdatedAtNs, events)
                .await?
                + self
                    .remove::<actions::Entity>(actions::Column::UpdatedAtNs, events)
                    .await?
                + self
                    .remove::<evidence::Entity>(evidence::Column::UpdatedAtNs, events)
                    .await?
                + self
                    .remove::<faults::Entity>(faults::Column::UpdatedAtNs, events)
                    .await?,
            rollups: self
                .remove::<rollups::Entity>(rollups::Column::BucketStartNs, rollups)
                .await?,
        })
    }

    async fn remove<E: EntityTrait>(
        &self,
        column: E::Column,
        before: Timestamp,
    ) -> Result<u64, DatabaseError> {
        let before = before.unix_nanos();
        let mut removed = 0;
        loop {
            let batch = self
                .write("removing what is old", async |transaction| {
                    remove_batch::<E>(transaction, column, before).await
                })
                .await?;
            removed += batch;
            if batch < ROWS_PER_BATCH {
                return Ok(removed);
            }
        }
    }
}

/// Removes the oldest rows.
async fn remove_batch<E: EntityTrait>(
    transaction: &DatabaseTransaction,
    column: E::Column,
    before: i64,
) -> Result<u64, DbErr> {
    let last_of_batch: Option<i64> = E::find()
        .select_only()
        .column(column)
        .filter(column.lt(before))
        .order_by_asc(column)
        .offset(ROWS_PER_BATCH - 1)
        .limit(1)
        .into_tuple()
        .one(transaction)
        .await?;
    let upto = match last_of_batch {
        Some(at) => column.lte(at),
        None => column.lt(before),
    };
    let done = E::delete_many().filter(upto).exec(transaction).await?;
    Ok(done.rows_affected)
}
