//! Where people want to decide, they are asked, and have a while to answer.
//!
//! The question is a plan: WAIT, `AWAITING_APPROVAL`, with the whole action. An answer names that plan; one to an older
//! plan is an answer to another question, and is ignored. What was approved is judged by every rail once more. No answer
//! is an answer too: a person is called.

use std::time::Duration;

use arena_proto::{
    ActionKind, Approval, Decision, Entity, IncidentState, Mode, Plan, PlanId, Timestamp, Verdict,
};

use crate::case::{Case, Refused, Stage};
use crate::rails::{self, Proposal, Rail, Refusal};
use crate::words::{after, say, verb};
use crate::{Output, Remediator};

/// A question to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) plan_id: PlanId,
    action: ActionKind,
    target: Entity,
    pub(crate) expires_at: Timestamp,
}

impl Asked {
    /// The question that a plan from before a restart put.
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        Some(Self {
            plan_id: plan.id.clone(),
            action: plan.action?,
            target: plan.target.clone()?,
            expires_at: plan.basis.expires_at?,
        })
    }

    /// Is it what people see of the incident: its last plan?
    fn is_last_of(&self, case: &Case) -> bool {
        self.plan_id == PlanId::derive(&case.event.id, case.revision)
    }

    fn is_about(&self, proposal: &Proposal) -> bool {
        self.action == proposal.action && self.target == proposal.target
    }
}

/// What people say to a proposal.
#[derive(Debug)]
pub(crate) enum Consent {
    /// It may be done: by the mode, or because somebody said so.
    Given {
        /// Who approved; empty where nobody had to.
        by: String,
    },
    /// Somebody said no.
    Denied(String),
    /// It has to be asked.
    Open,
    /// It was asked, and nobody has answered yet.
    Asked(Refused),
    /// It was asked, and nobody answered in time.
    Expired,
}

impl Remediator {
    /// Takes an answer in; one that answers no question is told in the log.
    pub(crate) fn answer(&mut self, approval: Approval, out: &mut Vec<Output>) {
        let id = &approval.incident_id;
        if self.approvals.get(id) == Some(&approval) {
            return;
        }
        let case = self.book.unresolved().find(|case| case.event.id == *id);
        let asked = case.and_then(|case| case.asked.as_ref());
        if self.restored && asked.is_none_or(|asked| asked.plan_id != approval.plan_id) {
            let now_asked = match asked {
                Some(asked) => format!("the question is {}", asked.plan_id),
                None => "nothing is asked".to_owned(),
            };
            out.push(Output::Note(format!(
                "{id}: {} of {} by {} is ignored: {now_asked}",
                approval.verdict, approval.plan_id, approval.by
            )));
            return;
        }
        self.approvals.insert(id.clone(), approval);
    }

    /// Answers are kept as long as their incidents are.
    pub(crate) fn forget_answers(&mut self) {
        let book = &self.book;
        self.approvals
            .retain(|id, _| book.unresolved().any(|case| case.event.id == *id));
    }

    /// What do people say to it?
    pub(crate) fn consent(&self, now: Timestamp, case: &Case, proposal: &Proposal) -> Consent {
        if self.control.mode_for(proposal.risk) == Mode::Auto {
            return Consent::Given { by: String::new() };
        }
        let Some(asked) = case.asked.as_ref().filter(|asked| asked.is_about(proposal)) else {
            return Consent::Open;
        };
        let answer = self
            .approvals
            .get(&case.event.id)
            .filter(|answer| answer.plan_id == asked.plan_id && answer.at <= asked.expires_at);
        match answer {
            Some(answer) if answer.verdict == Verdict::Approved => Consent::Given {
                by: answer.by.clone(),
            },
            Some(answer) => {
                let action = verb(proposal.action);
                let denied = format!("{} denied {action} of {}", answer.by, proposal.target);
                let denied = after(&denied, &answer.reason);
                Consent::Denied(denied.trim_end_matches("; ").to_owned())
            }
            None if now >= asked.expires_at => Consent::Expired,
            // A refusal came after it, for as long as nobody had to be asked: nobody sees the question any more.
            None if !asked.is_last_of(case) => Consent::Open,
            None => Consent::Asked(standing(proposal.clone(), asked.expires_at)),
        }
    }

    /// Puts the question.
    pub(crate) fn ask(
        &self,
        now: Timestamp,
        case: &mut Case,
        proposal: Proposal,
        out: &mut Vec<Output>,
    ) {
        let within = case
            .playbook
            .as_ref()
            .map_or(Duration::ZERO, |book| book.approve_within);
        let expires_at = now + within;
        let why = rails::question(&self.control, proposal.risk);
        let question = format!(
            "may it {} {}{}? {why}; a person is needed within {} (arena approve or arena deny){}",
            verb(proposal.action),
            proposal.target,
            proposal.basis.because(),
            say(within),
            proposal.basis.passed_over
        );
        let reason = match &case.asked {
            Some(before) => format!(
                "{} of {} was asked before and is not what would be done any more; {question}",
                verb(before.action),
                before.target
            ),
            None => question,
        };
        let reason = after(&case.because, &reason);
        let mut plan = case.plan(now, Decision::Wait, IncidentState::AwaitingApproval, reason);
        self.describe(case, &proposal, &mut plan);
        Rail::Approval.as_str().clone_into(&mut plan.basis.rail);
        plan.basis.expires_at = Some(expires_at);
        case.release();
        case.asked = Asked::of(&plan);
        out.push(Output::Publish(plan));
        case.stage = Stage::Deciding(Some(standing(proposal, expires_at)));
    }
}

fn standing(proposal: Proposal, expires_at: Timestamp) -> Refused {
    Refused {
        rail: Rail::Approval,
        about: String::new(),
        proposal,
        retry_at: Some(expires_at),
    }
}

/// Nobody answered: a person is called.
pub(crate) fn expired(now: Timestamp, case: &mut Case, proposal: &Proposal, out: &mut Vec<Output>) {
    let sentence = format!(
        "nobody answered in time whether it may {} {}",
        verb(proposal.action),
        proposal.target
    );
    let refusal = Refusal::new(Rail::Approval, sentence.clone());
    let reason = after(&case.because, &sentence);
    case.escalate_by(now, &reason, Some(&refusal), out);
}
