//! What the score is made of, out of the rows of faults, incidents and actions; and the faults of one incident's time.

use std::time::Duration;

use arena_proto::{FaultId, FaultRecord, IncidentId, IncidentState, Score, ScoreQuery, Timestamp};
use arena_recorder_core::{FaultFacts, Field, IncidentFacts, Injected, Opened, score};
use sea_orm::sea_query::Cond;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::entity::{faults, incidents};
use super::fold::read_facts;
use super::query::{OVER, Row, known_incidents};
use super::{Database, DatabaseError, READ_MAX, within};

/// Of more faults, or incidents, the newest are counted: they are read whole, within the time that an answer may take.
const SCORED_MAX: u64 = 2000;
/// Faults that are told with an incident: what may have caused one is a handful.
const STORY_FAULTS_MAX: usize = 50;

impl Database {
    /// Villain against Felix.
    pub async fn score(&self, now: Timestamp, query: &ScoreQuery) -> Result<Score, DatabaseError> {
        let since = query.since_ms.map(|ms| now - Duration::from_millis(ms));
        let tries = self.tries(since).await?;
        let mut field = within("reading the score", READ_MAX, async {
            let snapshot = self.begin_snapshot().await?;
            let field = read(&snapshot, since).await?;
            snapshot.rollback().await?;
            Ok(field)
        })
        .await?;
        field.tries = tries;
        Ok(score(now, &field))
    }
}

async fn read(snapshot: &impl ConnectionTrait, since: Option<Timestamp>) -> Result<Field, DbErr> {
    let mut begun = known_incidents();
    if let Some(since) = since {
        let reaches = Cond::any()
            .add(incidents::Column::OpenedAtNs.gte(since.unix_nanos()))
            .add(incidents::Column::EndedAtNs.gte(since.unix_nanos()))
            .add(incidents::Column::State.is_not_in(OVER.map(IncidentState::as_str)));
        begun = begun.filter(reaches);
    }
    let rows: Vec<Row> = begun
        .select_only()
        .columns([incidents::Column::Id, incidents::Column::Facts])
        .order_by_desc(incidents::Column::OpenedAtNs)
        .limit(SCORED_MAX)
        .into_model::<Row>()
        .all(snapshot)
        .await?;
    let mut complete = rows.len() < limit();
    let mut incidents = Vec::new();
    for row in rows {
        incidents.extend(opened(row)?);
    }
    let wanted = since.map_or_else(Cond::all, in_effect_since);
    let found = faults_where(snapshot, wanted).await?;
    complete &= found.len() < limit();
    let faults = found
        .into_iter()
        .filter_map(|(id, facts)| facts.injected(&id));
    Ok(Field {
        since,
        faults: faults.collect(),
        incidents,
        tries: Vec::new(),
        complete,
    })
}

fn limit() -> usize {
    usize::try_from(SCORED_MAX).unwrap_or(usize::MAX)
}

fn opened(row: Row) -> Result<Option<Opened>, DbErr> {
    let id = IncidentId::new(&row.id).map_err(|error| DbErr::Type(error.to_string()))?;
    let facts: IncidentFacts = read_facts(Some(row.facts))?;
    Ok(facts.opened(&id))
}

/// The faults that may have had effect at some time since then.
fn in_effect_since(since: Timestamp) -> Condition {
    let since = since.unix_nanos();
    Cond::any()
        .add(faults::Column::AtNs.gte(since))
        .add(faults::Column::ExpiresAtNs.is_null())
        .add(faults::Column::ExpiresAtNs.gte(since))
}

/// Newest first.
async fn faults_where(
    snapshot: &impl ConnectionTrait,
    wanted: Condition,
) -> Result<Vec<(FaultId, FaultFacts)>, DbErr> {
    let rows: Vec<Row> = faults::Entity::find()
        .filter(wanted)
        .select_only()
        .columns([faults::Column::Id, faults::Column::Facts])
        .order_by_desc(faults::Column::AtNs)
        .order_by_desc(faults::Column::Id)
        .limit(SCORED_MAX)
        .into_model::<Row>()
        .all(snapshot)
        .await?;
    let read = |row: Row| {
        let id = FaultId::new(&row.id).map_err(|error| DbErr::Type(error.to_string()))?;
        Ok((id, read_facts(Some(row.facts))?))
    };
    rows.into_iter().map(read).collect()
}

/// The faults that were in effect while this incident was, oldest first; `None` until it is over.
pub(super) async fn faults_of(
    snapshot: &impl ConnectionTrait,
    incident: &Opened,
) -> Result<Option<Vec<FaultRecord>>, DbErr> {
    let Some(ended_at) = incident.ended_at.filter(|_| OVER.contains(&incident.state)) else {
        return Ok(None);
    };
    let from = incident.first_abnormal_at - Injected::NEAR;
    let until = ended_at + Injected::NEAR;
    let wanted = Cond::all()
        .add(in_effect_since(from))
        .add(faults::Column::AtNs.lte(until.unix_nanos()));
    let found = faults_where(snapshot, wanted).await?;
    let near = found.into_iter().filter(|(id, facts)| {
        let injected = facts.injected(id);
        injected.is_some_and(|fault| fault.is_near(incident.first_abnormal_at, ended_at))
    });
    let mut records: Vec<_> = near
        .take(STORY_FAULTS_MAX)
        .map(|(id, facts)| facts.record(&id))
        .collect();
    records.reverse();
    Ok(Some(records))
}
