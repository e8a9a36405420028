//! Takes up an incident where its plans from before a restart left off.

use arena_proto::{Command, Decision, Effect, Plan, Preconditions};

use crate::approval::Asked;
use crate::case::{ATTEMPT, By, Case, Credit, Flight, Stage};
use crate::playbook::Playbooks;
use crate::rails::Rail;

impl Case {
    /// Takes up where a plan from before a restart left off.
    pub(crate) fn restore(&mut self, plan: &Plan, playbooks: &Playbooks) {
        if plan.revision <= self.revision {
            return;
        }
        let named = playbooks.named(&plan.playbook).cloned();
        if plan.symptom != self.symptom || named.is_some() {
            self.treat(plan.symptom.clone(), named);
        }
        let attempts = plan.basis.numbers.get(ATTEMPT);
        let attempts = attempts.and_then(|number| number.to_string().parse().ok());
        self.attempts = attempts.unwrap_or(self.attempts);
        self.revision = plan.revision;
        // A refusal before the first rung was taken leaves the choice of it open.
        if plan.decision != Decision::Refuse || self.rung > 0 {
            self.rung = plan.rung;
        }
        self.restore_holds(plan);
        self.harmed = match (&self.stage, &plan.basis.judged) {
            (Stage::Verifying { flight, .. }, Some((_, Effect::Harmful)))
                if plan.decision == Decision::Escalate =>
            {
                Some(flight.clone())
            }
            _ => None,
        };
        self.stage = match plan.decision {
            Decision::Act => self
                .flight_of(plan)
                .map_or(Stage::Deciding(None), Stage::Acting),
            Decision::Verify => self.verifying_since(plan),
            Decision::Refuse | Decision::Wait => Stage::Deciding(None),
            Decision::Escalate => Stage::Escalated,
            Decision::Resolve => Stage::Resolved,
        };
        self.planned |= !matches!(plan.decision, Decision::Refuse | Decision::Wait);
        self.ended_at = matches!(self.stage, Stage::Escalated | Stage::Resolved).then_some(plan.at);
    }

    /// What it was held up by, and asked, before a restart.
    fn restore_holds(&mut self, plan: &Plan) {
        let rail = Rail::named(&plan.basis.rail);
        match (plan.decision, rail) {
            (Decision::Wait, Some(Rail::Approval)) => {
                self.release();
                self.asked = Asked::of(plan);
            }
            (Decision::Refuse, Some(rail)) if !rail.may_stand() => {
                self.held_since.get_or_insert(plan.at);
            }
            _ => self.release(),
        }
    }

    fn flight_of(&self, plan: &Plan) -> Option<Flight> {
        let target = plan.target.clone()?;
        Some(Flight {
            command_id: plan.command_id.clone()?,
            action: plan.action?,
            deadline: self
                .step()
                .map_or(Command::DEADLINE_DEFAULT, |step| step.deadline),
            target,
            params: self.step().map(|step| step.params).unwrap_or_default(),
            issued_at: plan.at,
            preconditions: Preconditions::default(),
        })
    }

    fn verifying_since(&mut self, plan: &Plan) -> Stage {
        let (Some(flight), Some(step)) = (self.flight_of(plan), self.step()) else {
            return Stage::Deciding(None);
        };
        self.note_done(&step, &flight);
        self.credit = Some(Credit {
            by: By::Remediator,
            action: flight.action,
            target: flight.target.clone(),
            at: plan.at,
        });
        Stage::Verifying {
            flight,
            since: plan.at,
            until: plan.at + step.verify_within,
        }
    }
}
