//! What the remediator knows of one incident, and what it says about it.

use std::sync::Arc;
use std::time::Duration;

use arena_proto::{
    ActionKind, Command, CommandId, Decision, Effect, Entity, IncidentEvent, IncidentState, Plan,
    PlanBasis, PlanId, Preconditions, Resolution, Timestamp,
};

use crate::Output;
use crate::act::Undecided;
use crate::approval::Asked;
use crate::flight::Flight;
use crate::playbook::{Playbook, Step};
use crate::rails::{Proposal, Rail, Refusal};
use crate::shift::Shifts;
use crate::span::VERIFY;

/// Under which name a plan's numbers tell how often its incident was acted on so far; also the name of that fact.
pub(crate) const ATTEMPT: &str = "attempt";

/// Under which name an escalation tells that the symptom itself is cleared, so that after a restart it is known what is
/// still waited for.
pub(crate) const CLEARED: &str = "cleared";

/// One incident.
#[derive(Debug)]
pub(crate) struct Case {
    /// The event of the highest revision.
    pub(crate) event: IncidentEvent,
    /// When the first event of it was heard.
    pub(crate) heard_at: Timestamp,
    /// Since when the symptom is cleared, if it is.
    pub(crate) cleared_since: Option<Timestamp>,
    /// What it is treated for: the symptom that opened it, or one that came in its place.
    pub(crate) symptom: String,
    /// The playbook for that.
    pub(crate) playbook: Option<Arc<Playbook>>,
    pub(crate) shifts: Shifts,
    /// The last plan's revision; 0 before the first.
    pub(crate) revision: u32,
    /// The rung that it stands on, from 1; 0 until the first is chosen. One more than there are: the ladder is used up.
    pub(crate) rung: u32,
    /// How often it waited on this rung.
    pub(crate) waits: u32,
    /// How often it was acted on: how many commands were issued.
    pub(crate) attempts: u32,
    /// Why the last rung was left; empty on the first.
    pub(crate) because: String,
    pub(crate) stage: Stage,
    /// What a person is asked, or was and may still answer.
    pub(crate) asked: Option<Asked>,
    /// What a person denied: not asked again on another rung. Forgotten by a restart.
    pub(crate) denied: Vec<(ActionKind, Entity)>,
    /// Since when our own rails, and not a person, hold it up.
    pub(crate) held_since: Option<Timestamp>,
    /// Which of its commands the node last said to have taken up, and when.
    pub(crate) accepted: Option<(CommandId, Timestamp)>,
    /// What a command turned out to have done: the next plan tells.
    pub(crate) judged: Option<(CommandId, Effect)>,
    /// The action for which it was escalated, though its symptom cleared: another came of it.
    pub(crate) harmed: Option<Flight>,
    /// That other symptom, as long as it keeps it from being healed.
    pub(crate) harm: Option<String>,
    /// Why it is not healed though its symptom is cleared: what its rung's `verify` says.
    pub(crate) unproven: Option<String>,
    /// The replica that was started to take over on this rung.
    pub(crate) took_over: Option<Entity>,
    /// What was drained for it and is undrained before it is resolved.
    pub(crate) undo: Option<Entity>,
    /// What was done for it and lasts longer than it, in words.
    pub(crate) left_behind: Vec<String>,
    /// How it ended, once that is known and only the undoing is left.
    pub(crate) concluded: Option<(Resolution, String)>,
    /// Since when the symptom is calm: the first sample that was.
    pub(crate) calm_since: Option<Timestamp>,
    /// The actions on this ladder that did not help in time.
    pub(crate) trials: Vec<Trial>,
    /// The last action known to have succeeded.
    pub(crate) credit: Option<Credit>,
    /// Whether the span `plan` is recorded.
    pub(crate) planned: bool,
    /// Not kept beyond its escalation: more incidents are open than are kept.
    pub(crate) over_limit: bool,
    /// When it was resolved or escalated.
    pub(crate) ended_at: Option<Timestamp>,
}

/// Where an incident stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The next decision is due; what refused it so far, if anything.
    Deciding(Option<Refused>),
    /// A command is in flight.
    Acting(Flight),
    /// The command succeeded; the symptom has until `until` to clear.
    Verifying {
        flight: Flight,
        since: Timestamp,
        until: Timestamp,
    },
    /// The service's state says to wait; it has until `until` to change, or the symptom to clear.
    Waiting {
        until: Timestamp,
        /// What the node rejected as `TARGET_CHANGED`: a status that still says so is behind the times.
        outdated: Option<Preconditions>,
    },
    /// A person was called; it may still clear.
    Escalated,
    /// Over.
    Resolved,
}

/// A refusal that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// By what: told once, and again when it changes.
    pub(crate) rail: Rail,
    /// What else tells it from another refusal.
    pub(crate) about: String,
    /// What was refused.
    pub(crate) proposal: Proposal,
    /// When it is worth asking again without any further input.
    pub(crate) retry_at: Option<Timestamp>,
}

impl Refused {
    /// The same refusal: told once. Which rung it would be may change by time alone, and is not told again.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let target = |refused: &Self| refused.proposal.target.clone();
        (self.rail, &self.about, target(self)) == (other.rail, &other.about, target(other))
    }
}

/// Who is to be thanked, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credit {
    pub(crate) by: By,
    pub(crate) command_id: CommandId,
    pub(crate) action: ActionKind,
    pub(crate) target: Entity,
    pub(crate) at: Timestamp,
}

/// An action that succeeded, and whose symptom was not told to have cleared in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) flight: Flight,
    /// From when it could show: the node had taken it up.
    pub(crate) from: Timestamp,
    /// When its time was over.
    pub(crate) until: Timestamp,
}

/// Whose action it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Remediator,
    Person,
}

impl Case {
    pub(crate) fn new(
        since: Timestamp,
        event: IncidentEvent,
        playbook: Option<Arc<Playbook>>,
    ) -> Self {
        Self {
            symptom: event.symptom.clone(),
            event,
            heard_at: since,
            cleared_since: None,
            playbook,
            shifts: Shifts::default(),
            revision: 0,
            rung: 0,
            waits: 0,
            attempts: 0,
            because: String::new(),
            stage: Stage::Deciding(None),
            asked: None,
            denied: Vec::new(),
            trials: Vec::new(),
            held_since: None,
            accepted: None,
            judged: None,
            harmed: None,
            harm: None,
            unproven: None,
            took_over: None,
            undo: None,
            left_behind: Vec::new(),
            concluded: None,
            calm_since: None,
            credit: None,
            planned: false,
            over_limit: false,
            ended_at: None,
        }
    }

    /// What actions are for: the service that is believed to be the cause, else the service that is hurt.
    pub(crate) fn target(&self) -> Option<Entity> {
        [&self.event.root_cause, &self.event.entity]
            .into_iter()
            .find(|entity| entity.service.is_some())
            .cloned()
    }

    pub(crate) fn rungs(&self) -> u32 {
        let steps = self.playbook.as_ref().map_or(0, |book| book.steps.len());
        u32::try_from(steps).unwrap_or(u32::MAX)
    }

    pub(crate) fn step(&self) -> Option<Step> {
        self.playbook.as_ref()?.step(self.rung).cloned()
    }

    pub(crate) fn stable_for(&self) -> Duration {
        // An unknown symptom is given the shortest stability that tells a pause from an end.
        let short = Duration::from_secs(1);
        self.playbook.as_ref().map_or(short, |book| book.stable_for)
    }

    pub(crate) fn next_rung(&mut self, because: String) {
        self.rung += 1;
        self.waits = 0;
        self.took_over = None;
        self.because = because;
        self.stage = Stage::Deciding(None);
        self.release();
    }

    /// What it goes back to when its rung is refused.
    pub(crate) fn undecided(&self) -> Undecided {
        (self.rung, self.because.clone())
    }

    /// What held it up, or was asked, is of the past.
    pub(crate) fn release(&mut self) {
        (self.asked, self.held_since) = (None, None);
    }

    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        if let Stage::Acting(flight) = &self.stage {
            return Some(flight.gives_up_at());
        }
        if let Some(since) = self.cleared_since {
            let is_healed = self.harm.is_none() && self.unproven.is_none();
            return match &self.stage {
                _ if is_healed => Some(since + self.stable_for()),
                Stage::Verifying { until, .. } => Some(*until),
                _ => None,
            };
        }
        let by_stage = match &self.stage {
            Stage::Verifying { until, .. } | Stage::Waiting { until, .. } => Some(*until),
            Stage::Deciding(Some(refused)) => refused.retry_at,
            Stage::Resolved => return None,
            Stage::Deciding(None) | Stage::Acting(_) | Stage::Escalated => None,
        };
        by_stage.into_iter().chain(self.shifts.due()).min()
    }

    /// The next plan of this incident.
    pub(crate) fn plan(
        &mut self,
        now: Timestamp,
        decision: Decision,
        incident_state: IncidentState,
        reason: String,
    ) -> Box<Plan> {
        self.revision += 1;
        let id = &self.event.id;
        Box::new(Plan {
            basis: PlanBasis {
                numbers: [(ATTEMPT.to_owned(), self.attempts.into())].into(),
                judged: self.judged.take(),
                ..PlanBasis::default()
            },
            id: PlanId::derive(id, self.revision),
            incident_id: id.clone(),
            revision: self.revision,
            entity: self.event.entity.clone(),
            symptom: self.symptom.clone(),
            decision,
            incident_state,
            resolution: None,
            reason,
            playbook: self
                .playbook
                .as_ref()
                .map_or_else(String::new, |playbook| playbook.name()),
            rung: self.rung.min(self.rungs()),
            rungs: self.rungs(),
            action: None,
            target: None,
            command_id: None,
            at: now,
        })
    }

    pub(crate) fn command(&self, flight: &Flight, reason: String) -> Command {
        Command {
            fence: None,
            params: flight.params.clone(),
            id: flight.command_id.clone(),
            action: flight.action,
            node: flight.target.node.clone(),
            service: flight.target.service.clone(),
            expires_at: flight.expires_at(),
            deadline: flight.deadline,
            preconditions: flight.preconditions,
            incident_id: Some(self.event.id.clone()),
            issuer: "remediator".to_owned(),
            reason,
            at: flight.issued_at,
        }
    }

    /// Ends the incident, for good.
    pub(crate) fn resolve(
        &mut self,
        now: Timestamp,
        resolution: Resolution,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let reason = self.with_left_behind(reason);
        let mut plan = self.plan(now, Decision::Resolve, IncidentState::Resolved, reason);
        plan.resolution = Some(resolution);
        out.push(Output::Publish(plan));
        if let Stage::Verifying { flight, since, .. } = &self.stage {
            out.push(self.verify_span(VERIFY.to_owned(), flight, *since, now, None));
        }
        self.record_end(now, resolution.as_str(), None, out);
        self.stage = Stage::Resolved;
        self.ended_at = Some(now);
    }

    /// What led to a decision: why the last rung was left, or what the detector says.
    pub(crate) fn why_now(&self) -> &str {
        match &*self.because {
            "" => &self.event.reason,
            because => because,
        }
    }

    /// Calls a person though the symptom is cleared.
    pub(crate) fn escalate_unhealed(
        &mut self,
        now: Timestamp,
        reason: &str,
        out: &mut Vec<Output>,
    ) {
        let told = out.len();
        self.escalate(now, reason, out);
        for output in &mut out[told..] {
            if let Output::Publish(plan) = output {
                plan.basis.numbers.insert(CLEARED.to_owned(), 1.into());
            }
        }
    }

    /// Calls a person.
    pub(crate) fn escalate(&mut self, now: Timestamp, reason: &str, out: &mut Vec<Output>) {
        self.escalate_by(now, reason, None, out);
    }

    /// Calls a person because of a rail.
    pub(crate) fn escalate_by(
        &mut self,
        now: Timestamp,
        reason: &str,
        refusal: Option<&Refusal>,
        out: &mut Vec<Output>,
    ) {
        let reason = self.with_left_behind(reason);
        let (decision, state) = (Decision::Escalate, IncidentState::Escalated);
        let mut plan = self.plan(now, decision, state, reason.clone());
        if let Some(refusal) = refusal {
            refusal.describe(&mut plan);
        }
        out.push(Output::Publish(plan));
        self.release();
        self.record_end(now, "ESCALATED", Some(reason), out);
        self.stage = Stage::Escalated;
        self.ended_at = Some(now);
    }
}
