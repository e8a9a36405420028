//! Which incidents are kept, and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{Entity, IncidentEvent, IncidentEventKind, IncidentId, Plan, Timestamp};

use crate::case::{Case, Stage};
use crate::playbook::{EntityClass, Playbooks};
use crate::verdict::calm_since;

/// How many incidents are kept: each is about 2 KB, and nobody follows four thousand at once. When there are more, the
/// ones that ended first are forgotten; when all are open, a new one is escalated at once.
pub(crate) const CASES_MAX: usize = 4096;
/// How long an incident that is resolved is kept: far longer than a message of it is redelivered, which would open it
/// again.
const RESOLVED_KEPT_FOR: Duration = Duration::from_hours(1);

/// The incidents.
#[derive(Debug, Default)]
pub(crate) struct Book {
    cases: BTreeMap<IncidentId, Case>,
    /// Those that are not resolved, in the order in which they were heard of: first come, first served.
    unresolved: Vec<IncidentId>,
    /// The plans from before a restart, by revision, of incidents that were not told yet. Gone once all has been told.
    recalled: BTreeMap<IncidentId, BTreeMap<u32, Plan>>,
}

impl Book {
    /// Takes an event in. One that is not newer than what is known changes nothing.
    pub(crate) fn note(
        &mut self,
        since: Timestamp,
        event: IncidentEvent,
        playbooks: &Playbooks,
        class: EntityClass,
    ) {
        let cleared = event.kind == IncidentEventKind::Cleared;
        if let Some(case) = self.cases.get_mut(&event.id) {
            if event.revision <= case.event.revision {
                return;
            }
            case.cleared_since = cleared.then(|| case.cleared_since.unwrap_or(since));
            case.calm_since =
                calm_since(&event, &case.symptom).map(|calm| case.calm_since.unwrap_or(calm));
            case.event = event;
            case.note_shift(since);
            return;
        }
        let full = self.make_room(since);
        let playbook = playbooks.get(&event.symptom, class).cloned();
        let mut case = Case::new(since, event, playbook);
        case.cleared_since = cleared.then_some(since);
        case.calm_since = calm_since(&case.event, &case.symptom);
        case.over_limit = full;
        let recalled = self.recalled.remove(&case.event.id).unwrap_or_default();
        for plan in recalled.values() {
            case.restore(plan, playbooks);
        }
        case.note_shift(since);
        self.unresolved.push(case.event.id.clone());
        self.put(case);
    }

    /// Takes up a plan from before a restart; its incident may be told before or after.
    pub(crate) fn recall(&mut self, plan: Plan, playbooks: &Playbooks) {
        if let Some(case) = self.cases.get_mut(&plan.incident_id) {
            case.restore(&plan, playbooks);
            case.note_shift(plan.at);
            if matches!(case.stage, Stage::Resolved) {
                self.unresolved.retain(|other| *other != plan.incident_id);
            }
            return;
        }
        let recalled = self.recalled.entry(plan.incident_id.clone()).or_default();
        recalled.insert(plan.revision, plan);
    }

    /// All has been told: a plan whose incident the bus has forgotten is of no use.
    pub(crate) fn forget_recalled(&mut self) {
        self.recalled.clear();
    }

    /// Forgets what is old, and what ended first when there is too much. True when there is no room even so.
    fn make_room(&mut self, now: Timestamp) -> bool {
        self.cases
            .retain(|_, case| match (&case.stage, case.ended_at) {
                (Stage::Resolved, Some(at)) => now.saturating_since(at) < RESOLVED_KEPT_FOR,
                _ => true,
            });
        while self.cases.len() >= CASES_MAX {
            let ended = self.cases.values().filter(|case| case.ended_at.is_some());
            let first =
                ended.min_by_key(|case| (!matches!(case.stage, Stage::Resolved), case.ended_at));
            let Some(id) = first.map(|case| case.event.id.clone()) else {
                return true;
            };
            self.cases.remove(&id);
            self.unresolved.retain(|other| *other != id);
        }
        false
    }

    /// Takes an incident out, to be [`Book::put`] back.
    pub(crate) fn take(&mut self, id: &IncidentId) -> Option<Case> {
        self.cases.remove(id)
    }

    /// Puts an incident back.
    pub(crate) fn put(&mut self, case: Case) {
        if matches!(case.stage, Stage::Resolved) {
            self.unresolved.retain(|other| *other != case.event.id);
        }
        self.cases.insert(case.event.id.clone(), case);
    }

    /// Those that are not resolved, first come first.
    pub(crate) fn unresolved_ids(&self) -> Vec<IncidentId> {
        self.unresolved.clone()
    }

    /// Those that are not resolved, first come first.
    pub(crate) fn unresolved(&self) -> impl Iterator<Item = &Case> {
        self.unresolved.iter().filter_map(|id| self.cases.get(id))
    }

    /// How many are neither resolved nor escalated.
    pub(crate) fn open_count(&self) -> usize {
        let open = |case: &&Case| !matches!(case.stage, Stage::Escalated);
        self.unresolved().filter(open).count()
    }

    /// How many commands are in flight.
    pub(crate) fn flights(&self) -> usize {
        let acting = |case: &&Case| matches!(case.stage, Stage::Acting(_));
        self.unresolved().filter(acting).count()
    }

    /// The incident whose command is in flight on this target.
    pub(crate) fn flight_on(&self, target: &Entity) -> Option<&Case> {
        self.unresolved()
            .find(|case| matches!(&case.stage, Stage::Acting(flight) if flight.target == *target))
    }

    /// The incident of the same symptom whose action on this target is being verified.
    pub(crate) fn verified_on(&self, target: &Entity, symptom: &str) -> Option<&Case> {
        self.unresolved().find(|case| {
            case.symptom == symptom
                && case.cleared_since.is_none()
                && matches!(&case.stage, Stage::Verifying { flight, .. } if flight.target == *target)
        })
    }
}
