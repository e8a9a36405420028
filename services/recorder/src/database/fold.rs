//! Folding events into the rows of what they are about. What a fold is, `arena-recorder-core` says.

use std::collections::BTreeMap;

use arena_proto::{CommandId, Entity, FaultId, IncidentId, ServiceName, Timestamp, TraceId};
use arena_recorder_core::{ActionFacts, Event, EvidenceFacts, FaultFacts, IncidentFacts};
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entity::{actions, evidence, faults, incidents};
use super::store::upsert;

/// The events of each id.
fn by_id<'a, K: Ord + Clone + 'a, I: IntoIterator<Item = &'a K>>(
    events: &[&'a Event],
    ids: impl Fn(&'a Event) -> I,
) -> BTreeMap<K, Vec<&'a Event>> {
    let mut by_id: BTreeMap<K, Vec<&Event>> = BTreeMap::new();
    for event in events {
        for id in ids(event) {
            by_id.entry(id.clone()).or_default().push(event);
        }
    }
    by_id
}

/// Folds events into the rows of their incidents. Gives how many incidents became known by it.
pub(super) async fn fold_incidents(
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
        root_cause: record.as_ref().and_then(|record| record.root_cause.clone()),
        fingerprint: record.map(|record| record.fingerprint),
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

pub(super) async fn fold_actions(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    events: &[&Event],
) -> Result<(), DbErr> {
    let by_id = by_id(events, Event::command_ids);
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
            facts.apply(&id, event);
        }
        let (node, service) = facts
            .target()
            .map_or_else(|| (events[0].node().to_string(), None), columns_of);
        let record = facts.record(&id);
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
                symptom: facts.symptom().map(ToOwned::to_owned),
                step: record.step,
                cause: record.cause,
                risk: record.risk,
                effect: record.effect,
                facts: write_facts(&facts)?,
                updated_at_ns: now.unix_nanos(),
            }
            .into_active_model(),
        );
    }
    upsert(transaction, rows).await
}

pub(super) async fn fold_evidence(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    events: &[&Event],
) -> Result<(), DbErr> {
    let by_id = by_id(events, |event| match event {
        Event::Evidence(evidence) => Some(&evidence.command_id),
        _ => None,
    });
    let held = evidence::Entity::find()
        .filter(evidence::Column::CommandId.is_in(by_id.keys().map(CommandId::as_str)))
        .all(transaction)
        .await?;
    let mut held: BTreeMap<String, serde_json::Value> = held
        .into_iter()
        .map(|row| (row.command_id, row.facts))
        .collect();
    let mut rows = Vec::new();
    for (id, events) in by_id {
        let mut facts: EvidenceFacts = read_facts(held.remove(id.as_str()))?;
        for event in &events {
            facts.apply(event);
        }
        let Some(captured) = facts.captured() else {
            continue;
        };
        let (node, service) = columns_of(&captured.entity);
        rows.push(
            evidence::Model {
                command_id: id.to_string(),
                incident_id: captured.incident_id.to_string(),
                node,
                service,
                at_ns: captured.at.unix_nanos(),
                facts: write_facts(&facts)?,
                updated_at_ns: now.unix_nanos(),
            }
            .into_active_model(),
        );
    }
    upsert(transaction, rows).await
}

pub(super) async fn fold_faults(
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
