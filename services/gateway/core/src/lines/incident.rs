//! An incident: the detector's words open and describe it, the remediator's decisions say where it stands.

use arena_proto::{
    Decision, Entity, IncidentEvent, IncidentId, IncidentState, Plan, PlanId, Resolution, Severity,
    Timestamp, TraceId,
};

use arena_view::question::{Question, is_question};

use super::Facts;
use crate::view::IncidentView;

/// What is known of an incident: of everything said, what counts. The same as the recorder makes of it.
#[derive(Debug, Default)]
pub(crate) struct IncidentFacts {
    /// The detector's first word that is known: why it was opened.
    opening: Option<Said>,
    /// The detector's last word: how bad it is, and its cause.
    latest: Option<Said>,
    /// The last decision.
    decided: Option<Decided>,
    /// The last decision that ends it.
    verdict: Option<Verdict>,
}

#[derive(Debug, Clone)]
struct Said {
    revision: u32,
    entity: Entity,
    symptom: String,
    severity: Severity,
    root_cause: Entity,
    reason: String,
    first_abnormal_at: Timestamp,
    opened_at: Timestamp,
}

#[derive(Debug)]
struct Decided {
    revision: u32,
    decision: Decision,
    state: IncidentState,
    reason: String,
    /// What it asks a person, until when, and the plan that is to be answered.
    question: Option<(Question, Option<Timestamp>, PlanId)>,
}

#[derive(Debug)]
struct Verdict {
    revision: u32,
    resolution: Option<Resolution>,
    at: Timestamp,
}

impl IncidentFacts {
    pub(crate) fn hear(&mut self, event: &IncidentEvent) {
        let said = || Said {
            revision: event.revision,
            entity: event.entity.clone(),
            symptom: event.symptom.clone(),
            severity: event.severity,
            root_cause: event.root_cause.clone(),
            reason: event.reason.clone(),
            first_abnormal_at: event.first_abnormal_at,
            opened_at: event.opened_at,
        };
        let earlier = |known: &Said| event.revision < known.revision;
        if self.opening.as_ref().is_none_or(earlier) {
            self.opening = Some(said());
        }
        let later = |known: &Said| event.revision > known.revision;
        if self.latest.as_ref().is_none_or(later) {
            self.latest = Some(said());
        }
    }

    pub(crate) fn decide(&mut self, plan: &Plan) {
        let later = |known: &Decided| plan.revision > known.revision;
        if self.decided.as_ref().is_none_or(later) {
            self.decided = Some(Decided {
                revision: plan.revision,
                decision: plan.decision,
                state: plan.incident_state,
                reason: plan.reason.clone(),
                question: is_question(plan)
                    .then(|| (Question::of(plan), plan.basis.expires_at, plan.id.clone())),
            });
        }
        let ends = matches!(plan.decision, Decision::Resolve | Decision::Escalate);
        let later = |known: &Verdict| plan.revision > known.revision;
        if ends && self.verdict.as_ref().is_none_or(later) {
            self.verdict = Some(Verdict {
                revision: plan.revision,
                resolution: plan.resolution,
                at: plan.at,
            });
        }
    }
}

impl IncidentFacts {
    /// What the last decision asks a person; it may have expired.
    pub(crate) fn question(&self) -> Option<&(Question, Option<Timestamp>, PlanId)> {
        self.decided.as_ref()?.question.as_ref()
    }
}

impl Facts for IncidentFacts {
    type View = IncidentView;

    fn view(&self, id: &str) -> Option<IncidentView> {
        let (opening, latest) = self.opening.as_ref().zip(self.latest.as_ref())?;
        let decided = self.decided.as_ref();
        let state = decided.map_or(IncidentState::Open, |decided| decided.state);
        // A decision to act again reopens it.
        let verdict = self.verdict.as_ref().filter(|_| state.is_final());
        let why = decided.map(|decided| &decided.reason);
        let id = IncidentId::new(id).ok()?;
        Some(IncidentView {
            entity: opening.entity.clone(),
            symptom: opening.symptom.clone(),
            severity: latest.severity,
            state,
            resolution: verdict.and_then(|verdict| verdict.resolution),
            root_cause: Some(latest.root_cause.to_string()),
            reason: why
                .filter(|why| !why.is_empty())
                .unwrap_or(&opening.reason)
                .clone(),
            first_abnormal_at: opening.first_abnormal_at,
            opened_at: opening.opened_at,
            ended_at: verdict.map(|verdict| verdict.at),
            decision: decided.map(|decided| decided.decision),
            trace_id: TraceId::of(&id).to_string(),
            id: id.to_string(),
        })
    }
}
