//! Answering requests. Reads have connections of their own and wait for no writer.

use std::time::Duration;

use arena_proto::{
    CommandId, CommandQuery, CommandRecord, FaultId, FaultRecord, FaultState, IncidentId,
    IncidentQuery, IncidentRecord, IncidentState, Summary, Timestamp,
};
use arena_recorder_core::{ActionFacts, FaultFacts, IncidentFacts};
use sea_orm::sea_query::{Cond, Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, FromQueryResult,
    IsolationLevel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    TransactionOptions, TransactionTrait,
};

use super::entity::{actions, faults, incidents, totals};
use super::fold::read_facts;
use super::store::{TOTAL_EVENTS, TOTAL_INCIDENTS};
use super::{Database, DatabaseError, READ_MAX, within};

/// At most this many incidents, or faults, in a reply.
const RECORDS_MAX: u64 = 200;
/// Given when the request names no limit: a screen or two.
const RECORDS_DEFAULT: u64 = 50;
/// A reply ends before it would be larger: nats-server takes messages of up to 1 MB, headers and all. A record is far
/// smaller (the core's limits see to it), so every page has at least one.
pub(super) const REPLY_BYTES_MAX: usize = 900_000;

/// What is in none of these states is open: a person may have to do something.
pub(super) const OVER: [IncidentState; 2] = [IncidentState::Resolved, IncidentState::Closed];

/// What is read of what is told whole.
#[derive(FromQueryResult)]
pub(super) struct Row {
    pub id: String,
    pub facts: serde_json::Value,
}

impl Database {
    /// Incidents that the detector has told of, newest first. A page may be shorter than its limit when its records are
    /// large; the last page is the empty one. `id` is the whole id.
    pub async fn incidents(
        &self,
        now: Timestamp,
        query: &IncidentQuery,
    ) -> Result<Vec<IncidentRecord>, DatabaseError> {
        let limit = query.limit.map_or(RECORDS_DEFAULT, u64::from);
        let limit = Ord::min(limit, RECORDS_MAX);
        let mut select = chosen(now, query).limit(limit);
        if let Some(before) = &query.before {
            let opened_at = self.opened_at(before).await?;
            let older = Cond::any()
                .add(incidents::Column::OpenedAtNs.lt(opened_at))
                .add(
                    incidents::Column::OpenedAtNs
                        .eq(opened_at)
                        .and(incidents::Column::Id.lt(before)),
                );
            select = select.filter(older);
        }
        let rows = select
            .select_only()
            .columns([incidents::Column::Id, incidents::Column::Facts])
            .order_by_desc(incidents::Column::OpenedAtNs)
            .order_by_desc(incidents::Column::Id)
            .into_model::<Row>();
        let rows = within("reading incidents", READ_MAX, rows.all(&self.reader)).await?;
        page(rows, |row| {
            let id = IncidentId::new(&row.id).map_err(|error| DbErr::Type(error.to_string()))?;
            let facts: IncidentFacts = read_facts(Some(row.facts))?;
            Ok(facts.record(&id))
        })
    }

    async fn opened_at(&self, id: &str) -> Result<i64, DatabaseError> {
        let row = known_incidents()
            .filter(incidents::Column::Id.eq(id))
            .select_only()
            .column(incidents::Column::OpenedAtNs)
            .into_tuple::<i64>();
        let found = within("looking for an incident", READ_MAX, row.one(&self.reader)).await?;
        found.ok_or_else(|| no_such("incident", id))
    }

    /// One command, also a person's. `id` is the whole id.
    pub async fn command(&self, query: &CommandQuery) -> Result<CommandRecord, DatabaseError> {
        let row = actions::Entity::find_by_id(&query.id).one(&self.reader);
        let row = within("reading a command", READ_MAX, row).await?;
        let told = row.map_or(Ok(None), |row| {
            let facts: ActionFacts = read_facts(Some(row.facts))?;
            let id = CommandId::new(&row.command_id);
            let id = id.map_err(|error| DbErr::Type(error.to_string()))?;
            Ok(facts.command(&id))
        });
        let told = told.map_err(|error: DbErr| unreadable(&query.id, &error))?;
        told.ok_or_else(|| no_such("command", &query.id))
    }

    /// The newest faults first, at most 200.
    pub async fn faults(&self) -> Result<Vec<FaultRecord>, DatabaseError> {
        let rows = faults::Entity::find()
            .select_only()
            .columns([faults::Column::Id, faults::Column::Facts])
            .order_by_desc(faults::Column::AtNs)
            .order_by_desc(faults::Column::Id)
            .limit(RECORDS_MAX)
            .into_model::<Row>();
        let rows = within("reading faults", READ_MAX, rows.all(&self.reader)).await?;
        page(rows, |row| {
            let id = FaultId::new(&row.id).map_err(|error| DbErr::Type(error.to_string()))?;
            let facts: FaultFacts = read_facts(Some(row.facts))?;
            Ok(Some(facts.record(&id)))
        })
    }

    /// Totals.
    pub async fn summary(&self, now: Timestamp) -> Result<Summary, DatabaseError> {
        let in_effect =
            [FaultState::Armed, FaultState::Active, FaultState::Reverting].map(FaultState::as_str);
        within("counting", READ_MAX, async {
            let snapshot = self.begin_snapshot().await?;
            let incidents_open = known_incidents()
                .filter(incidents::Column::State.is_not_in(OVER.map(IncidentState::as_str)))
                .count(&snapshot)
                .await?;
            let faults_active = faults::Entity::find()
                .filter(faults::Column::State.is_in(in_effect))
                .filter(
                    Cond::any()
                        .add(faults::Column::ExpiresAtNs.is_null())
                        .add(faults::Column::ExpiresAtNs.gt(now.unix_nanos())),
                )
                .count(&snapshot)
                .await?;
            let totals = totals::Entity::find().all(&snapshot).await?;
            snapshot.rollback().await?;
            let total = |name| {
                let row = totals.iter().find(|row| row.name == name);
                row.map_or(0, |row| u64::try_from(row.value).unwrap_or(0))
            };
            Ok(Summary {
                incidents_open,
                faults_active,
                incidents_total: total(TOTAL_INCIDENTS),
                events_total: total(TOTAL_EVENTS),
                database: self.kind().to_owned(),
            })
        })
        .await
    }
}

impl Database {
    /// What several reads see alike, whatever is written meanwhile.
    pub(super) async fn begin_snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            // SQLite gives every transaction a snapshot; PostgreSQL wants to be asked.
            isolation_level: (self.reader.get_database_backend() == DbBackend::Postgres)
                .then_some(IsolationLevel::RepeatableRead),
            ..TransactionOptions::default()
        };
        self.reader.begin_with_options(options).await
    }
}

/// Those that the detector has told of: a plan that came first makes a row, and no incident yet.
pub(super) fn known_incidents() -> Select<incidents::Entity> {
    incidents::Entity::find().filter(Expr::col(incidents::Column::OpenedAtNs).is_not_null())
}

/// Those that a query asks for, of whatever page.
fn chosen(now: Timestamp, query: &IncidentQuery) -> Select<incidents::Entity> {
    use incidents::Column;
    let open = query.open.map(|open| {
        let over = OVER.map(IncidentState::as_str);
        if open {
            Column::State.is_not_in(over)
        } else {
            Column::State.is_in(over)
        }
    });
    let since = query.since_ms.map(|since_ms| {
        let since = now - Duration::from_millis(since_ms);
        Column::OpenedAtNs.gte(since.unix_nanos())
    });
    let entity = query.entity.as_ref();
    let service = entity.and_then(|entity| entity.service.as_ref());
    [
        query.id.as_ref().map(|id| Column::Id.eq(id)),
        since,
        open,
        query.state.map(|state| Column::State.eq(state.as_str())),
        entity.map(|entity| Column::Node.eq(entity.node.as_str())),
        service.map(|service| Column::Service.eq(service.as_str())),
        query
            .symptom
            .as_ref()
            .map(|symptom| Column::Symptom.eq(symptom)),
        query
            .severity
            .map(|severity| Column::Severity.eq(severity.as_str())),
        query
            .resolution
            .map(|how| Column::Resolution.eq(how.as_str())),
    ]
    .into_iter()
    .flatten()
    .fold(known_incidents(), Select::filter)
}

/// The records of rows, as many as fit a reply.
fn page<T: serde::Serialize>(
    rows: Vec<Row>,
    record: impl Fn(Row) -> Result<Option<T>, DbErr>,
) -> Result<Vec<T>, DatabaseError> {
    let mut records = Vec::new();
    let mut bytes = 2; // the brackets
    for row in rows {
        let id = row.id.clone();
        let Some(record) = record(row).map_err(|error| unreadable(&id, &error))? else {
            continue;
        };
        let json = serde_json::to_vec(&record).map_err(|error| unreadable(&id, &error))?;
        bytes += json.len() + 1;
        if bytes > REPLY_BYTES_MAX && !records.is_empty() {
            break;
        }
        records.push(record);
    }
    Ok(records)
}

pub(super) fn unreadable(id: &str, error: &impl ToString) -> DatabaseError {
    DatabaseError::Row {
        row: id.to_owned(),
        cause: error.to_string(),
    }
}

pub(super) fn no_such(what: &'static str, id: &str) -> DatabaseError {
    DatabaseError::NoSuch {
        what,
        id: id.to_owned(),
    }
}
