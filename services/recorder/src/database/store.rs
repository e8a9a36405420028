//! Writing events: each once, and what they fold into.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::{Timestamp, TraceContext};
use arena_recorder_core::Event;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, Iterable, PrimaryKeyToColumn, Set,
};

use super::entity::{events, totals};
use super::fold::{fold_actions, fold_evidence, fold_faults, fold_incidents};
use super::{Database, DatabaseError};

/// Names of the rows of `totals`.
pub(super) const TOTAL_EVENTS: &str = "events";
pub(super) const TOTAL_INCIDENTS: &str = "incidents";

/// An event id beyond this length is cut: ours are below 150, and a person's may be anything.
const EVENT_ID_BYTES_MAX: usize = 256;

/// An event as it came from the bus.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What it says.
    pub event: Event,
    /// What makes it the same event when it comes again, among those of its kind.
    pub event_id: String,
    /// Where it was published.
    pub subject: String,
    /// What it travelled with.
    pub trace: Option<TraceContext>,
}

impl NewEvent {
    fn key(&self) -> (String, String) {
        let end = self.event_id.floor_char_boundary(EVENT_ID_BYTES_MAX);
        let id = self.event_id[..end].replace(char::is_control, " ");
        (self.event.kind().as_str().to_owned(), id)
    }

    fn row(&self, now: Timestamp) -> events::ActiveModel {
        let (kind, event_id) = self.key();
        events::Model {
            kind,
            event_id,
            subject: self.subject.clone(),
            incident_id: self.event.incident_id().map(ToString::to_string),
            node: self.event.node().to_string(),
            service: self.event.service().map(ToString::to_string),
            at_ns: self.event.at().unix_nanos(),
            stored_at_ns: now.unix_nanos(),
            traceparent: self.trace.map(|trace| trace.traceparent()),
            body: self.event.to_json(),
        }
        .into_active_model()
    }
}

impl Database {
    /// Stores what is new of a batch, and folds it in, all in one transaction; an event that is there already changes
    /// nothing. Gives how many were new. Once this returns `Ok` the events are safe.
    pub async fn store(&self, now: Timestamp, batch: &[NewEvent]) -> Result<usize, DatabaseError> {
        self.write("storing events", async |transaction| {
            let new = insert_new(transaction, now, batch).await?;
            if new.is_empty() {
                return Ok(0);
            }
            let opened = fold_incidents(transaction, now, &new).await?;
            fold_actions(transaction, now, &new).await?;
            fold_evidence(transaction, now, &new).await?;
            fold_faults(transaction, now, &new).await?;
            add_to_total(transaction, TOTAL_EVENTS, new.len()).await?;
            add_to_total(transaction, TOTAL_INCIDENTS, opened).await?;
            Ok(new.len())
        })
        .await
    }
}

/// Inserts the events that are not there yet, and gives these.
async fn insert_new<'a>(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    batch: &'a [NewEvent],
) -> Result<Vec<&'a Event>, DbErr> {
    let mut by_key: BTreeMap<_, &NewEvent> = BTreeMap::new();
    for event in batch {
        by_key.entry(event.key()).or_insert(event);
    }
    let inserted = events::Entity::insert_many(by_key.values().map(|event| event.row(now)))
        .on_conflict(
            OnConflict::columns([events::Column::Kind, events::Column::EventId])
                .do_nothing()
                .to_owned(),
        )
        .exec_with_returning_keys(transaction)
        .await?;
    let inserted: BTreeSet<(String, String)> = inserted.into_iter().collect();
    Ok(by_key
        .into_iter()
        .filter(|(key, _)| inserted.contains(key))
        .map(|(_, event)| &event.event)
        .collect())
}

/// Inserts rows, or replaces those that are there.
pub(super) async fn upsert<A>(transaction: &DatabaseTransaction, rows: Vec<A>) -> Result<(), DbErr>
where
    A: ActiveModelTrait + ActiveModelBehavior + Send,
{
    if rows.is_empty() {
        return Ok(());
    }
    let key = <A::Entity as EntityTrait>::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let replace = OnConflict::columns(key)
        .update_columns(<A::Entity as EntityTrait>::Column::iter())
        .to_owned();
    A::Entity::insert_many(rows)
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn add_to_total(
    transaction: &DatabaseTransaction,
    name: &str,
    count: usize,
) -> Result<(), DbErr> {
    if count == 0 {
        return Ok(());
    }
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let row = totals::ActiveModel {
        name: Set(name.to_owned()),
        value: Set(count),
    };
    let held = Expr::col((totals::Entity, totals::Column::Value));
    let add = OnConflict::column(totals::Column::Name)
        .value(totals::Column::Value, held.add(count))
        .to_owned();
    totals::Entity::insert(row)
        .on_conflict(add)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
