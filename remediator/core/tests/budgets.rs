//! The budgets over random histories with a restart: tokens, backoff, settling, cooldown and flapping follow from the plans
//! and the incidents alone. Each history is one of busy minutes: repeated failures of one service, bursts over many,
//! one that comes back again and again.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arena_proto::{
    CommandState, Entity, IncidentEvent, IncidentEventKind, IncidentId, NodeStatus, Plan,
    ProbeVerdict, ProcessState, RejectionReason, Timestamp,
};
use arena_remediator_core::{Input, Output, Playbooks, Remediator};
use common::{at, entity, event, outcome, status};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// More services than actions can be saved up for; the last one calls the first.
const SERVICES: usize = 20;

/// What happens next, each of it over within the same moment but for [`Act::Flap`].
#[derive(Debug, Clone, Copy)]
enum Act {
    /// As many services die one after the other and are brought back.
    Burst {
        services: usize,
    },
    /// One dies, and every action for it ends like this; only when it is `cleared` is it well again.
    Fail {
        service: usize,
        state: CommandState,
        cleared: bool,
    },
    /// One dies again and again, and comes back each time.
    Flap {
        service: usize,
        times: u64,
    },
    Pass {
        ms: u64,
    },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    use CommandState::{Failed, Rejected, Succeeded};
    // Few, so that the same ones are hit again; the caller and what it calls among them.
    let service = prop::sample::select(vec![0, 1, SERVICES - 1]);
    let states = prop::sample::select(vec![Succeeded, Failed, Failed, Rejected]);
    let act = prop_oneof![
        2 => (1..SERVICES).prop_map(|services| Act::Burst { services }),
        4 => (service.clone(), states, any::<bool>())
            .prop_map(|(service, state, cleared)| Act::Fail { service, state, cleared }),
        1 => (service, 3..7_u64).prop_map(|(service, times)| Act::Flap { service, times }),
        3 => (0..4000_u64).prop_map(|ms| Act::Pass { ms }),
        1 => (0..60_000_u64).prop_map(|ms| Act::Pass { ms }),
    ];
    prop::collection::vec(act, 1..8)
}

fn name(service: usize) -> String {
    format!("node-{service}/svc-{service}")
}

/// All healthy before anything happens.
fn statuses() -> Vec<NodeStatus> {
    let healthy = |service: usize| {
        let (state, probe) = (ProcessState::Running, ProbeVerdict::Passing);
        let mut told = status(&name(service), state, probe, (Some(10), 1), at(0));
        if service == SERVICES - 1 {
            told.services[0].depends_on.push("svc-0".parse().unwrap());
        }
        told
    };
    (0..SERVICES).map(healthy).collect()
}

struct World {
    remediator: Remediator,
    now: Timestamp,
    incidents: Vec<IncidentEvent>,
    plans: Vec<Plan>,
    /// How the commands of an incident end.
    answers: BTreeMap<IncidentId, CommandState>,
    /// When each command was issued.
    issued: Vec<Timestamp>,
}

impl World {
    fn new() -> Self {
        let mut remediator = Remediator::new(Playbooks::built_in().unwrap());
        for status in statuses() {
            remediator.step(at(0), Input::Status(status));
        }
        remediator.step(at(0), Input::Restored);
        Self {
            remediator,
            now: at(1000),
            incidents: Vec::new(),
            plans: Vec::new(),
            answers: BTreeMap::new(),
            issued: Vec::new(),
        }
    }

    /// Every command is answered at once.
    fn tell(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.remediator.step(self.now, input) {
                match output {
                    Output::Publish(plan) => self.plans.push(*plan),
                    Output::Issue(command) => {
                        self.issued.push(self.now);
                        let state = self.answers[command.incident_id.as_ref().unwrap()];
                        let rejected = state == CommandState::Rejected;
                        let reason = rejected.then_some(RejectionReason::Busy);
                        let answer = outcome(&command, state, reason, self.now);
                        inputs.push_back(Input::Outcome(answer));
                    }
                    Output::Record(_) | Output::Note(_) => {}
                }
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(due) = self.remediator.next_wakeup().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.tell(Input::Tick);
        }
        self.now = until;
    }

    /// Every command that comes of this one ends like that.
    fn fail(&mut self, service: usize, state: CommandState, cleared: bool) {
        let id = format!("i{}", self.incidents.len());
        let kind = IncidentEventKind::Opened;
        let times = (self.now, self.now);
        let mut incident = event(kind, &id, 1, &name(service), "process_exited", times);
        self.incidents.push(incident.clone());
        self.answers.insert(incident.id.clone(), state);
        self.tell(Input::Incident(incident.clone()));
        if cleared {
            incident.revision = 2;
            (incident.kind, incident.at) = (IncidentEventKind::Cleared, self.now);
            *self.incidents.last_mut().unwrap() = incident.clone();
            self.tell(Input::Incident(incident));
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Burst { services } => {
                for service in 0..services {
                    self.fail(service, CommandState::Succeeded, true);
                }
            }
            Act::Fail {
                service,
                state,
                cleared,
            } => self.fail(service, state, cleared),
            Act::Flap { service, times } => {
                for _ in 0..times {
                    self.fail(service, CommandState::Succeeded, true);
                    self.pass(12_000);
                }
            }
            Act::Pass { ms } => self.pass(ms),
        }
    }

    /// One that knows only what was published.
    fn reborn(&self) -> Remediator {
        let mut reborn = Remediator::new(Playbooks::built_in().unwrap());
        let statuses = statuses().into_iter().map(Input::Status);
        let plans = self.plans.iter().cloned().map(Input::Restore);
        let incidents = self.incidents.iter().cloned().map(Input::Incident);
        let told = statuses.chain(plans).chain(incidents);
        for input in told.chain([Input::Restored]) {
            reborn.step(self.now, input);
        }
        reborn
    }
}

/// What would be done for new incidents now, one after the other: of the service, and of some that nothing happened to.
fn probe(
    remediator: &mut Remediator,
    now: Timestamp,
    (service, symptom): (usize, &str),
) -> Vec<Plan> {
    let probed = [service, 12, 13, 14, 15, 16, 17, 18];
    let mut plans = Vec::new();
    for (index, service) in probed.into_iter().enumerate() {
        let kind = IncidentEventKind::Opened;
        let id = format!("probe-{index}");
        let opened = event(kind, &id, 1, &name(service), symptom, (now, now));
        let mut commands = Vec::new();
        for output in remediator.step(now, Input::Incident(opened.clone())) {
            match output {
                Output::Publish(plan) => plans.push(*plan),
                Output::Issue(command) => commands.push(command),
                Output::Record(_) | Output::Note(_) => {}
            }
        }
        // Nothing stays in flight, so that it is the tokens that run out.
        for command in commands {
            let done = outcome(&command, CommandState::Succeeded, None, now);
            remediator.step(now, Input::Outcome(done));
        }
    }
    plans
}

/// By which budget a plan is other than it would be without any history.
fn budgets(plans: &[Plan], service: &Entity) -> Vec<String> {
    let own = |plan: &&Plan| plan.entity == *service;
    let cooldown = |plan: &Plan| plan.reason.contains("within the cooldown");
    let mut reached: Vec<String> = plans.iter().map(|plan| plan.basis.rail.clone()).collect();
    reached.extend(
        plans
            .iter()
            .filter(own)
            .filter(|plan| cooldown(plan))
            .map(|_| "cooldown".to_owned()),
    );
    reached
}

fn runner() -> TestRunner {
    TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(600)
    })
}

/// Twelve at once, and one more for each second: between any two commands, and with a restart at any time.
#[test]
fn no_more_is_done_than_is_earned() {
    let at_once = RefCell::new(0);
    let result = runner().run(&(acts(), acts()), |(before, after)| {
        let mut world = World::new();
        for act in before {
            world.act(act);
        }
        world.remediator = world.reborn();
        for act in after {
            world.act(act);
        }
        for (first, since) in world.issued.iter().enumerate() {
            for (later, until) in world.issued.iter().enumerate().skip(first) {
                let done = u64::try_from(later - first + 1).unwrap();
                let earned = 12 + until.saturating_since(*since).as_secs();
                prop_assert!(done <= earned, "{done} done, {earned} earned");
                let most = *at_once.borrow();
                *at_once.borrow_mut() = most.max(if since == until { done } else { 0 });
            }
        }
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(at_once.into_inner(), 12, "the limit was never reached");
}

/// One that was restarted decides what the one that was not does, for the same reason and by the same numbers.
#[test]
fn a_restart_forgets_no_budget() {
    let reached = RefCell::new(BTreeMap::<String, u32>::new());
    let mut runner = runner();
    let probed = (
        prop::sample::select(vec![0, 1, SERVICES - 1]),
        // The one that it died of, and one whose ladder begins anew.
        prop::sample::select(vec!["process_exited", "cpu_high"]),
    );
    let result = runner.run(&(acts(), probed), |(acts, probed)| {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        // What is cleared is resolved after this; what is escalated stays so.
        world.pass(if world.remediator.open_incidents() > 0 {
            1000
        } else {
            0
        });
        // One that is still open would make it listen first, which is another rail.
        prop_assume!(world.remediator.open_incidents() == 0);
        let mut reborn = world.reborn();
        let expected = probe(&mut world.remediator, world.now, probed);
        for budget in budgets(&expected, &entity(&name(probed.0))) {
            *reached.borrow_mut().entry(budget).or_default() += 1;
        }
        prop_assert_eq!(probe(&mut reborn, world.now, probed), expected);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
    let reached = reached.into_inner();
    for budget in ["tokens", "backoff", "settling", "flapping", "cooldown"] {
        assert!(
            reached.contains_key(budget),
            "{budget} was never reached: {reached:?}"
        );
    }
}
