//! Writing events: each once, and what they fold into.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::{
    CommandId, Entity, FaultId, IncidentId, ServiceName, Timestamp, TraceContext, TraceId,
};
use arena_recorder_core::{ActionFacts, Event, FaultFacts, IncidentFacts};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, Iterable, PrimaryKeyToColumn, QueryFilter, Set,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entity::{actions, events, faults, incidents, totals};
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

/// The events of each id.
fn by_id<'a, K: Ord + Clone + 'a>(
    events: &[&'a Event],
    id: impl Fn(&'a Event) -> Option<&'a K>,
) -> BTreeMap<K, Vec<&'a Event>> {
    let mut by_id: BTreeMap<K, Vec<&Event>> = BTreeMap::new();
    for event in events {
        if let Some(id) = id(event) {
            by_id.entry(id.clone()).or_default().push(event);
        }
    }
    by_id
}

/// Folds events into the rows of their incidents. Gives how many incidents became known by it.
async fn fold_incidents(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    events: &[&Event],
) -> Result<usize, DbErr> {
    let by_id = by_id(events, Event::incident_id);
    let held = incidents::Entity::find()
        .filter(incidents::Column::Id.is_in(by_id.keys().map(IncidentId::as_str)))
        .all(transaction)
        .await?;
    let mut held: BTreeMap<String, incidents::Model> =
        held.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut opened = 0;
    let mut rows = Vec::new();
    for (id, events) in by_id {
        let row = held.remove(id.as_str());
        let was_opened = row.as_ref().is_some_and(|row| row.opened_at_ns.is_some());
        let mut facts: IncidentFacts = read_facts(row.map(|row| row.facts))?;
        for event in &events {
            facts.apply(event);
        }
        opened += usize::from(!was_opened && facts.opened_at().is_some());
        rows.push(incident_row(&id, &facts, events[0], now)?);
    }
    upsert(transaction, rows).await?;
    Ok(opened)
}

fn incident_row(
    id: &IncidentId,
    facts: &IncidentFacts,
    any: &Event,
    now: Timestamp,
) -> Result<incidents::ActiveModel, DbErr> {
    let record = facts.record(id);
    let times = facts.times();
    // Until the detector's word came, a plan or an outcome names at least the node.
    let (node, service) = facts.entity().map_or_else(
        || {
            (
                any.node().to_string(),
                any.service().map(ToString::to_string),
            )
        },
        columns_of,
    );
    Ok(incidents::Model {
        id: id.to_string(),
        node,
        service,
        symptom: record.as_ref().map(|record| record.symptom.clone()),
        severity: record.as_ref().map(|record| record.severity.clone()),
        state: facts.state().to_string(),
        resolution: record.as_ref().and_then(|record| record.resolution.clone()),
        root_cause: record.and_then(|record| record.root_cause),
        opened_at_ns: facts.opened_at().map(Timestamp::unix_nanos),
        ended_at_ns: facts.ended_at().map(Timestamp::unix_nanos),
        detect_ms: times.detect_ms,
        plan_ms: times.plan_ms,
        act_ms: times.act_ms,
        verify_ms: times.verify_ms,
        trace_id: TraceId::of(id).to_string(),
        facts: write_facts(facts)?,
        updated_at_ns: now.unix_nanos(),
    }
    .into_active_model())
}

async fn fold_actions(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    events: &[&Event],
) -> Result<(), DbErr> {
    let by_id = by_id(events, Event::command_id);
    let held = actions::Entity::find()
        .filter(actions::Column::CommandId.is_in(by_id.keys().map(CommandId::as_str)))
        .all(transaction)
        .await?;
    let mut held: BTreeMap<String, serde_json::Value> = held
        .into_iter()
        .map(|row| (row.command_id, row.facts))
        .collect();
    let mut rows = Vec::new();
    for (id, events) in by_id {
        let mut facts: ActionFacts = read_facts(held.remove(id.as_str()))?;
        for event in &events {
            facts.apply(event);
        }
        let (node, service) = facts
            .target()
            .map_or_else(|| (events[0].node().to_string(), None), columns_of);
        rows.push(
            actions::Model {
                command_id: id.to_string(),
                incident_id: facts.incident_id().map(ToString::to_string),
                node,
                service,
                action: facts.action().map(|action| action.to_string()),
                state: facts.state().to_string(),
                issuer: facts.issuer().map(ToOwned::to_owned),
                message: facts.message(),
                issued_at_ns: facts.issued_at().map(Timestamp::unix_nanos),
                ended_at_ns: facts.ended_at().map(Timestamp::unix_nanos),
                facts: write_facts(&facts)?,
                updated_at_ns: now.unix_nanos(),
            }
            .into_active_model(),
        );
    }
    upsert(transaction, rows).await
}

async fn fold_faults(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    events: &[&Event],
) -> Result<(), DbErr> {
    let by_id = by_id(events, Event::fault_id);
    let held = faults::Entity::find()
        .filter(faults::Column::Id.is_in(by_id.keys().map(FaultId::as_str)))
        .all(transaction)
        .await?;
    let mut held: BTreeMap<String, serde_json::Value> =
        held.into_iter().map(|row| (row.id, row.facts)).collect();
    let mut rows = Vec::new();
    for (id, events) in by_id {
        let mut facts: FaultFacts = read_facts(held.remove(id.as_str()))?;
        for event in &events {
            facts.apply(event);
        }
        let (node, service) = facts
            .target()
            .as_ref()
            .map_or_else(|| (events[0].node().to_string(), None), columns_of);
        rows.push(
            faults::Model {
                id: id.to_string(),
                fault: facts.fault().map(ToOwned::to_owned),
                node,
                service,
                state: facts.state().to_string(),
                reason: facts.record(&id).reason,
                at_ns: facts.at().unwrap_or(now).unix_nanos(),
                expires_at_ns: facts.expires_at().map(Timestamp::unix_nanos),
                facts: write_facts(&facts)?,
                updated_at_ns: now.unix_nanos(),
            }
            .into_active_model(),
        );
    }
    upsert(transaction, rows).await
}

/// Inserts rows, or replaces those that are there.
async fn upsert<A>(transaction: &DatabaseTransaction, rows: Vec<A>) -> Result<(), DbErr>
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

fn columns_of(entity: &Entity) -> (String, Option<String>) {
    let service = entity.service.as_ref().map(ServiceName::to_string);
    (entity.node.to_string(), service)
}

/// Facts as a row keeps them; of a row that is not there, none.
pub(super) fn read_facts<F: DeserializeOwned + Default>(
    facts: Option<serde_json::Value>,
) -> Result<F, DbErr> {
    match facts {
        None => Ok(F::default()),
        Some(facts) => {
            serde_json::from_value(facts).map_err(|error| DbErr::Json(error.to_string()))
        }
    }
}

fn write_facts<F: Serialize>(facts: &F) -> Result<serde_json::Value, DbErr> {
    serde_json::to_value(facts).map_err(|error| DbErr::Json(error.to_string()))
}
