//! The last action on each service: what it causes is expected for a while, and the same symptom back so soon means that
//! it did not hold. Rebuilt after a restart from the plans.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{ActionKind, Entity, IncidentId, Timestamp};

use super::{Rail, Refusal, numbers, seconds};
use crate::words::{say, verb};

/// How long the last action on a service is remembered: the longest cooldown that a playbook can ask for.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// The last action on a service.
#[derive(Debug, Clone)]
pub(crate) struct LastAction {
    pub(crate) incident: IncidentId,
    pub(crate) symptom: String,
    pub(crate) action: ActionKind,
    pub(crate) rung: u32,
    /// When it was planned.
    pub(crate) begun_at: Timestamp,
    pub(crate) ended_at: Timestamp,
    pub(crate) settle: Duration,
}

impl LastAction {
    /// May it have caused what began then?
    pub(crate) fn may_have_caused(&self, began: Timestamp) -> bool {
        self.begun_at < began && began < self.ended_at + self.settle
    }
}

/// The last action on each.
#[derive(Debug, Default)]
pub(super) struct LastActions(BTreeMap<Entity, LastAction>);

impl LastActions {
    pub(super) fn get(&self, target: &Entity) -> Option<&LastAction> {
        self.0.get(target)
    }

    pub(super) fn keep(&mut self, target: Entity, action: LastAction) {
        let now = action.ended_at;
        self.0
            .retain(|_, last| now.saturating_since(last.ended_at) < REMEMBERED_FOR);
        let later = self.0.get(&target).is_some_and(|last| last.ended_at > now);
        if !later {
            self.0.insert(target, action);
        }
    }

    /// Does the target settle after an action for another incident?
    pub(super) fn check(
        &self,
        now: Timestamp,
        incident: &IncidentId,
        target: &Entity,
    ) -> Result<(), Refusal> {
        let last = self.0.get(target);
        let Some(last) = last.filter(|last| last.incident != *incident) else {
            return Ok(());
        };
        let settled_at = last.ended_at + last.settle;
        if now >= settled_at {
            return Ok(());
        }
        let left = settled_at.saturating_since(now);
        let sentence = format!(
            "{target} settles for {} after {} for {}, which may have caused this; {} are left",
            say(last.settle),
            verb(last.action),
            last.incident,
            say(left)
        );
        Err(Refusal {
            about: last.incident.to_string(),
            numbers: numbers([
                ("settle_s", seconds(last.settle)),
                ("left_s", seconds(left)),
            ]),
            retry_at: Some(settled_at),
            ..Refusal::new(Rail::Settling, sentence)
        })
    }
}
