//! The invariants over random histories: messages lost, repeated and out of order, commands that fail or are never heard
//! of again, people at the lever, and restarts that lose what was not yet published.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_proto::{
    ActionKind, Approval, Command, CommandState, Control, Decision, Entity, IncidentEvent,
    IncidentEventKind, IncidentId, LeverPosition, Mode, NodeName, NodeStatus, Observer,
    ObserverState, Pause, Plan, PlanId, ProbeVerdict, ProcessState, RejectionReason, Timestamp,
    Verdict,
};
use arena_remediator_core::{Input, Output, Playbooks, Remediator};
use common::{at, event, outcome, persons, signal, status};
use proptest::prelude::*;

/// The edge calls the orders, which call the ledger; the orders have two replicas.
const TARGETS: [&str; 4] = [
    "node-1/orders",
    "node-1/edge",
    "node-2/orders",
    "node-3/ledger",
];
/// Where the rails are told.
const TABLE: &str = include_str!("../../../docs/remediator.md");
const SYMPTOMS: [&str; 4] = ["process_exited", "latency_high", "cpu_high", "unheard_of"];
/// The longest ladder: two minutes left alone, then three rungs of 21 s in flight and 15 s to verify, two waits of 15 s on
/// each, two minutes held up by the rails on each, and a stability window: what an incident can take at the very most while
/// the remediator may act.
const BOUND: Duration = Duration::from_mins(14);

/// What happens next; numbers choose among what is there.
#[derive(Debug, Clone, Copy)]
enum Act {
    Open {
        target: usize,
        symptom: usize,
    },
    Update {
        incident: usize,
        lost: bool,
        /// Another symptom that is there instead, if any.
        instead: usize,
    },
    Clear {
        incident: usize,
    },
    Answer {
        command: usize,
        state: CommandState,
        reason: RejectionReason,
    },
    Repeat {
        input: usize,
    },
    Status {
        target: usize,
        state: ProcessState,
        probe: ProbeVerdict,
        generation: u32,
    },
    Person {
        target: usize,
        action: ActionKind,
    },
    Control {
        mode: Mode,
        lever: LeverPosition,
        /// One that is paused, if any.
        paused: usize,
    },
    Approval {
        /// Which of the last questions.
        question: usize,
        verdict: Verdict,
    },
    Observer {
        state: ObserverState,
    },
    Restart {
        unpublished: usize,
        told: usize,
    },
    Pass {
        ms: u64,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    fn word<T: Copy + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
        prop::sample::select(all)
    }
    let index = any::<prop::sample::Index>;
    let act = prop_oneof![
        4 => (index(), index()).prop_map(|(target, symptom)| Act::Open {
            target: target.index(TARGETS.len()), symptom: symptom.index(SYMPTOMS.len()) }),
        2 => (index(), any::<bool>(), index()).prop_map(|(incident, lost, instead)| Act::Update {
            incident: incident.index(64), lost, instead: instead.index(SYMPTOMS.len() + 1) }),
        3 => index().prop_map(|incident| Act::Clear { incident: incident.index(64) }),
        5 => (index(), prop_oneof![3 => Just(CommandState::Succeeded), 1 => word(CommandState::ALL)],
              word(RejectionReason::ALL))
            .prop_map(|(command, state, reason)| Act::Answer { command: command.index(4), state, reason }),
        3 => index().prop_map(|input| Act::Repeat { input: input.index(256) }),
        2 => (index(), word(ProcessState::ALL), word(ProbeVerdict::ALL), 1..4_u32)
            .prop_map(|(target, state, probe, generation)| Act::Status {
                target: target.index(TARGETS.len()), state, probe, generation }),
        1 => (index(), word(ActionKind::ALL)).prop_map(|(target, action)| Act::Person {
            target: target.index(TARGETS.len()), action }),
        2 => (word(Mode::ALL), word(LeverPosition::ALL), index()).prop_map(|(mode, lever, paused)| Act::Control {
            mode, lever, paused: paused.index(2 * TARGETS.len()) }),
        1 => Just(Act::Control { mode: Mode::Auto, lever: LeverPosition::Released, paused: TARGETS.len() }),
        2 => (0..3_usize, word(Verdict::ALL)).prop_map(|(question, verdict)| Act::Approval { question, verdict }),
        1 => word(ObserverState::ALL).prop_map(|state| Act::Observer { state }),
        1 => (0..4_usize, 0..3_usize).prop_map(|(unpublished, told)| Act::Restart { unpublished, told }),
        6 => (0..8000_u64).prop_map(|ms| Act::Pass { ms }),
    ];
    prop::collection::vec(act, 1..80)
}

/// A flight as the world outside can know it: nothing comes of a command after this.
struct Flight {
    command: Command,
    over_at: Timestamp,
}

struct World {
    remediator: Remediator,
    now: Timestamp,
    /// By incident: the last event, as published, and whether it was delivered.
    incidents: Vec<IncidentEvent>,
    inputs: Vec<Input>,
    plans: Vec<Plan>,
    commands: Vec<Command>,
    flights: BTreeMap<Entity, Flight>,
    controls: Control,
    statuses: BTreeMap<NodeName, NodeStatus>,
    observer: Option<Observer>,
    /// By incident, the last one: as the bus keeps them.
    approvals: BTreeMap<IncidentId, Approval>,
    /// By question, the last answer.
    answers: BTreeMap<PlanId, Verdict>,
    /// The highest revision delivered, by incident, and whether it was CLEARED.
    heard: BTreeMap<IncidentId, (u32, bool)>,
    /// Those that were ever heard to show another symptom instead: their ladder may change at any time.
    shifting: BTreeSet<IncidentId>,
    ended: BTreeSet<IncidentId>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            remediator: Remediator::new(Playbooks::built_in().unwrap()),
            now: at(0),
            incidents: Vec::new(),
            inputs: Vec::new(),
            plans: Vec::new(),
            commands: Vec::new(),
            flights: BTreeMap::new(),
            controls: Control::default(),
            statuses: BTreeMap::new(),
            observer: None,
            approvals: BTreeMap::new(),
            answers: BTreeMap::new(),
            heard: BTreeMap::new(),
            shifting: BTreeSet::new(),
            ended: BTreeSet::new(),
        };
        world.tell(Input::Restored);
        world
    }

    fn tell(&mut self, input: Input) {
        if let Input::Incident(event) = &input {
            if !event.signals.is_empty() {
                self.shifting.insert(event.id.clone());
            }
            let heard = self.heard.entry(event.id.clone()).or_insert((0, false));
            if event.revision > heard.0 {
                *heard = (event.revision, event.kind == IncidentEventKind::Cleared);
            }
        }
        if let Input::Outcome(outcome) = &input
            && outcome.state.is_final()
        {
            self.flights
                .retain(|_, flight| flight.command.id != outcome.command_id);
        }
        let out = self.remediator.step(self.now, input);
        self.publish(out);
    }

    fn publish(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Publish(plan) => {
                    self.check_plan(&plan);
                    self.plans.push(*plan);
                }
                Output::Issue(command) => {
                    self.check_command(&command);
                    self.commands.push(*command);
                }
                Output::Record(span) => assert!(span.start <= span.end, "{span:?}"),
                Output::Note(_) => {}
            }
        }
    }

    fn check_plan(&mut self, plan: &Plan) {
        let before = self
            .plans
            .iter()
            .filter(|other| other.incident_id == plan.incident_id);
        let last = before.map(|plan| plan.revision).max().unwrap_or(0);
        assert_eq!(plan.revision, last + 1, "a gap or a repetition: {plan:?}");
        assert!(!plan.reason.is_empty(), "no reason: {plan:?}");
        assert!(plan.rung <= plan.rungs, "no such rung: {plan:?}");
        if plan.decision == Decision::Refuse {
            let rail = format!("| `{}` |", plan.basis.rail);
            assert!(TABLE.contains(&rail), "not a rail of the table: {plan:?}");
            assert!(plan.action.is_some() && plan.target.is_some(), "{plan:?}");
        }
        assert_eq!(
            plan.resolution.is_some(),
            plan.decision == Decision::Resolve
        );
        assert!(
            !self.ended.contains(&plan.incident_id),
            "it was over: {plan:?}"
        );
        if plan.decision == Decision::Resolve {
            self.ended.insert(plan.incident_id.clone());
        }
    }

    fn check_command(&mut self, command: &Command) {
        let incident = command.incident_id.clone().unwrap();
        let (_, cleared) = self.heard[&incident];
        assert!(!cleared, "a command for a cleared incident: {command:?}");
        assert!(
            !self.ended.contains(&incident),
            "a command for an incident that is over"
        );
        let planned = self
            .plans
            .iter()
            .filter(|plan| plan.decision == Decision::Act)
            .find(|plan| plan.command_id.as_ref() == Some(&command.id));
        let planned = planned.expect("a command without its plan");
        assert_eq!(planned.incident_id, incident);
        assert_eq!(planned.action, Some(command.action));
        assert!(
            self.now < command.expires_at,
            "issued too late: {command:?}"
        );
        if self.commands.iter().all(|other| other.id != command.id) {
            self.check_people(command, planned);
            self.check_caps(command);
        }
        let target = command.target();
        self.flights.retain(|_, flight| flight.over_at > self.now);
        if let Some(flight) = self.flights.get(&target) {
            assert_eq!(
                flight.command.id, command.id,
                "two commands in flight on {target}"
            );
        }
        let over_at = command.expires_at + command.deadline;
        let command = command.clone();
        self.flights.insert(target, Flight { command, over_at });
    }

    /// Nobody forbids it: not the lever, the mode, a pause, a storm.
    fn check_people(&self, command: &Command, planned: &Plan) {
        assert_eq!(self.controls.lever, LeverPosition::Released);
        let storm = |observer: &Observer| observer.state == ObserverState::Storm;
        assert!(!self.observer.as_ref().is_some_and(storm), "in a storm");
        let pause = self.controls.pause(&command.target(), self.now);
        assert_eq!(pause, None, "{command:?}");
        match self.controls.mode_for(planned.basis.risk.unwrap()) {
            Mode::Auto => {}
            Mode::Observe => panic!("it acts under OBSERVE: {planned:?}"),
            Mode::Approve => {
                let what = |plan: &Plan| (plan.action, plan.target.clone(), plan.rung);
                let approved = |plan: &&Plan| {
                    let verdict = self.answers.get(&plan.id);
                    plan.incident_id == planned.incident_id && verdict == Some(&Verdict::Approved)
                };
                let mut asked = self.plans.iter().filter(approved);
                assert!(
                    asked.any(|asked| what(asked) == what(planned)),
                    "nobody said so: {planned:?}"
                );
            }
        }
    }

    /// One at a time on its node and its chain, and none of the caps is exceeded.
    fn check_caps(&mut self, command: &Command) {
        let target = command.target();
        let now = self.now;
        self.flights.retain(|_, flight| flight.over_at > now);
        assert!(self.flights.len() < 4, "too many in flight: {command:?}");
        for other in self.flights.keys() {
            assert_ne!(other.node, target.node, "two on a node: {command:?}");
            assert!(!self.on_one_chain(other, &target), "{other}: {command:?}");
        }
        for other in self.being_verified() {
            assert!(!self.on_one_chain(&other, &target), "{other}: {command:?}");
        }
        for (since, earlier) in self.commands.iter().rev().enumerate() {
            let in_all = u64::try_from(since).unwrap() + 2;
            let seconds = now.saturating_since(earlier.at).as_secs();
            assert!(in_all <= 12 + seconds + 1, "{in_all} in {seconds} s");
        }
        if let ActionKind::Restart = command.action {
            self.check_replicas(&target);
        }
    }

    fn on_one_chain(&self, one: &Entity, other: &Entity) -> bool {
        let known = |entity: &Entity| {
            let services = self.statuses.values().flat_map(|node| &node.services);
            let mut replicas =
                services.filter(|service| Some(&service.name) == entity.service.as_ref());
            replicas.any(|service| !service.depends_on.is_empty())
        };
        let name = |entity: &Entity| entity.service.clone().unwrap().to_string();
        let calls = |caller: &Entity, callee: &Entity| match (&*name(caller), &*name(callee)) {
            ("edge", "orders") | ("orders", "ledger") => known(caller),
            ("edge", "ledger") => known(caller) && known(&"node-1/orders".parse().unwrap()),
            _ => false,
        };
        calls(one, other) || calls(other, one)
    }

    /// The targets of what is being verified, of incidents that are not cleared and show no other symptom: those whose
    /// verification may just have ended, before the plan that tells it, are left out.
    fn being_verified(&self) -> Vec<Entity> {
        let shortest = Duration::from_secs(5);
        let last = |id: &IncidentId| self.plans.iter().rfind(|plan| plan.incident_id == *id);
        let open = self.heard.iter().filter(|(_, (_, cleared))| !cleared);
        open.filter(|(id, _)| !self.shifting.contains(id))
            .filter_map(|(id, _)| last(id))
            .filter(|plan| plan.decision == Decision::Verify && self.now < plan.at + shortest)
            .filter_map(|plan| plan.target.clone())
            .collect()
    }

    /// Of the orders, one of two has to be up when the other is taken away.
    fn check_replicas(&self, target: &Entity) {
        let up = |entity: &Entity| {
            let node = self.statuses.get(&entity.node)?;
            let mut services = node.services.iter();
            let service =
                services.find(|service| Some(&service.name) == entity.service.as_ref())?;
            // What is stopped is not wanted, so it is nobody's to be missed.
            let is_wanted = service.state != ProcessState::Stopped;
            is_wanted.then(|| service.is_healthy() && !self.flights.contains_key(entity))
        };
        let replicas = ["node-1/orders", "node-2/orders"].map(|name| name.parse().unwrap());
        if replicas.contains(target) && up(target) == Some(true) {
            let other = replicas.iter().find(|other| *other != target).unwrap();
            assert_ne!(up(other), Some(false), "nobody is left: {target}");
        }
    }

    /// Lets time pass as the shell does.
    fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        let mut wakeups = 0;
        while let Some(wakeup) = self.remediator.next_wakeup().filter(|at| *at <= until) {
            self.now = self.now.max(wakeup);
            self.tell(Input::Tick);
            wakeups += 1;
            assert!(wakeups < 10_000, "it wakes without getting on");
        }
        self.now = until;
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Restart { unpublished, told } => self.restart(unpublished, told),
            Act::Pass { ms } => self.pass(Duration::from_millis(ms)),
            _ => {
                let Some(input) = self.input(act) else { return };
                if matches!(input, Input::Incident(_) | Input::Outcome(_)) {
                    self.inputs.push(input.clone());
                }
                self.tell(input);
            }
        }
    }

    /// What is told; `None` when there is nothing that it could be about, or it is lost.
    fn input(&mut self, act: Act) -> Option<Input> {
        let now = self.now;
        match act {
            Act::Open { target, symptom } => {
                let (kind, id) = (
                    IncidentEventKind::Opened,
                    format!("i{}", self.incidents.len()),
                );
                let opened = event(kind, &id, 1, TARGETS[target], SYMPTOMS[symptom], (now, now));
                self.incidents.push(opened.clone());
                Some(Input::Incident(opened))
            }
            Act::Update {
                incident,
                lost,
                instead,
            } => self
                .next_event(incident, IncidentEventKind::Updated, instead)
                .filter(|_| !lost)
                .map(Input::Incident),
            Act::Clear { incident } => self
                .next_event(incident, IncidentEventKind::Cleared, SYMPTOMS.len())
                .map(Input::Incident),
            Act::Answer {
                command,
                state,
                reason,
            } => {
                let command = self.commands.iter().rev().nth(command)?;
                let reason = (state == CommandState::Rejected).then_some(reason);
                Some(Input::Outcome(outcome(command, state, reason, now)))
            }
            Act::Repeat { input } => self.inputs.get(input % self.inputs.len().max(1)).cloned(),
            Act::Status {
                target,
                state,
                probe,
                generation,
            } => {
                let process = (Some(generation * 10), generation);
                let mut told = status(TARGETS[target], state, probe, process, now);
                let callee = match told.services[0].name.as_str() {
                    "edge" => Some("orders"),
                    "orders" => Some("ledger"),
                    _ => None,
                };
                let callee = callee.map(|name| name.parse().unwrap());
                told.services[0].depends_on.extend(callee);
                if let Some(before) = self.statuses.remove(&told.node) {
                    let name = told.services[0].name.clone();
                    let others = before.services.into_iter();
                    told.services
                        .extend(others.filter(|other| other.name != name));
                }
                self.statuses.insert(told.node.clone(), told.clone());
                Some(Input::Status(told))
            }
            Act::Person { target, action } => {
                Some(Input::Outcome(persons(TARGETS[target], action, now)))
            }
            Act::Approval { .. } | Act::Observer { .. } | Act::Control { .. } => self.said(act),
            Act::Restart { .. } | Act::Pass { .. } => None,
        }
    }

    /// What people and the detector say of what may be done.
    fn said(&mut self, act: Act) -> Option<Input> {
        let now = self.now;
        match act {
            Act::Approval { question, verdict } => {
                let questions = self.plans.iter().rev();
                let mut questions = questions.filter(|plan| plan.basis.expires_at.is_some());
                let asked = questions.nth(question)?;
                let approval = Approval {
                    incident_id: asked.incident_id.clone(),
                    plan_id: asked.id.clone(),
                    verdict,
                    by: "ada".to_owned(),
                    reason: String::new(),
                    at: now,
                };
                self.answers.insert(approval.plan_id.clone(), verdict);
                let of = approval.incident_id.clone();
                self.approvals.insert(of, approval.clone());
                Some(Input::Approval(approval))
            }
            Act::Observer { state } => {
                let observer = Observer {
                    detector: "detector".to_owned(),
                    state,
                    reason: "2 of 3 nodes are silent".to_owned(),
                    since: now,
                    silent: 2,
                    known: 3,
                    at: now,
                };
                self.observer = Some(observer.clone());
                Some(Input::Observer(observer))
            }
            Act::Control {
                mode,
                lever,
                paused,
            } => {
                let paused = TARGETS.get(paused).map(|entity| Pause {
                    entity: entity.parse().unwrap(),
                    by: "ada".to_owned(),
                    reason: String::new(),
                    at: now,
                    until: None,
                });
                self.controls = Control {
                    mode,
                    lever,
                    pauses: paused.into_iter().collect(),
                    ..Control::default()
                };
                Some(Input::Control(self.controls.clone()))
            }
            _ => None,
        }
    }

    fn next_event(
        &mut self,
        index: usize,
        kind: IncidentEventKind,
        instead: usize,
    ) -> Option<IncidentEvent> {
        let count = self.incidents.len().max(1);
        let incident = self.incidents.get_mut(index % count)?;
        if incident.kind == IncidentEventKind::Cleared {
            return None;
        }
        incident.revision += 1;
        (incident.kind, incident.at) = (kind, self.now);
        let own = |symptom: &str, state| signal(&incident.entity, symptom, state, self.now);
        incident.signals = match SYMPTOMS.get(instead) {
            Some(symptom) => vec![own(&incident.symptom, "NO_DATA"), own(symptom, "FIRING")],
            None => Vec::new(),
        };
        Some(incident.clone())
    }

    /// A new core: it is told its plans and the incidents as they were published, in some lives more than once. The last
    /// plans are lost where nothing came after them (a crash before they were stored).
    fn restart(&mut self, unpublished: usize, again: usize) {
        for _ in 0..unpublished {
            let Some(plan) = self.plans.last().filter(|plan| {
                plan.at == self.now
                    && !self
                        .commands
                        .iter()
                        .any(|command| Some(&command.id) == plan.command_id.as_ref())
            }) else {
                break;
            };
            self.ended.remove(&plan.incident_id);
            self.plans.pop();
        }
        self.remediator = Remediator::new(Playbooks::built_in().unwrap());
        self.tell(Input::Control(self.controls.clone()));
        if let Some(observer) = self.observer.clone() {
            self.tell(Input::Observer(observer));
        }
        for status in self.statuses.clone().into_values() {
            self.tell(Input::Status(status));
        }
        for approval in self.approvals.clone().into_values() {
            self.tell(Input::Approval(approval));
        }
        for _ in 0..=again {
            for plan in self.plans.clone() {
                self.tell(Input::Restore(plan));
            }
            for event in self.incidents.clone() {
                self.tell(Input::Incident(event));
            }
        }
        self.tell(Input::Restored);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_invariants_hold(acts in acts()) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        world.act(Act::Observer { state: ObserverState::Clear });
        world.act(Act::Control { mode: Mode::Auto, lever: LeverPosition::Released, paused: TARGETS.len() });
        // Incidents queue for the services and for the actions that may be taken.
        let queue = u32::try_from(world.incidents.len()).unwrap();
        world.pass(BOUND * (1 + queue));
        prop_assert_eq!(world.remediator.open_incidents(), 0);
        for incident in &world.incidents {
            let last = world.plans.iter().rfind(|plan| plan.incident_id == incident.id);
            if world.heard.contains_key(&incident.id) {
                let last = last.expect("an incident without any decision");
                prop_assert!(last.incident_state.is_final(), "{:?}", last);
            }
        }
    }

    #[test]
    fn what_is_told_twice_changes_nothing(acts in acts()) {
        let mut world = World::new();
        for act in acts {
            world.act(match act {
                // An input whose plans were lost was not acknowledged: telling it again has to change something.
                Act::Restart { told, .. } => Act::Restart { unpublished: 0, told },
                act => act,
            });
        }
        let plans = world.plans.len();
        let commands = world.commands.len();
        for input in world.inputs.clone() {
            // Each of these was heard before, so that even in the same order once more it is old.
            world.tell(input);
        }
        prop_assert_eq!(&world.plans[plans..], &[]);
        prop_assert_eq!(world.commands.len(), commands);
    }

    /// The plan under OBSERVE is the plan under AUTO, but for the decision and its rail.
    #[test]
    fn observe_plans_what_auto_does(acts in acts(), target in 0..TARGETS.len(), symptom in 0..3_usize) {
        let first_plan = |mode| {
            let mut world = World::new();
            world.act(Act::Control { mode, lever: LeverPosition::Released, paused: TARGETS.len() });
            for act in acts.iter().filter(|act| matches!(act, Act::Status { .. } | Act::Pass { .. })) {
                world.act(*act);
            }
            world.act(Act::Open { target, symptom });
            let mut plan = world.plans.remove(0);
            plan.reason.clear();
            plan
        };
        let (auto, observed) = (first_plan(Mode::Auto), first_plan(Mode::Observe));
        if auto.decision != Decision::Act {
            prop_assert_eq!(auto, observed);
            return Ok(());
        }
        prop_assert_eq!(observed.decision, Decision::Refuse);
        prop_assert_eq!(&*observed.basis.rail, "observe");
        let mut as_auto = observed.clone();
        as_auto.decision = auto.decision;
        as_auto.incident_state = auto.incident_state;
        as_auto.command_id.clone_from(&auto.command_id);
        as_auto.basis.rail.clear();
        as_auto.basis.numbers.insert("attempt".to_owned(), 1.into());
        prop_assert_eq!(auto, as_auto);
    }
}
