//! Takes up an incident where its plans from before a restart left off.

use arena_proto::{ActionKind, Command, Decision, Effect, IncidentState, Plan, Preconditions};

use crate::approval::Asked;
use crate::case::{ATTEMPT, By, CLEARED, Case, Credit, Stage};
use crate::flight::Flight;
use crate::playbook::{Playbooks, Step, StepAction};
use crate::rails::Rail;

impl Case {
    /// Takes up where a plan from before a restart left off.
    pub(crate) fn restore(&mut self, plan: &Plan, playbooks: &Playbooks) {
        if plan.revision <= self.revision {
            return;
        }
        let named = playbooks.named(&plan.playbook).cloned();
        let known = self.playbook.as_ref().map(|playbook| playbook.name());
        let is_shift = plan.symptom != self.symptom;
        if is_shift || named.is_some() && known.as_ref() != Some(&plan.playbook) {
            self.treat(plan.symptom.clone(), named);
        }
        let attempts = plan.basis.numbers.get(ATTEMPT);
        let attempts = attempts.and_then(|number| number.to_string().parse().ok());
        self.attempts = attempts.unwrap_or(self.attempts);
        self.revision = plan.revision;
        self.restore_trial(plan);
        self.restore_rung(plan, is_shift);
        self.restore_holds(plan);
        self.restore_end(plan);
        self.stage = match plan.decision {
            Decision::Act => self
                .flight_of(plan)
                .map_or(Stage::Deciding(None), Stage::Acting),
            Decision::Verify => self.verifying_since(plan),
            Decision::Refuse => Stage::Deciding(None),
            Decision::Wait => self.waiting_since(plan),
            Decision::Escalate => Stage::Escalated,
            Decision::Resolve => Stage::Resolved,
        };
        self.planned |= !matches!(plan.decision, Decision::Refuse | Decision::Wait);
        self.ended_at = matches!(self.stage, Stage::Escalated | Stage::Resolved).then_some(plan.at);
    }

    /// On which rung it stood, and how far that had come.
    fn restore_rung(&mut self, plan: &Plan, is_shift: bool) {
        let is_failover = |step: Step| step.action == StepAction::Failover;
        if let Stage::Acting(flight) = &self.stage
            && self.step().is_some_and(is_failover)
            && (flight.action, plan.action) == (ActionKind::Start, Some(ActionKind::Drain))
        {
            self.took_over = Some(flight.target.clone());
        }
        // A refusal before the first rung was taken leaves the choice of it open.
        if plan.decision == Decision::Refuse && self.rung == 0 {
            return;
        }
        if plan.rung != self.rung || is_shift {
            (self.took_over, self.waits) = (None, 0);
        }
        self.rung = plan.rung;
    }

    /// The last action was judged, and did not help in time.
    fn restore_trial(&mut self, plan: &Plan) {
        if let Stage::Verifying { flight, until, .. } = &self.stage
            && let Some((judged, Effect::Useless | Effect::Harmful)) = &plan.basis.judged
            && *judged == flight.command_id
            && !plan.basis.numbers.contains_key(CLEARED)
        {
            let (flight, until) = (flight.clone(), *until);
            self.note_trial(&flight, until);
        }
    }

    /// For what it was escalated though its symptom had cleared.
    fn restore_end(&mut self, plan: &Plan) {
        (self.harmed, self.unproven) = (None, None);
        let (Stage::Verifying { flight, .. }, true) =
            (&self.stage, plan.basis.numbers.contains_key(CLEARED))
        else {
            return;
        };
        match plan.basis.judged {
            Some((_, Effect::Harmful)) => self.harmed = Some(flight.clone()),
            // What it is exactly is asked anew.
            _ => self.unproven = Some(plan.reason.clone()),
        }
    }

    /// What it waited for goes on being waited for, no longer than it was to be.
    fn waiting_since(&mut self, plan: &Plan) -> Stage {
        let until = self.step().map(|step| plan.at + step.verify_within);
        match (plan.incident_state, until) {
            // Its action did no good, and needed not: if the symptom is back, the next rung is due.
            (IncidentState::Verifying, _) => {
                self.next_rung(plan.reason.clone());
                Stage::Deciding(None)
            }
            (IncidentState::Planning, Some(until)) => {
                self.waits += u32::from(plan.action.is_some());
                Stage::Waiting {
                    until,
                    // No plan tells which process was rejected: at worst it is once more.
                    outdated: None,
                }
            }
            _ => Stage::Deciding(None),
        }
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
        let (Some(mut flight), Some(step)) = (self.flight_of(plan), self.step()) else {
            return Stage::Deciding(None);
        };
        if let Stage::Acting(issued) = &self.stage
            && issued.command_id == flight.command_id
        {
            flight.issued_at = issued.issued_at;
        }
        self.note_done(&step, &flight);
        self.credit = Some(Credit {
            by: By::Remediator,
            command_id: flight.command_id.clone(),
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

/// Does this plan tell that the replica that the one before it started has taken over?
pub(crate) fn took_over(acted: &Plan, plan: &Plan) -> bool {
    let is_failover = acted.basis.step == StepAction::Failover.to_string();
    let started = acted.action == Some(ActionKind::Start);
    // Cleared before the hurt one was drained: it ended with that.
    let ended = plan.decision == Decision::Resolve;
    let drains = plan.action == Some(ActionKind::Drain) && plan.rung == acted.rung;
    is_failover && started && (ended || drains)
}
