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

impl Database {
    /// Stores a closed bucket. What the bucket already has (a recorder that stopped in its midst) is added to.
    pub async fn store_rollup(
        &self,
        ids: &mut SeriesIds,
        rollup: &Rollup,
    ) -> Result<(), DatabaseError> {
        let known = ids.clone();
        let learned = self
            .write("storing roll-ups", async move |transaction| {
                let mut ids = known;
                name_series(transaction, &mut ids, rollup).await?;
                insert(transaction, &ids, rollup).await?;
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
        .filter(|series| !ids.0.contains_key(series))
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

async fn insert(
    transaction: &DatabaseTransaction,
    ids: &SeriesIds,
    rollup: &Rollup,
) -> Result<(), DbErr> {
    let start = rollup.start.unix_nanos();
    let held = rollups::Entity::find().filter(rollups::Column::BucketStartNs.eq(start));
    let held: BTreeMap<i64, rollups::Model> = held
        .all(transaction)
        .await?
        .into_iter()
        .map(|row| (row.series_id, row))
        .collect();
    let rows: Vec<rollups::ActiveModel> = rollup
        .readings
        .iter()
        .filter_map(|(series, reading)| Some((*ids.0.get(series)?, *reading)))
        .map(|(id, reading)| row(start, id, merged(held.get(&id), reading)))
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

fn merged(held: Option<&rollups::Model>, reading: Reading) -> Reading {
    match held {
        None => reading,
        Some(held) => Reading {
            count: held.count,
            min: held.min,
            max: held.max,
            sum: held.sum,
            last: held.last,
        }
        .then(reading),
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
