//! What actions were worth, out of the rows of actions and of the incidents that they were for.

use std::time::Duration;

use arena_proto::{
    ActionKind, CommandState, DecodeError, Effect, EfficacyQuery, EfficacyRow, Timestamp,
};
use arena_recorder_core::{Try, efficacy, millis};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::entity::{actions, incidents};
use super::query::unreadable;
use super::{Database, DatabaseError, READ_MAX, within};

/// Of more actions the newest are counted: years of an arena that has an incident every ten minutes.
const ACTIONS_MAX: u64 = 100_000;

/// The playbook's step that is two commands: a start elsewhere, then a drain here.
const FAILOVER: &str = "failover";

#[derive(FromQueryResult)]
struct Row {
    command_id: String,
    symptom: String,
    action: String,
    step: Option<String>,
    state: String,
    effect: Option<String>,
    issued_at_ns: i64,
    incident_ended_at_ns: Option<i64>,
}

impl Database {
    /// Every symptom and action that was tried, by name.
    pub async fn efficacy(
        &self,
        now: Timestamp,
        query: &EfficacyQuery,
    ) -> Result<Vec<EfficacyRow>, DatabaseError> {
        let since = query.since_ms.map(|ms| now - Duration::from_millis(ms));
        Ok(efficacy(self.tries(since).await?))
    }

    /// What was tried since then, newest first.
    pub(super) async fn tries(&self, since: Option<Timestamp>) -> Result<Vec<Try>, DatabaseError> {
        let mut select = actions::Entity::find()
            .filter(actions::Column::Symptom.is_not_null())
            .filter(actions::Column::Action.is_not_null())
            .filter(actions::Column::IssuedAtNs.is_not_null());
        if let Some(since) = since {
            select = select.filter(actions::Column::IssuedAtNs.gte(since.unix_nanos()));
        }
        // Looked up by row: the two tables have no relation that a database would have to guard.
        let ended_at = incidents::Entity::find()
            .select_only()
            .column(incidents::Column::EndedAtNs)
            .filter(
                Expr::col((incidents::Entity, incidents::Column::Id))
                    .equals((actions::Entity, actions::Column::IncidentId)),
            )
            .into_query();
        let rows = select
            .select_only()
            .columns([
                actions::Column::CommandId,
                actions::Column::Symptom,
                actions::Column::Action,
                actions::Column::Step,
                actions::Column::State,
                actions::Column::Effect,
                actions::Column::IssuedAtNs,
            ])
            .expr_as(
                Expr::SubQuery(None, Box::new(ended_at.into())),
                "incident_ended_at_ns",
            )
            .order_by_desc(actions::Column::IssuedAtNs)
            .limit(ACTIONS_MAX)
            .into_model::<Row>();
        let rows = within("reading actions", READ_MAX, rows.all(&self.reader)).await?;
        let mut tries = Vec::new();
        for row in rows {
            let id = row.command_id.clone();
            tries.extend(tried(row).map_err(|error| unreadable(&id, &error))?);
        }
        Ok(tries)
    }
}

/// What a row counts as; `None`: as nothing. What the node rejected was not done. A failover is told by its drain: its
/// start counts only where it was judged, so that one failover is one try.
fn tried(row: Row) -> Result<Option<Try>, DecodeError> {
    let effect: Option<Effect> = row.effect.as_deref().map(str::parse).transpose()?;
    let state: CommandState = row.state.parse()?;
    let action: ActionKind = row.action.parse()?;
    let begins_failover =
        row.step.as_deref() == Some(FAILOVER) && action == ActionKind::Start && effect.is_none();
    if state == CommandState::Rejected || begins_failover {
        return Ok(None);
    }
    let at = Timestamp::from_unix_nanos;
    Ok(Some(Try {
        symptom: row.symptom,
        action: row.step.unwrap_or_else(|| action.verb()),
        effect,
        heal_ms: row
            .incident_ended_at_ns
            .map(|ended_at| millis(at(row.issued_at_ns), at(ended_at))),
    }))
}
