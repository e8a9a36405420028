//! Writing roll-ups: names once, in `series`; numbers in `rollups`.

use std::collections::{BTreeMap, HashMap};

use arena_proto::ServiceName;
use arena_recorder_core::{Reading, Rollup, Series};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, Set,
};

use super::entity::{rollups, series};
use super::{Database, DatabaseError};

/// What `series.service` says of the node itself; no service can be called so.
const NODE_ITSELF: &str = "_";
/// Rows in one statement: 7 columns each stay below SQLite's 32,766 parameters.
const ROWS_PER_STATEMENT: usize = 1000;

/// The ids of the series that are known: an id never changes, so that it is looked up once.
#[derive(Debug, Clone, Default)]
pub struct SeriesIds(HashMap<Series, i64>);

/// A closed bucket on its way into the database.
#[derive(Debug)]
pub struct PendingRollup {
    rollup: Rollup,
    /// What the database had of it before the first attempt.
    before: Option<Held>,
}

impl PendingRollup {
    /// A bucket that was not tried yet.
    #[must_use]
    pub const fn new(rollup: Rollup) -> Self {
        Self {
            rollup,
            before: None,
        }
    }
}

type Held = BTreeMap<i64, Reading>;

impl Database {
    /// Stores a closed bucket. What the database already has of it (a recorder that stopped in its midst) is added to,
    /// once, however often this is tried: the answer to a commit may be lost.
    pub async fn store_rollup(
        &self,
        ids: &mut SeriesIds,
        pending: &mut PendingRollup,
    ) -> Result<(), DatabaseError> {
        let PendingRollup { rollup, before } = pending;
        let known = ids.clone();
        let learned = self
            .write("storing roll-ups", async |transaction| {
                let mut ids = known;
                name_series(transaction, &mut ids, rollup).await?;
                let held = match before {
                    Some(held) => held,
                    None => before.insert(held(transaction, rollup).await?),
                };
                insert(transaction, &ids, held, rollup).await?;
                Ok(ids)
            })
            .await?;
        // Only once it is committed: an id that was rolled back is nobody's.
        *ids = learned;
        Ok(())
    }
}

/// Gives every series of the bucket an id.
async fn name_series(
    transaction: &DatabaseTransaction,
    ids: &mut SeriesIds,
    rollup: &Rollup,
) -> Result<(), DbErr> {
    let unknown: Vec<&Series> = rollup
        .readings
        .keys()
        .filter(|series| !ids.0.contains_key(*series))
        .collect();
    for chunk in unknown.chunks(ROWS_PER_STATEMENT) {
        let rows = chunk.iter().map(|series| series::ActiveModel {
            node: Set(series.entity.node.to_string()),
            service: Set(service_column(series)),
            metric: Set(series.metric.clone()),
            ..Default::default()
        });
        let names = [
            series::Column::Node,
            series::Column::Service,
            series::Column::Metric,
        ];
        series::Entity::insert_many(rows)
            .on_conflict(OnConflict::columns(names).do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
    }
    let mut nodes: Vec<&str> = unknown.iter().map(|s| s.entity.node.as_str()).collect();
    nodes.dedup();
    for node in nodes {
        let rows = series::Entity::find().filter(series::Column::Node.eq(node));
        let held: HashMap<(String, String), i64> = rows
            .all(transaction)
            .await?
            .into_iter()
            .map(|row| ((row.service, row.metric), row.id))
            .collect();
        for series in unknown.iter().filter(|s| s.entity.node.as_str() == node) {
            let id = held.get(&(service_column(series), series.metric.clone()));
            if let Some(id) = id {
                ids.0.insert((*series).clone(), *id);
            }
        }
    }
    Ok(())
}

/// What the bucket has: of a recorder that stopped in its midst.
async fn held(transaction: &DatabaseTransaction, rollup: &Rollup) -> Result<Held, DbErr> {
    let start = rollup.start.unix_nanos();
    let rows = rollups::Entity::find().filter(rollups::Column::BucketStartNs.eq(start));
    let rows = rows.all(transaction).await?.into_iter();
    Ok(rows.map(|row| (row.series_id, reading(&row))).collect())
}

async fn insert(
    transaction: &DatabaseTransaction,
    ids: &SeriesIds,
    held: &Held,
    rollup: &Rollup,
) -> Result<(), DbErr> {
    let start = rollup.start.unix_nanos();
    let rows: Vec<rollups::ActiveModel> = rollup
        .readings
        .iter()
        .filter_map(|(series, reading)| Some((*ids.0.get(series)?, *reading)))
        .map(|(id, reading)| {
            let sum = held.get(&id).map_or(reading, |held| held.then(reading));
            row(start, id, sum)
        })
        .collect();
    for chunk in rows.chunks(ROWS_PER_STATEMENT) {
        let replace =
            OnConflict::columns([rollups::Column::BucketStartNs, rollups::Column::SeriesId])
                .update_columns([
                    rollups::Column::Count,
                    rollups::Column::Min,
                    rollups::Column::Max,
                    rollups::Column::Sum,
                    rollups::Column::Last,
                ])
                .to_owned();
        rollups::Entity::insert_many(chunk.to_vec())
            .on_conflict(replace)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

fn reading(row: &rollups::Model) -> Reading {
    Reading {
        count: row.count,
        min: row.min,
        max: row.max,
        sum: row.sum,
        last: row.last,
    }
}

fn row(bucket_start_ns: i64, series_id: i64, reading: Reading) -> rollups::ActiveModel {
    rollups::Model {
        bucket_start_ns,
        series_id,
        count: reading.count,
        min: reading.min,
        max: reading.max,
        sum: reading.sum,
        last: reading.last,
    }
    .into_active_model()
}

fn service_column(series: &Series) -> String {
    let service = series.entity.service.as_ref();
    service.map_or(NODE_ITSELF, ServiceName::as_str).to_owned()
}
