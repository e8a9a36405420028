//! A plan that waits for a person's yes or no, in words and as JSON.

use arena_proto::{Decision, Entity, IncidentState, Plan, RiskClass, Timestamp};
use serde::Serialize;

/// What waits for approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Question {
    /// The incident's id.
    pub incident: String,
    /// The plan's id: an answer is about this very plan.
    pub plan: String,
    /// What is ill.
    pub entity: Entity,
    /// How.
    pub symptom: String,
    /// What would be done: a verb, or a step of several actions.
    pub action: String,
    /// To whom.
    pub target: Entity,
    /// How much it can hurt.
    pub risk: Option<RiskClass>,
    /// What is believed; empty when nothing is.
    pub cause: String,
    /// Why it is asked.
    pub reason: String,
    /// Until when it can be answered.
    pub expires_at: Option<Timestamp>,
}

impl Question {
    /// The question of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            incident: plan.incident_id.to_string(),
            plan: plan.id.to_string(),
            entity: plan.entity.clone(),
            symptom: plan.symptom.clone(),
            action: verb(plan),
            target: plan.target.as_ref().unwrap_or(&plan.entity).clone(),
            risk: plan.basis.risk,
            cause: plan.basis.cause.clone(),
            reason: plan.reason.clone(),
            expires_at: plan.basis.expires_at,
        }
    }
}

/// Does this plan put a question? Whether or not it has expired.
#[must_use]
pub fn is_question(plan: &Plan) -> bool {
    plan.decision == Decision::Wait && plan.incident_state == IncidentState::AwaitingApproval
}

/// Can it still be answered?
#[must_use]
pub fn is_open(plan: &Plan, now: Timestamp) -> bool {
    plan.basis.expires_at.is_none_or(|end| now < end)
}

/// What would be done: `restart node-1/orders (MEDIUM risk)`.
#[must_use]
pub fn what(plan: &Plan) -> String {
    let target = plan.target.as_ref().unwrap_or(&plan.entity);
    let risk = plan
        .basis
        .risk
        .map_or_else(String::new, |risk| format!(" ({risk} risk)"));
    format!("{} {target}{risk}", verb(plan))
}

/// A step may be more than one action (failover), and then is what people know.
#[must_use]
pub fn verb(plan: &Plan) -> String {
    if plan.basis.step.is_empty() {
        plan.action
            .map_or_else(|| "nothing".to_owned(), arena_proto::ActionKind::verb)
    } else {
        plan.basis.step.clone()
    }
}

/// What the remediator decided upon an answer, in one line.
#[must_use]
pub fn said(plan: &Plan) -> String {
    let rail = if plan.basis.rail.is_empty() {
        String::new()
    } else {
        format!(" (rail {})", plan.basis.rail)
    };
    let action = match (plan.decision, &plan.target) {
        (Decision::Act, Some(target)) => format!(" {} {target}", verb(plan)),
        _ => String::new(),
    };
    let reason = if plan.reason.is_empty() { "" } else { ": " };
    format!("{}{rail}{action}{reason}{}", plan.decision, plan.reason)
}
