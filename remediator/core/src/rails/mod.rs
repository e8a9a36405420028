//! What forbids an action: a person's decision, or a rail of our own. None of them acts; each says why not, in numbers,
//! and when it is worth asking again. docs/remediator.md has the table: rail, limit, reason, test.
//!
//! First what stands until somebody or something outside changes it ([`Rails::standing`]), then what passes by itself
//! ([`Rails::passing`]), and last who decides ([`observe`]): so that a plan under OBSERVE or APPROVE is the plan that
//! AUTO would have made.
//!
//! The budgets are not kept anywhere: they follow from the plans and the incidents, which are told again at a start.

mod backoff;
mod busy;
mod flapping;
mod observer;
mod people;
mod replicas;
mod settling;
mod tokens;

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    ActionKind, Control, Decision, Entity, IncidentEvent, IncidentId, NodeName, NodeStatus, Number,
    Numbers, Observer, Plan, Resolution, RiskClass, Timestamp,
};

use crate::book::Book;
use crate::case::Case;
use crate::graph::Graph;
use crate::planner::Basis;
use crate::playbook::Playbook;
use crate::restore::took_over;

pub(crate) use settling::LastAction;

/// How long our own rails may hold an incident up before a person is called: a dozen incidents of one chain, one after
/// the other, at ten seconds each.
pub(crate) const HELD_MAX: Duration = Duration::from_mins(2);

macro_rules! rails {
    ($($(#[$doc:meta])* $rail:ident = $name:literal),+ $(,)?) => {
        /// What refuses. Its name is in the plan.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Rail { $($(#[$doc])* $rail),+ }

        impl Rail {
            pub(crate) const ALL: &[Self] = &[$(Self::$rail),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$rail => $name),+ }
            }
        }
    };
}

rails! {
    /// The safety lever is stopped.
    Lever = "lever",
    /// A person paused it.
    Pause = "pause",
    /// The mode lets nobody act.
    Observe = "observe",
    /// The mode lets a person decide.
    Approval = "approval",
    /// A detector cannot believe what it hears.
    Storm = "storm",
    /// It is hurt again and again.
    Flapping = "flapping",
    /// Another incident's command is in flight on the service.
    InFlight = "in_flight",
    /// Another incident's action is under way on the dependency chain.
    Chain = "chain",
    /// Another incident's command is in flight on the node.
    Node = "node",
    /// Too few replicas would be left.
    Replicas = "replicas",
    /// Too many commands are in flight.
    Flights = "flights",
    /// Too many actions lately.
    Tokens = "tokens",
    /// It was restarted only just now, again.
    Backoff = "backoff",
    /// The service settles after an action for another incident.
    Settling = "settling",
    /// The same symptom of the service is being verified for another incident.
    Verifying = "verifying",
    /// The remediator has just started.
    Hold = "hold",
    /// Another remediator has taken over: the node's word, never a plan's.
    Fence = "fence",
}

impl Rail {
    /// The rail of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rail| rail.as_str() == name)
    }

    /// What may stand for as long as it likes: nobody is called for it. The approval has an end of its own.
    pub(crate) const fn may_stand(self) -> bool {
        matches!(
            self,
            Self::Lever | Self::Pause | Self::Observe | Self::Approval | Self::Storm
        )
    }
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) rail: Rail,
    /// What tells it from another refusal by the same rail: the other incident, say.
    pub(crate) about: String,
    pub(crate) sentence: String,
    pub(crate) numbers: Numbers,
    /// When it is worth asking again without any further input.
    pub(crate) retry_at: Option<Timestamp>,
}

impl Refusal {
    /// Names the rail and its numbers in a plan.
    pub(crate) fn describe(&self, plan: &mut Plan) {
        self.rail.as_str().clone_into(&mut plan.basis.rail);
        plan.basis.numbers.extend(self.numbers.clone());
    }

    pub(crate) fn new(rail: Rail, sentence: String) -> Self {
        Self {
            rail,
            about: String::new(),
            sentence,
            numbers: Numbers::new(),
            retry_at: None,
        }
    }
}

/// What is about to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) action: ActionKind,
    pub(crate) target: Entity,
    pub(crate) risk: RiskClass,
    /// Why.
    pub(crate) basis: Basis,
}

/// What the rails judge by, besides what they remember.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) now: Timestamp,
    pub(crate) book: &'a Book,
    pub(crate) statuses: &'a BTreeMap<NodeName, NodeStatus>,
    pub(crate) control: &'a Control,
    pub(crate) observers: &'a BTreeMap<String, Observer>,
    /// When it was told all that was before, where incidents were open then.
    pub(crate) restored_at: Option<Timestamp>,
}

/// What the rails remember.
#[derive(Debug, Default)]
pub(crate) struct Rails {
    last: settling::LastActions,
    tokens: tokens::Tokens,
    backoff: backoff::Backoff,
    flapping: flapping::Flapping,
    /// By incident, the last plan told at a start, and its action as long as no plan tells of its end.
    told: BTreeMap<IncidentId, (u32, Option<Plan>)>,
}

impl Rails {
    /// What people, the detector or the entity itself forbid, whatever else is under way.
    pub(crate) fn standing(
        &self,
        view: View<'_>,
        case: &Case,
        target: &Entity,
    ) -> Result<(), Refusal> {
        let (now, hurt) = (view.now, &case.event.entity);
        people::lever(view.control)?;
        observer::storm(view.observers)?;
        people::pause(now, view.control, hurt, target)?;
        self.flapping.check(now, [hurt, target])
    }

    /// Is it too early, or too much?
    pub(crate) fn passing(
        &mut self,
        view: View<'_>,
        case: &Case,
        proposal: &Proposal,
    ) -> Result<(), Refusal> {
        let Proposal { action, target, .. } = proposal;
        let (now, id) = (view.now, &case.event.id);
        busy::in_flight(view.book, target)?;
        busy::verifying(view.book, target, &case.symptom)?;
        busy::chain(view.book, Graph(view.statuses), target)?;
        busy::node(view.book, target)?;
        self.last.check(now, id, target)?;
        replicas::replicas(view.book, view.statuses, case, *action, target)?;
        self.backoff.check(now, id, *action, target)?;
        busy::flights(view.book)?;
        self.tokens.check(now)
    }

    /// An action is taken.
    pub(crate) fn spend(
        &mut self,
        now: Timestamp,
        incident: &IncidentId,
        action: ActionKind,
        target: &Entity,
    ) {
        self.tokens.spend(now);
        self.backoff.attempt(now, incident, action, target);
    }

    /// The node would not do it: that was no attempt.
    pub(crate) fn rejected(&mut self, action: ActionKind, target: &Entity) {
        self.backoff.rejected(action, target);
    }

    /// An action has come to an end, whichever.
    pub(crate) fn remember(&mut self, target: Entity, last: LastAction) {
        self.last.keep(target, last);
    }

    /// The last action on a service, within the time that it is remembered.
    pub(crate) fn last_on(&self, target: &Entity) -> Option<&LastAction> {
        self.last.get(target)
    }

    /// What the detector says is an observation of the entity.
    pub(crate) fn observe(&mut self, event: &IncidentEvent) {
        self.flapping.note(event);
    }

    /// An incident is resolved: its service is well, unless it goes on under another name.
    pub(crate) fn healed(&mut self, plan: &Plan, graph: Graph<'_>) {
        if plan.resolution != Some(Resolution::Merged) {
            self.backoff
                .healed(plan.at, &plan.incident_id, &plan.entity, graph);
        }
    }

    /// Takes up what a plan from before a restart tells; the same one again changes nothing.
    pub(crate) fn restore(&mut self, plan: &Plan, playbook: Option<&Playbook>, graph: Graph<'_>) {
        let (revision, under_way) = self.told.entry(plan.incident_id.clone()).or_default();
        if plan.revision <= *revision {
            return;
        }
        *revision = plan.revision;
        let judged = plan.basis.judged.as_ref().map(|(command, _)| command);
        let has_ended = |acted: &Plan| {
            plan.decision == Decision::Verify
                || took_over(acted, plan)
                || judged.is_some() && acted.command_id.as_ref() == judged
        };
        let acted = under_way.take_if(|acted| has_ended(acted));
        let rejected = under_way.take();
        if plan.decision == Decision::Act {
            *under_way = Some(plan.clone());
        }
        let step = |plan: &Plan| {
            playbook
                .and_then(|playbook| playbook.step(plan.rung))
                .cloned()
        };
        if let Some(acted) = acted
            && let (Some(action), Some(target)) = (acted.action, acted.target.clone())
        {
            let last = LastAction {
                incident: acted.incident_id.clone(),
                symptom: acted.symptom.clone(),
                action,
                rung: acted.rung,
                begun_at: acted.at,
                ended_at: plan.at,
                settle: step(&acted).map_or(Duration::ZERO, |step| step.settle),
            };
            self.last.keep(target, last);
        }
        if let Some(rejected) = rejected
            && let (Some(action), Some(target)) = (rejected.action, &rejected.target)
        {
            self.backoff.rejected(action, target);
        }
        match (plan.decision, plan.action, &plan.target) {
            (Decision::Act, Some(action), Some(target)) => {
                self.spend(plan.at, &plan.incident_id, action, target);
            }
            (Decision::Resolve, ..) => self.healed(plan, graph),
            _ => {}
        }
    }

    /// All that was before has been told.
    pub(crate) fn forget_told(&mut self) {
        self.told.clear();
    }
}

/// Is what happened before the start still being told?
pub(crate) fn hold(view: View<'_>) -> Result<(), Refusal> {
    observer::hold(view.now, view.restored_at)
}

/// May it be done without a person? Last of all: the plan that nobody may carry out is the same plan.
pub(crate) fn observe(control: &Control, risk: RiskClass) -> Result<(), Refusal> {
    people::observe(control, risk)
}

/// Why a person is asked.
pub(crate) fn question(control: &Control, risk: RiskClass) -> String {
    people::question(control, risk)
}

fn numbers<const N: usize>(pairs: [(&str, Number); N]) -> Numbers {
    pairs
        .into_iter()
        .map(|(name, number)| (name.to_owned(), number))
        .collect()
}

fn seconds(duration: Duration) -> Number {
    Number::new(duration.as_secs_f64()).unwrap_or_default()
}
