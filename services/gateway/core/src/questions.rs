//! What waits for a person: of each incident the last decision, when it asks, nobody has answered it, and it has not expired.

use std::collections::BTreeMap;

use arena_proto::{Approval, IncidentId, PlanId, Timestamp};
use arena_view::question::Question;

use crate::lines::{IncidentFacts, Lines};

/// Answers that are remembered. The bus keeps them for an hour; more than this many questions an hour nobody answers.
const ANSWERS_MAX: usize = 500;

/// The questions as they were told, and what was answered.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    /// By incident: the plan that was answered last, and when.
    answered: BTreeMap<IncidentId, (Timestamp, PlanId)>,
    told: Vec<Question>,
    /// The first of them to expire.
    expires_at: Option<Timestamp>,
}

impl Questions {
    pub(crate) fn told(&self) -> &[Question] {
        &self.told
    }

    /// When the list changes by itself.
    pub(crate) const fn next_wakeup(&self) -> Option<Timestamp> {
        self.expires_at
    }

    pub(crate) fn answer(&mut self, approval: &Approval) {
        let answer = (approval.at, approval.plan_id.clone());
        let known = self.answered.get(&approval.incident_id);
        if known.is_none_or(|known| *known < answer) {
            self.answered.insert(approval.incident_id.clone(), answer);
        }
        if self.answered.len() > ANSWERS_MAX {
            let oldest = self.answered.iter().min_by_key(|(_, (at, _))| *at);
            let oldest = oldest.map(|(id, _)| id.clone());
            oldest.and_then(|id| self.answered.remove(&id));
        }
    }

    /// Looks again; whether the list is another one.
    pub(crate) fn refresh(&mut self, now: Timestamp, incidents: &Lines<IncidentFacts>) -> bool {
        let waits = |question: &&(Question, Option<Timestamp>, PlanId)| {
            let (asked, expires_at, plan) = question;
            let answer = IncidentId::new(&asked.incident)
                .ok()
                .and_then(|id| self.answered.get(&id));
            expires_at.is_none_or(|end| now < end)
                && answer.is_none_or(|(_, answered)| answered != plan)
        };
        let open = incidents.facts().filter_map(IncidentFacts::question);
        let open: Vec<_> = open.filter(waits).collect();
        self.expires_at = open.iter().filter_map(|(_, end, _)| *end).min();
        let open: Vec<Question> = open
            .into_iter()
            .map(|(question, ..)| question.clone())
            .collect();
        let changed = open != self.told;
        self.told = open;
        changed
    }
}
