//! What is known of one incident: what the detector said, what the remediator decided, and what was done.

use std::collections::BTreeMap;

use arena_proto::{
    ChildRecord, CommandId, Decision, Entity, IncidentEvent, IncidentId, IncidentRecord,
    IncidentState, Severity, Timestamp, TraceId,
};
use serde::{Deserialize, Serialize};

use crate::decision::Decided;
use crate::facts::{keep_max, keep_min, merge, millis, name, nanos, text};
use crate::{ActionFacts, Event, Opened};

/// Of more decisions the last ones are kept. A ladder of five rungs takes about twenty.
const DECISIONS_MAX: usize = 64;
/// Of more actions those with the least ids are kept. A ladder has a handful of rungs.
const ACTIONS_MAX: usize = 64;
/// Of more children those of the least entities are kept. A failing root hurts a handful of dependents.
const CHILDREN_MAX: usize = 32;
/// Of more candidates the likeliest are kept.
const CANDIDATES_MAX: usize = 16;

/// Facts about one incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IncidentFacts {
    /// The detector's first word that is known: why it was opened.
    opening: Option<Said>,
    /// The detector's last word that is known: how bad it is, and its cause.
    latest: Option<Said>,
    /// By revision.
    plans: BTreeMap<u32, Decided>,
    actions: BTreeMap<CommandId, ActionFacts>,
    /// What it explains or ever explained, by entity and symptom.
    children: BTreeMap<String, Child>,
}

/// What one incident event says. Ordered by revision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Said {
    revision: u32,
    entity: Entity,
    symptom: String,
    severity: Severity,
    root_cause: Entity,
    reason: String,
    #[serde(with = "nanos")]
    first_abnormal_at: Timestamp,
    #[serde(with = "nanos")]
    opened_at: Timestamp,
    // Facts of before these were known have none.
    #[serde(default)]
    fingerprint: String,
    #[serde(default)]
    candidates: Vec<Entity>,
}

/// A symptom that another entity's incident explains. Ordered by the revision of the event that says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Child {
    revision: u32,
    entity: Entity,
    symptom: String,
    inhibited_by: Entity,
    evidence: String,
}

/// How long each part took, in milliseconds; `None` until known, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Times {
    /// First abnormal sample to open.
    pub detect_ms: Option<f64>,
    /// Open to the first command issued.
    pub plan_ms: Option<f64>,
    /// First command issued to the last final outcome, once the last command issued has one.
    pub act_ms: Option<f64>,
    /// The last final outcome to the verdict.
    pub verify_ms: Option<f64>,
}

impl IncidentFacts {
    /// Adds what an event says about this incident; a fault's event adds nothing.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Incident(event) => {
                self.add_children(event);
                let said = Said::from(event);
                keep_min(&mut self.opening, said.clone());
                keep_max(&mut self.latest, said);
            }
            Event::Plan(plan) => {
                merge(&mut self.plans, plan.revision, Decided::from(plan));
                if self.plans.len() > DECISIONS_MAX {
                    self.plans.pop_first();
                }
            }
            Event::Command(_) | Event::Outcome(_) | Event::Evidence(_) => {}
            Event::Fault(_) | Event::FaultStatus(_) => return,
        }
        for id in event.command_ids() {
            let action = self.actions.entry(id.clone()).or_default();
            action.apply(id, event);
            if self.actions.len() > ACTIONS_MAX {
                self.actions.pop_last();
            }
        }
    }

    fn add_children(&mut self, event: &IncidentEvent) {
        for signal in &event.signals {
            let Some(inhibited_by) = &signal.inhibited_by else {
                continue;
            };
            let child = Child {
                revision: event.revision,
                entity: signal.entity.clone(),
                symptom: name(&signal.symptom),
                inhibited_by: inhibited_by.clone(),
                evidence: text(&signal.evidence),
            };
            let key = format!("{} {}", child.entity, child.symptom);
            merge(&mut self.children, key, child);
            if self.children.len() > CHILDREN_MAX {
                self.children.pop_last();
            }
        }
    }

    /// What is hurt; `None` until the detector's word came.
    #[must_use]
    pub fn entity(&self) -> Option<&Entity> {
        self.opening.as_ref().map(|said| &said.entity)
    }

    /// When it was opened; `None` until the detector's word came: until then there is no record of it either.
    #[must_use]
    pub fn opened_at(&self) -> Option<Timestamp> {
        self.opening.as_ref().map(|said| said.opened_at)
    }

    /// Where it stands, by the last decision; OPEN when there is none.
    #[must_use]
    pub fn state(&self) -> IncidentState {
        self.plans
            .values()
            .next_back()
            .map_or(IncidentState::Open, |plan| plan.incident_state)
    }

    /// When it ended: the time of the verdict.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.verdict().map(|verdict| verdict.at)
    }

    /// As the score wants it; `None` until the detector's word came.
    #[must_use]
    pub fn opened(&self, id: &IncidentId) -> Option<Opened> {
        let (opening, latest) = self.opening.as_ref().zip(self.latest.as_ref())?;
        let mut blamed = vec![opening.entity.clone(), latest.root_cause.clone()];
        blamed.extend(latest.candidates.iter().cloned());
        Some(Opened {
            id: id.clone(),
            state: self.state(),
            resolution: self.verdict().and_then(|verdict| verdict.resolution),
            blamed,
            first_abnormal_at: opening.first_abnormal_at,
            opened_at: opening.opened_at,
            ended_at: self.ended_at(),
        })
    }

    /// How long each part took.
    #[must_use]
    pub fn times(&self) -> Times {
        let opening = self.opening.as_ref();
        let issued_at = self
            .actions
            .values()
            .filter_map(ActionFacts::issued_at)
            .min();
        let acted_at = self.acted_at();
        Times {
            detect_ms: opening.map(|said| millis(said.first_abnormal_at, said.opened_at)),
            plan_ms: opening
                .zip(issued_at)
                .map(|(said, issued_at)| millis(said.opened_at, issued_at)),
            act_ms: issued_at.zip(acted_at).map(|(from, to)| millis(from, to)),
            verify_ms: acted_at
                .zip(self.ended_at())
                .map(|(from, to)| millis(from, to)),
        }
    }

    /// As people read it; `None` until the detector's word came.
    #[must_use]
    pub fn record(&self, id: &IncidentId) -> Option<IncidentRecord> {
        let (opening, latest) = self.opening.as_ref().zip(self.latest.as_ref())?;
        let times = self.times();
        Some(IncidentRecord {
            id: id.to_string(),
            entity: opening.entity.to_string(),
            symptom: opening.symptom.clone(),
            severity: latest.severity.to_string(),
            state: self.state().to_string(),
            resolution: self
                .verdict()
                .and_then(|verdict| verdict.resolution)
                .map(|resolution| resolution.to_string()),
            root_cause: Some(latest.root_cause.to_string()),
            opened_at: opening.opened_at.to_string(),
            detect_ms: times.detect_ms,
            plan_ms: times.plan_ms,
            act_ms: times.act_ms,
            verify_ms: times.verify_ms,
            actions: self
                .actions_in_order()
                .map(|(id, facts)| facts.record(id))
                .collect(),
            trace_id: TraceId::of(id).to_string(),
            ended_at: self.ended_at().map(|at| at.to_string()),
            reason: opening.reason.clone(),
            decisions: self
                .plans
                .iter()
                .map(|(revision, plan)| plan.record(*revision))
                .collect(),
            fingerprint: latest.fingerprint.clone(),
            candidates: latest.candidates.iter().map(Entity::to_string).collect(),
            children: self.children.values().map(Child::record).collect(),
            support: self.support(),
            evidence_count: self.evidence_count(),
        })
    }

    fn evidence_count(&self) -> u64 {
        let with_evidence = self.actions.values().filter(|facts| facts.has_evidence());
        u64::try_from(with_evidence.count()).unwrap_or(u64::MAX)
    }

    /// Why it counts as resolved.
    fn support(&self) -> Option<String> {
        let verdict = self.verdict()?;
        (verdict.decision == Decision::Resolve).then(|| verdict.reason.clone())
    }

    /// The last decision that ends it, as long as it stays ended: a decision to act again reopens it.
    fn verdict(&self) -> Option<&Decided> {
        if !self.state().is_final() {
            return None;
        }
        let ends =
            |plan: &&Decided| matches!(plan.decision, Decision::Resolve | Decision::Escalate);
        self.plans.values().rev().find(ends)
    }

    /// The last final outcome, once the command issued last has one.
    fn acted_at(&self) -> Option<Timestamp> {
        let (_, last) = self.actions_in_order().last()?;
        last.ended_at()?;
        self.actions
            .values()
            .filter_map(ActionFacts::ended_at)
            .max()
    }

    /// By the time of issue; one that is known by its outcomes alone comes last.
    fn actions_in_order(&self) -> impl Iterator<Item = (&CommandId, &ActionFacts)> {
        let mut actions: Vec<_> = self.actions.iter().collect();
        actions.sort_by_key(|(_, facts)| {
            let issued_at = facts.issued_at();
            (issued_at.is_none(), issued_at)
        });
        actions.into_iter()
    }
}

impl From<&IncidentEvent> for Said {
    fn from(event: &IncidentEvent) -> Self {
        Self {
            revision: event.revision,
            entity: event.entity.clone(),
            symptom: text(&event.symptom),
            severity: event.severity,
            root_cause: event.root_cause.clone(),
            reason: text(&event.reason),
            first_abnormal_at: event.first_abnormal_at,
            opened_at: event.opened_at,
            fingerprint: name(&event.context.fingerprint),
            candidates: event
                .context
                .candidates
                .iter()
                .take(CANDIDATES_MAX)
                .cloned()
                .collect(),
        }
    }
}

impl Child {
    fn record(&self) -> ChildRecord {
        ChildRecord {
            entity: self.entity.to_string(),
            symptom: self.symptom.clone(),
            inhibited_by: self.inhibited_by.to_string(),
            evidence: self.evidence.clone(),
        }
    }
}
