//! One incident as a whole: its record, every message about it, the evidence, and once it is over the faults of its time.

use arena_proto::{
    EventRecord, EvidenceRecord, FaultRecord, IncidentId, IncidentRecord, IncidentStory, StoryQuery,
};
use arena_recorder_core::{EventKind, EvidenceFacts, IncidentFacts};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::Serialize;

use super::entity::{events, evidence, incidents};
use super::fold::read_facts;
use super::query::{REPLY_BYTES_MAX, known_incidents, no_such, unreadable};
use super::score::faults_of;
use super::{Database, DatabaseError, READ_MAX, within};

/// Messages that are read for one story; a ladder takes about a hundred.
const EVENTS_MAX: u64 = 1000;
/// Pieces of evidence that are read for one story: as many as an incident keeps actions.
const EVIDENCE_MAX: u64 = 64;
/// Evidence ends before it would be larger: the rest of the reply is for the events.
const EVIDENCE_BYTES_MAX: usize = REPLY_BYTES_MAX / 2;
/// Incidents that are named where a prefix fits several.
const SEVERAL_MAX: u64 = 5;

/// Rows as they were at one moment.
struct Rows {
    incident: IncidentRecord,
    faults: Option<Vec<FaultRecord>>,
    events: Vec<events::Model>,
    events_stored: u64,
    evidence: Vec<evidence::Model>,
    evidence_stored: u64,
}

impl Database {
    /// All that is known of the incident whose id is, or alone begins with, the one that is asked for.
    pub async fn story(&self, query: &StoryQuery) -> Result<IncidentStory, DatabaseError> {
        let id = self.whole_id(&query.id).await?;
        let rows = within("reading an incident", READ_MAX, async {
            let snapshot = self.begin_snapshot().await?;
            let rows = Rows::read(&snapshot, &id).await?;
            snapshot.rollback().await?;
            Ok(rows)
        })
        .await?;
        rows.ok_or_else(|| no_such("incident", &id))?.story(&id)
    }

    async fn whole_id(&self, prefix: &str) -> Result<String, DatabaseError> {
        if prefix.is_empty() {
            return Err(no_such("incident", prefix));
        }
        let length = i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX);
        // Not LIKE: `_` is a letter of ids.
        let begins = Func::cust("substr").args([
            Expr::col(incidents::Column::Id),
            Expr::val(1_i32),
            Expr::val(length),
        ]);
        let found = known_incidents()
            .select_only()
            .column(incidents::Column::Id)
            .filter(Expr::expr(begins).eq(prefix))
            .order_by_asc(incidents::Column::Id)
            .limit(SEVERAL_MAX)
            .into_tuple::<String>();
        let found = within("looking for an incident", READ_MAX, found.all(&self.reader)).await?;
        match found.as_slice() {
            [] => Err(no_such("incident", prefix)),
            // The shortest comes first: a whole id is never several.
            [id, ..] if id == prefix || found.len() == 1 => Ok(id.clone()),
            _ => Err(DatabaseError::SeveralIncidents {
                prefix: prefix.to_owned(),
                some: found,
            }),
        }
    }
}

impl Rows {
    async fn read(snapshot: &DatabaseTransaction, id: &str) -> Result<Option<Self>, DbErr> {
        let row = incidents::Entity::find_by_id(id).one(snapshot).await?;
        let facts: IncidentFacts = read_facts(row.map(|row| row.facts))?;
        let whole = IncidentId::new(id).map_err(|error| DbErr::Type(error.to_string()))?;
        let Some((incident, opened)) = facts.record(&whole).zip(facts.opened(&whole)) else {
            return Ok(None);
        };
        let events = events::Entity::find()
            .filter(events::Column::IncidentId.eq(id))
            .filter(events::Column::Kind.ne(EventKind::Evidence.as_str()));
        let evidence = evidence::Entity::find().filter(evidence::Column::IncidentId.eq(id));
        Ok(Some(Self {
            incident,
            faults: faults_of(snapshot, &opened).await?,
            events_stored: events.clone().count(snapshot).await?,
            events: events
                .order_by_asc(events::Column::AtNs)
                .order_by_asc(events::Column::StoredAtNs)
                .order_by_asc(events::Column::EventId)
                .limit(EVENTS_MAX)
                .all(snapshot)
                .await?,
            evidence_stored: evidence.clone().count(snapshot).await?,
            evidence: evidence
                .order_by_asc(evidence::Column::AtNs)
                .limit(EVIDENCE_MAX)
                .all(snapshot)
                .await?,
        }))
    }

    fn story(self, id: &str) -> Result<IncidentStory, DatabaseError> {
        let unreadable = |error: DbErr| unreadable(id, &error);
        let mut bytes = size(&self.incident) + size(&self.faults);
        let mut left_out = self.evidence_stored + self.events_stored;
        let mut all_evidence = Vec::new();
        for row in self.evidence {
            let Some(evidence) = evidence_record(row).map_err(unreadable)? else {
                continue;
            };
            bytes += size(&evidence);
            if bytes > EVIDENCE_BYTES_MAX && !all_evidence.is_empty() {
                bytes -= size(&evidence);
                break;
            }
            left_out -= 1;
            all_evidence.push(evidence);
        }
        let mut all_events = Vec::new();
        for row in self.events {
            let event = event_record(row);
            bytes += size(&event);
            if bytes > REPLY_BYTES_MAX {
                break;
            }
            left_out -= 1;
            all_events.push(event);
        }
        Ok(IncidentStory {
            incident: self.incident,
            events: all_events,
            evidence: all_evidence,
            left_out,
            faults: self.faults,
        })
    }
}

fn evidence_record(row: evidence::Model) -> Result<Option<EvidenceRecord>, DbErr> {
    let facts: EvidenceFacts = read_facts(Some(row.facts))?;
    Ok(facts.captured().map(|captured| captured.record.clone()))
}

/// What a message says in a word and in plain words is where its kind has it in ProtoJSON.
fn event_record(row: events::Model) -> EventRecord {
    let (word, text) = match row.kind.as_str() {
        "incident" => ("kind", "reason"),
        "plan" => ("decision", "reason"),
        "command" => ("action", "reason"),
        _ => ("state", "message"),
    };
    let of = |field: &str| {
        let value = row.body.get(field).and_then(serde_json::Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    EventRecord {
        at: arena_proto::Timestamp::from_unix_nanos(row.at_ns).to_string(),
        entity: row.service.as_ref().map_or_else(
            || row.node.clone(),
            |service| format!("{}/{service}", row.node),
        ),
        word: of(word),
        text: of(text),
        kind: row.kind,
        event_id: row.event_id,
        body: row.body,
    }
}

/// In a reply, with its comma.
fn size(record: &impl Serialize) -> usize {
    serde_json::to_vec(record).map_or(0, |json| json.len() + 1)
}
