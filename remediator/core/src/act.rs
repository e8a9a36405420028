//! From a proposal to a command: every rail is asked, then who decides, and each answer is a plan.
//!
//! The order is what makes the plan under OBSERVE or APPROVE the one that AUTO would have made: the mode is asked last.

use arena_proto::{
    ActionKind, CommandId, Decision, Entity, IncidentState, Number, Plan, Preconditions, Timestamp,
    check_action,
};

use crate::approval::{self, Consent};
use crate::case::{Case, Refused, Stage};
use crate::flight::Flight;
use crate::ladder::wait;
use crate::playbook::Step;
use crate::rails::{self, HELD_MAX, Proposal, Rail, Refusal, View};
use crate::words::{after, say, verb};
use crate::{Output, Remediator};

/// What a case was before its rung was chosen.
pub(crate) type Undecided = (u32, String);

impl Remediator {
    /// Does what the ladder proposes, or says why not. Where it is refused the case is left as it was before the rung was
    /// chosen: whether it is a recurrence is judged when it may act.
    pub(crate) fn carry_out(
        &mut self,
        now: Timestamp,
        case: &mut Case,
        step: &Step,
        (proposal, undecided): (Proposal, Undecided),
        out: &mut Vec<Output>,
    ) {
        let consent = self.consent(now, case, &proposal);
        if let Err(refusal) = self.allowed(now, case, &proposal, &consent) {
            self.refuse(now, case, (proposal, undecided), &refusal, out);
            return;
        }
        if let Err(sentence) = self.fits(case, &proposal.target, proposal.action) {
            let what = (step, proposal.action, &proposal.target);
            wait(now, case, what, None, &sentence, out);
            return;
        }
        if let Err(refusal) = rails::observe(&self.control, proposal.risk) {
            self.refuse(now, case, (proposal, undecided), &refusal, out);
            return;
        }
        match consent {
            Consent::Given { by } => self.act(now, case, step, (&proposal, &by), out),
            Consent::Denied(sentence) => {
                case.denied.push((proposal.action, proposal.target));
                case.next_rung(sentence);
            }
            Consent::Open => self.ask(now, case, proposal, out),
            Consent::Asked(asked) => case.stage = Stage::Deciding(Some(asked)),
            Consent::Expired => approval::expired(now, case, &proposal, out),
        }
    }

    /// Does the action fit the service's state? A status that is older than the incident's last event says nothing against
    /// it: the service has changed since, and the node asks the same guard.
    fn fits(&self, case: &Case, target: &Entity, action: ActionKind) -> Result<(), String> {
        match self.service(target) {
            Some((node, service)) if node.at >= case.event.at => {
                check_action(action, &target.to_string(), service.state, &service.detail)
                    .map_err(|refusal| refusal.sentence)
            }
            _ => Ok(()),
        }
    }

    /// Does a rail refuse it? While a person thinks about it, only what stands counts: what passes by itself is asked
    /// again once they have answered.
    fn allowed(
        &mut self,
        now: Timestamp,
        case: &Case,
        proposal: &Proposal,
        consent: &Consent,
    ) -> Result<(), Refusal> {
        let view = View {
            now,
            book: &self.book,
            statuses: &self.statuses,
            control: &self.control,
            observers: &self.observers,
            restored_at: self.restored_at,
        };
        self.rails.standing(view, case, &proposal.target)?;
        match consent {
            Consent::Given { .. } | Consent::Open => {
                rails::hold(view)?;
                self.rails.passing(view, case, proposal)
            }
            Consent::Expired | Consent::Denied(_) => rails::hold(view),
            // A question stands across a restart: nothing comes of it before its answer.
            Consent::Asked(_) => Ok(()),
        }
    }

    /// Could it be done at once, and without asking anybody?
    pub(crate) fn unattended(
        &mut self,
        now: Timestamp,
        case: &Case,
        proposal: &Proposal,
    ) -> Result<(), Refusal> {
        let consent = self.consent(now, case, proposal);
        self.allowed(now, case, proposal, &consent)?;
        rails::observe(&self.control, proposal.risk)?;
        match consent {
            Consent::Given { .. } => Ok(()),
            _ => Err(Refusal::new(
                Rail::Approval,
                rails::question(&self.control, proposal.risk),
            )),
        }
    }

    /// Names in a plan what would be done, and to which process.
    pub(crate) fn describe(&self, case: &Case, proposal: &Proposal, plan: &mut Plan) {
        plan.action = Some(proposal.action);
        plan.target = Some(proposal.target.clone());
        plan.basis.risk = Some(proposal.risk);
        proposal.basis.describe(plan);
        let process = self.preconditions(case, &proposal.target, proposal.action);
        let numbers = [("pid", process.pid), ("generation", process.generation)];
        let known = numbers
            .into_iter()
            .filter_map(|(name, number)| Some((name.to_owned(), Number::from(number?))));
        plan.basis.numbers.extend(known);
    }

    /// Tells a refusal once, and escalates when our own rails hold an incident up for too long.
    fn refuse(
        &self,
        now: Timestamp,
        case: &mut Case,
        (proposal, undecided): (Proposal, Undecided),
        refusal: &Refusal,
        out: &mut Vec<Output>,
    ) {
        if refusal.rail == Rail::Flapping {
            let reason = after(&case.because, &refusal.sentence);
            case.escalate_by(now, &reason, Some(refusal), out);
            return;
        }
        if refusal.rail.may_stand() {
            case.release();
        } else {
            case.held_since.get_or_insert(now);
        }
        let give_up_at = case.held_since.map(|since| since + HELD_MAX);
        if give_up_at.is_some_and(|at| now >= at) {
            let reason = format!("held up for {}: {}", say(HELD_MAX), refusal.sentence);
            case.escalate_by(now, &after(&case.because, &reason), Some(refusal), out);
            return;
        }
        let refused = Refused {
            rail: refusal.rail,
            about: refusal.about.clone(),
            proposal,
            retry_at: refusal.retry_at.into_iter().chain(give_up_at).min(),
        };
        let told = matches!(&case.stage, Stage::Deciding(Some(before)) if before.is_same(&refused));
        if !told {
            let would = format!(
                "would {} {}{}, and does not: {}{}",
                verb(refused.proposal.action),
                refused.proposal.target,
                refused.proposal.basis.because(),
                refusal.sentence,
                refused.proposal.basis.passed_over
            );
            let reason = after(&case.because, &would);
            let mut plan = case.plan(now, Decision::Refuse, IncidentState::Planning, reason);
            self.describe(case, &refused.proposal, &mut plan);
            refusal.describe(&mut plan);
            out.push(Output::Publish(plan));
        }
        case.stage = Stage::Deciding(Some(refused));
        (case.rung, case.because) = undecided;
    }

    pub(crate) fn act(
        &mut self,
        now: Timestamp,
        case: &mut Case,
        step: &Step,
        (proposal, approved_by): (&Proposal, &str),
        out: &mut Vec<Output>,
    ) {
        let approved = match approved_by {
            "" => String::new(),
            by => format!("approved by {by}"),
        };
        // What is done, and on which rung, has fields of its own in the plan.
        let parts = [
            case.why_now(),
            &proposal.basis.sentence(),
            &approved,
            proposal.basis.passed_over.trim_start_matches("; "),
        ];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let reason = parts.collect::<Vec<_>>().join("; ");
        case.attempts += 1;
        let flight = Flight {
            command_id: CommandId::derive(&case.event.id, case.revision + 1),
            action: proposal.action,
            target: proposal.target.clone(),
            params: step.params.clone(),
            deadline: step.deadline,
            issued_at: now,
            preconditions: self.preconditions(case, &proposal.target, proposal.action),
        };
        let mut plan = case.plan(now, Decision::Act, IncidentState::Acting, reason.clone());
        self.describe(case, proposal, &mut plan);
        flight.describe(&mut plan);
        let command = case.command(&flight, reason);
        out.push(Output::Publish(plan));
        out.push(Output::Issue(Box::new(command)));
        case.record_planned(now, out);
        case.release();
        self.rails
            .spend(now, &case.event.id, flight.action, &flight.target);
        case.stage = Stage::Acting(flight);
    }

    /// The process that a command is meant for: as the node's status has it, or as the incident does where that is newer.
    pub(crate) fn preconditions(
        &self,
        case: &Case,
        target: &Entity,
        action: ActionKind,
    ) -> Preconditions {
        let event = &case.event;
        let by_event = (*target == event.entity && event.generation > 0).then_some((
            event.at,
            event.pid,
            event.generation,
            None,
        ));
        let by_status = self.service(target).map(|(node, service)| {
            let started = service.detail.start_time;
            (node.at, service.pid, service.generation, started)
        });
        let newest = by_status
            .into_iter()
            .chain(by_event)
            .max_by_key(|(at, ..)| *at);
        // What is started is dead: it has no process, though a message may still tell of the last one. And what is not
        // done to a process is as good for the next one.
        let process = newest.filter(|_| is_done_to_a_process(action));
        Preconditions {
            start_time: process.and_then(|(.., started)| started),
            pid: process.and_then(|(_, pid, ..)| pid),
            generation: newest.map(|(_, _, generation, _)| generation),
        }
    }
}

const fn is_done_to_a_process(action: ActionKind) -> bool {
    use ActionKind::{Kill, Recover, Restart, Stop, Throttle};
    matches!(action, Kill | Recover | Restart | Stop | Throttle)
}
