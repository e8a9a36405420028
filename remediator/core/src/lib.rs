//! Felix: planning, rails and verification as a pure state machine.
//!
//! An incident goes up its playbook's ladder one rung at a time. Each command is verified on the symptom that opened the
//! incident: a node's "succeeded" is never proof, only the detector's "cleared" is, and it has to last. After the last
//! rung a person is called. Every decision, also one not to act, is a [`Plan`] with its reason.
//!
//! What happens is in one file each: what is known of an incident (`case`), which are kept (`book`), what is done next
//! (`planner`, `ladder`), what forbids it (`rails`), what came of it (`verify`), and when it takes another ladder (`shift`).
//!
//! Absent on purpose: clocks, chance, input and output, the bus. The shell publishes the outputs in their order and
//! only then acknowledges the input.
//!
//! Invariants, which `tests/histories.rs` proves over random histories:
//! - at most one command in flight per service, and none for an incident that is not open, but for the one that undoes a
//!   drain;
//! - one command id per incident and revision; revisions count from 1 without gaps;
//! - the same event, outcome or plan once more changes nothing;
//! - while the remediator may act, every incident ends within a bound, resolved or escalated;
//! - every plan has a reason.

mod act;
mod aftermath;
mod approval;
mod book;
mod case;
mod facts;
mod flight;
mod graph;
mod ladder;
mod planner;
mod playbook;
mod rails;
mod restore;
mod shift;
mod span;
mod verdict;
mod verify;
mod words;

use std::collections::BTreeMap;

use arena_expression::Evaluator;
use arena_proto::{
    Approval, Command, Control, Decision, Entity, IncidentEvent, IncidentId, NodeName, NodeStatus,
    Observer, Outcome, Plan, ServiceClass, ServiceStatus, Timestamp,
};

use book::Book;
use case::{Case, Stage};
use graph::Graph;
use rails::Rails;

pub use playbook::{Condition, EntityClass, Playbook, Playbooks, Step, StepAction, Target};
pub use span::{ACT, PLAN, Span, act_key};

/// What the remediator learns.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// What the detector says. Before [`Input::Restored`] it is only remembered.
    Incident(IncidentEvent),
    /// What became of a command, its own or a person's.
    Outcome(Outcome),
    /// A node as it stands.
    Status(NodeStatus),
    /// What people decided for the whole arena.
    Control(Control),
    /// A person's answer to a plan that waits for one.
    Approval(Approval),
    /// Whether a detector can believe what it hears.
    Observer(Observer),
    /// A plan of its own from before a restart. After [`Input::Restored`] it is ignored.
    Restore(Plan),
    /// All that was known before the start has been told: from here on it decides.
    Restored,
    /// Time has passed.
    Tick,
}

/// What the remediator wants done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Publish a decision.
    Publish(Box<Plan>),
    /// Publish a command; always after the plan that it follows from.
    Issue(Box<Command>),
    /// Record a span of the incident's trace.
    Record(Box<Span>),
    /// Tell people in the log what no plan tells.
    Note(String),
}

/// The remediator's state: everything that it decides by.
#[derive(Debug)]
pub struct Remediator {
    playbooks: Playbooks,
    evaluator: Evaluator,
    book: Book,
    rails: Rails,
    statuses: BTreeMap<NodeName, NodeStatus>,
    control: Control,
    /// By detector.
    observers: BTreeMap<String, Observer>,
    approvals: BTreeMap<IncidentId, Approval>,
    restored: bool,
    /// When it was told all that was before, where incidents were open then.
    restored_at: Option<Timestamp>,
}

impl Remediator {
    /// One that knows nothing yet: tell it what was before, then [`Input::Restored`].
    #[must_use]
    pub fn new(playbooks: Playbooks) -> Self {
        Self {
            playbooks,
            evaluator: Evaluator::new(),
            book: Book::default(),
            rails: Rails::default(),
            statuses: BTreeMap::new(),
            control: Control::default(),
            observers: BTreeMap::new(),
            approvals: BTreeMap::new(),
            restored: false,
            restored_at: None,
        }
    }

    /// Takes one input and says what follows from it at time `now`.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Incident(event) => self.note(now, event),
            Input::Outcome(outcome) => self.hear(now, &outcome, &mut out),
            Input::Status(status) => {
                self.statuses.insert(status.node.clone(), status);
            }
            Input::Control(control) => self.control = control,
            Input::Approval(approval) => self.answer(approval, &mut out),
            Input::Observer(observer) => {
                self.observers.insert(observer.detector.clone(), observer);
            }
            Input::Restore(plan) => self.recall(plan),
            Input::Restored => self.begin(now, &mut out),
            Input::Tick => {}
        }
        // A decision may change why another incident is refused. It ends: a refusal is told only when its reason
        // changes, and what changes reasons (a command, a verdict) happens to an incident once at one time.
        let mut told = usize::MAX;
        while self.restored && told != out.len() {
            told = out.len();
            self.advance(now, &mut out);
        }
        out
    }

    /// When something is due without any further input.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        if !self.restored {
            return None;
        }
        self.book.unresolved().filter_map(Case::wakes_at).min()
    }

    /// How many incidents are neither resolved nor escalated.
    #[must_use]
    pub fn open_incidents(&self) -> usize {
        self.book.open_count()
    }

    /// All has been told: from here on it decides.
    fn begin(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        self.restored = true;
        self.book.forget_recalled();
        self.rails.forget_told();
        self.forget_answers();
        self.restored_at = (self.book.open_count() > 0).then_some(now);
        self.reissue(now, out);
    }

    fn note(&mut self, now: Timestamp, event: IncidentEvent) {
        self.rails.observe(&event);
        // What was seen before the start has lasted since then; what is heard live is stable from now.
        let since = if self.restored {
            now
        } else {
            event.at.min(now)
        };
        let class = self.class_of(&event.entity);
        self.book.note(since, event, &self.playbooks, class);
    }

    fn recall(&mut self, plan: Plan) {
        if !self.restored {
            let playbook = self.playbooks.named(&plan.playbook);
            let playbook = playbook.map(|playbook| &**playbook);
            self.rails.restore(&plan, playbook, Graph(&self.statuses));
            self.book.recall(plan, &self.playbooks);
        }
    }

    /// A command that was planned before a restart may never have been published. Its id is the plan's, and a node does
    /// the same id once, so it is safe to issue again as long as it is good and the incident open.
    fn reissue(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        for id in self.book.unresolved_ids() {
            let Some(mut case) = self.book.take(&id) else {
                continue;
            };
            if let Stage::Acting(flight) = &case.stage
                && case.cleared_since.is_none()
                && now < flight.expires_at()
            {
                let mut flight = flight.clone();
                flight.preconditions = self.preconditions(&case, &flight.target, flight.action);
                let why = "issued again after a restart of the remediator".to_owned();
                out.push(Output::Issue(Box::new(case.command(&flight, why))));
                case.stage = Stage::Acting(flight);
            }
            self.book.put(case);
        }
    }

    /// First the verdicts, which free services, then the decisions, which take them.
    fn advance(&mut self, now: Timestamp, out: &mut Vec<Output>) {
        let ids = self.book.unresolved_ids();
        for (pass, id) in ids
            .iter()
            .map(|id| (1, id))
            .chain(ids.iter().map(|id| (2, id)))
        {
            let Some(mut case) = self.book.take(id) else {
                continue;
            };
            if pass == 1 {
                let told = out.len();
                self.judge(now, &mut case, out);
                self.learn(&out[told..]);
            } else {
                self.decide_until_settled(now, &mut case, out);
            }
            self.book.put(case);
        }
    }

    /// A verdict frees what the incident held, and tells the rails that its service is well.
    fn learn(&mut self, out: &[Output]) {
        for output in out {
            if let Output::Publish(plan) = output
                && plan.decision == Decision::Resolve
            {
                self.approvals.remove(&plan.incident_id);
                self.rails.healed(plan, Graph(&self.statuses));
            }
        }
    }

    /// A decision may be to go on to the next rung: at most as many as the ladder has, and one to escalate.
    fn decide_until_settled(&mut self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        if case.cleared_since.is_some() || !matches!(case.stage, Stage::Deciding(_)) {
            return;
        }
        self.decide(now, case, out);
        while matches!(case.stage, Stage::Deciding(None)) {
            self.decide(now, case, out);
        }
    }

    fn service(&self, target: &Entity) -> Option<(&NodeStatus, &ServiceStatus)> {
        let status = self.statuses.get(&target.node)?;
        let name = target.service.as_ref()?;
        let service = status
            .services
            .iter()
            .find(|service| service.name == *name)?;
        Some((status, service))
    }

    /// Which playbooks are for an entity: what is not known to be a batch is a service.
    fn class_of(&self, entity: &Entity) -> EntityClass {
        let class = self
            .service(entity)
            .and_then(|(_, service)| service.detail.class);
        match (&entity.service, class) {
            (None, _) => EntityClass::Node,
            (Some(_), Some(ServiceClass::Batch)) => EntityClass::Batch,
            (Some(_), _) => EntityClass::Service,
        }
    }

    /// The other incident of the same entity and symptom that was opened later, if there is one.
    fn successor(&self, case: &Case) -> Option<IncidentId> {
        let age = |case: &Case| (case.event.opened_at, case.event.id.clone());
        self.book
            .unresolved()
            .filter(|other| {
                other.event.entity == case.event.entity && other.event.symptom == case.event.symptom
            })
            .filter(|other| age(other) > age(case))
            .map(|other| other.event.id.clone())
            .next()
    }
}
