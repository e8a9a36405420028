//! Properties over random histories: a shell that does what it is told, late, and with processes that die when they
//! like.

use std::collections::{BTreeMap, BTreeSet};

use arena_faults::FaultName;
use arena_node_core::{Boot, Found, Input, JournalEntry, Output, PortHolder, ProcessRef};
use arena_proto::{
    ActionKind, CommandState, Control, FaultOperation, FaultState, FaultStatus, LeverPosition,
    Outcome, RestartOwner,
};
use proptest::prelude::*;

use crate::common::{World, at, config, name, process};

const SERVICES: [&str; 2] = ["web", "quiet"];
/// One of each carrier at least, short enough for its end to come before its time to live, too.
const FAULTS: [(&str, &[(&str, &str)]); 12] = [
    ("cpu-spike", &[("cores", "9")]),
    ("noisy-neighbour", &[]),
    ("network-delay", &[]),
    ("network-partition", &[]),
    ("storage-latency", &[]),
    ("crash", &[]),
    ("crash-loop", &[("times", "2")]),
    ("slow-start", &[("delay", "1s")]),
    ("bad-config", &[]),
    ("port-squat", &[]),
    ("disk-full", &[]),
    ("hang", &[]),
];
/// What a bad definition is known by.
const BAD: &str = "--arena-bad-config";
/// Long enough for a service that died to be started again meanwhile.
const TTL_MS: u64 = 12_000;

/// What may happen next.
#[derive(Debug, Clone)]
enum Event {
    /// The oldest thing that was asked for and not answered is answered, well or badly.
    Answer(bool),
    Dies(usize),
    Probe(bool),
    Command(ActionKind, usize),
    Fault(usize, usize),
    Revert(usize),
    /// What a fault lived in is gone.
    Gone(usize),
    Bus(bool),
    Remediator(bool),
    Lever(bool),
    /// An older or a newer remediator's command.
    Fenced(u64, ActionKind, usize),
    Wait(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let service = 0..SERVICES.len();
    prop_oneof![
        6 => prop::bool::weighted(0.8).prop_map(Event::Answer),
        1 => service.clone().prop_map(Event::Dies),
        3 => any::<bool>().prop_map(Event::Probe),
        2 => (prop::sample::select(ActionKind::ALL), service.clone()).prop_map(|(a, s)| Event::Command(a, s)),
        3 => (0..FAULTS.len(), service.clone()).prop_map(|(f, s)| Event::Fault(f, s)),
        1 => (0..20_usize).prop_map(Event::Revert),
        1 => (0..20_usize).prop_map(Event::Gone),
        1 => any::<bool>().prop_map(Event::Bus),
        1 => any::<bool>().prop_map(Event::Remediator),
        1 => prop::bool::weighted(0.4).prop_map(Event::Lever),
        1 => (1..6_u64, prop::sample::select(ActionKind::ALL), 0..SERVICES.len()).prop_map(|(f, a, s)| Event::Fenced(f, a, s)),
        3 => (1..4_000_i64).prop_map(Event::Wait),
    ]
}

/// The processes and effects that a shell would have, and the invariants.
struct Shell {
    world: World,
    alive: BTreeMap<ProcessRef, (String, u32)>,
    /// Processes that run a bad definition.
    bad: BTreeSet<ProcessRef>,
    /// Processes that are held in their start.
    held: BTreeSet<ProcessRef>,
    /// Faults that were made and not undone.
    made: BTreeSet<String>,
    /// Services whose bad definition is over: the node itself brings them back.
    brought_back: BTreeSet<String>,
    unanswered: Vec<Output>,
    journal: BTreeMap<String, JournalEntry>,
    finals: BTreeMap<String, u32>,
    accepted: BTreeSet<String>,
    fault_ends: BTreeMap<String, u32>,
    /// By target: what was accepted and has not ended.
    in_flight: BTreeMap<String, String>,
    /// When the node restarted a service by itself, since a command last did something to it.
    own_restarts: BTreeMap<String, Vec<i64>>,
    /// Faults that were told as ACTIVE, and as nothing since.
    active: BTreeSet<String>,
    lever_stopped: bool,
    fence: u64,
    asked: u32,
    pids: u32,
}

impl Shell {
    fn new() -> Self {
        let mut shell = Self::idle();
        shell.give(Input::Boot(Boot::default()));
        shell
    }

    /// Before an agent has started.
    fn idle() -> Self {
        Self {
            world: World::new(config()),
            alive: BTreeMap::new(),
            bad: BTreeSet::new(),
            held: BTreeSet::new(),
            made: BTreeSet::new(),
            brought_back: BTreeSet::new(),
            unanswered: Vec::new(),
            journal: BTreeMap::new(),
            finals: BTreeMap::new(),
            accepted: BTreeSet::new(),
            fault_ends: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            own_restarts: BTreeMap::new(),
            active: BTreeSet::new(),
            lever_stopped: false,
            fence: 0,
            asked: 0,
            pids: 100,
        }
    }

    fn give(&mut self, input: Input) {
        let outputs = self.world.give(input);
        self.see(outputs);
    }

    /// A start that the node decided on by itself.
    fn see_own_restart(&mut self, service: &str) {
        let owner = self
            .world
            .node
            .status(at(self.world.now), 1, 1)
            .restart_owner;
        assert_eq!(owner, Some(RestartOwner::Node), "{service} is another's");
        assert!(!self.lever_stopped, "{service} is healed under the lever");
        let now = self.world.now;
        let times = self.own_restarts.entry(service.to_owned()).or_default();
        // Less than the window: a wait of 4 s tells only its end.
        times.retain(|time| now - time < 50_000);
        times.push(now);
        assert!(times.len() <= 5, "{service} is restarted without end");
    }

    fn see_outcome(&mut self, outcome: &Outcome) {
        let (id, target) = (outcome.command_id.to_string(), outcome.target().to_string());
        if outcome.state == CommandState::Accepted {
            assert!(!self.lever_stopped, "accepted under the lever");
            let other = self.in_flight.insert(target.clone(), id.clone());
            assert_eq!(other, None, "two commands on {target}");
            let whole = outcome.service.is_none();
            assert!(
                !whole || self.in_flight.len() == 1,
                "overlaps a command to the node"
            );
            assert!(self.accepted.insert(id), "accepted twice");
        } else if outcome.state.is_final() {
            if self.in_flight.get(&target) == Some(&id) {
                self.in_flight.remove(&target);
            }
            *self.finals.entry(id).or_default() += 1;
        }
    }

    fn see_fault(&mut self, status: &FaultStatus) {
        let id = status.id.to_string();
        if status.state == FaultState::Active {
            self.active.insert(id.clone());
        } else {
            self.active.remove(&id);
        }
        if status.fault == "bad-config" && status.state == FaultState::Reverting {
            let service = status.service.as_ref().expect("a service");
            self.brought_back.insert(service.to_string());
        }
        if status.state.is_final() {
            let still = status.state == FaultState::Reverted && self.journal.contains_key(&id);
            assert!(!still, "still journaled");
            *self.fault_ends.entry(id).or_default() += 1;
        }
    }

    fn see(&mut self, outputs: Vec<Output>) {
        self.see_after(outputs, false);
    }

    fn see_after(&mut self, outputs: Vec<Output>, waited: bool) {
        let fence = self.world.node.status(at(self.world.now), 1, 1).fence;
        assert!(fence >= self.fence, "the fence fell");
        self.fence = fence;
        for output in outputs {
            if let Output::FaultStatus(status) = &output {
                self.see_fault(status);
            }
            match &output {
                Output::Spawn { service, .. } => {
                    let living = |(name, _): &(String, u32)| name == service.as_str();
                    assert!(
                        !self.alive.values().any(living),
                        "{service} has two processes"
                    );
                    let coming = |other: &Output| matches!(other, Output::Spawn { service: other, .. } if other == service);
                    assert!(
                        !self.unanswered.iter().any(coming),
                        "{service} is spawned twice"
                    );
                    // What time alone starts, the node restarts by itself.
                    let brought_back = self.brought_back.remove(service.as_str());
                    if waited && !brought_back {
                        self.see_own_restart(service.as_str());
                    } else {
                        self.own_restarts.remove(service.as_str());
                    }
                    self.unanswered.push(output);
                }
                Output::Apply(effect) => {
                    assert!(
                        self.journal.contains_key(effect.fault.as_str()),
                        "applied unjournaled"
                    );
                    assert!(!self.lever_stopped, "a fault under the lever");
                    self.unanswered.push(output);
                }
                Output::Stop { .. }
                | Output::Recover { .. }
                | Output::Throttle { .. }
                | Output::FreePort { .. }
                | Output::CleanDisk { .. }
                | Output::WriteJournal(_)
                | Output::Revert(_) => self.unanswered.push(output),
                Output::EraseJournal(fault) => {
                    self.journal.remove(fault.as_str());
                }
                Output::Hold { process } => {
                    assert!(!self.lever_stopped, "held under the lever");
                    self.held.insert(*process);
                }
                Output::Release { process } => {
                    assert!(self.held.remove(process), "{process:?} was not held");
                }
                Output::Outcome(outcome) => self.see_outcome(outcome),
                _ => {}
            }
        }
    }

    #[expect(
        clippy::too_many_lines,
        reason = "an arm for each output that is answered"
    )]
    fn answer(&mut self, well: bool) {
        if self.unanswered.is_empty() {
            return;
        }
        let bad = || "it went wrong".to_owned();
        let result = well.then_some(()).ok_or_else(bad);
        let input = match self.unanswered.remove(0) {
            Output::Spawn {
                service,
                generation,
                definition,
            } if well => {
                self.pids += 1;
                let process = process(self.pids);
                if definition.command.last().is_some_and(|word| word == BAD) {
                    self.bad.insert(process);
                }
                self.alive
                    .insert(process, (service.to_string(), generation));
                Input::Spawned {
                    service,
                    generation,
                    process,
                }
            }
            Output::Spawn {
                service,
                generation,
                ..
            } => Input::SpawnFailed {
                service,
                generation,
                message: bad(),
                holder: Some(PortHolder {
                    pid: 9,
                    command_line: "nc".to_owned(),
                }),
            },
            Output::Stop { process, .. } => return self.dies(process, 143),
            Output::Recover { command, .. } => {
                let result = result.map(|()| String::new());
                Input::Recovered { command, result }
            }
            Output::WriteJournal(entry) => {
                if well {
                    self.journal.insert(entry.id.to_string(), entry.clone());
                }
                Input::Journaled {
                    fault: entry.id,
                    result,
                }
            }
            Output::Apply(effect) => {
                // What went wrong may be half done; of a crash nothing stays.
                if effect.name != FaultName::Crash {
                    self.made.insert(effect.fault.to_string());
                }
                let kills = matches!(
                    effect.name,
                    FaultName::Crash
                        | FaultName::CrashLoop
                        | FaultName::SlowStart
                        | FaultName::PortSquat
                );
                if let Some(process) = effect.process.filter(|_| kills) {
                    self.dies(process, 137);
                }
                let result = result.map_err(|words| (arena_proto::FaultReason::Unsupported, words));
                Input::Applied {
                    fault: effect.fault,
                    result,
                }
            }
            Output::Revert(effect) => {
                let stays = effect.name == FaultName::BadConfig
                    && effect
                        .process
                        .is_some_and(|process| self.alive.contains_key(&process));
                let result = result.and(if stays { Err(bad()) } else { Ok(()) });
                if result.is_ok() {
                    self.made.remove(effect.fault.as_str());
                    effect.process.map(|process| self.held.remove(&process));
                }
                Input::Reverted {
                    fault: effect.fault,
                    result,
                }
            }
            Output::Throttle { service, .. } => {
                let result = result.map(|()| String::new());
                Input::Throttled { service, result }
            }
            Output::FreePort { command, .. } => {
                let result = result.map(|()| String::new());
                Input::PortFreed { command, result }
            }
            Output::CleanDisk { command, .. } => Input::DiskCleaned {
                command,
                result: result.map(|()| String::new()),
            },
            other => unreachable!("{other:?} needs no answer"),
        };
        self.give(input);
    }

    fn dies(&mut self, process: ProcessRef, code: i32) {
        self.held.remove(&process);
        self.bad.remove(&process);
        if let Some((service, generation)) = self.alive.remove(&process) {
            self.give(Input::Exited {
                service: name(&service),
                generation,
                code: Some(code),
            });
        }
    }

    fn lever(&mut self, stopped: bool) {
        let lever = if stopped {
            LeverPosition::Stopped
        } else {
            LeverPosition::Released
        };
        self.lever_stopped = stopped;
        self.give(Input::Control(Control {
            lever,
            ..Control::default()
        }));
        let active = &self.active;
        assert!(
            !stopped || active.is_empty(),
            "{active:?} stay under the lever"
        );
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Answer(well) => self.answer(*well),
            Event::Dies(service) => {
                let mut alive = self.alive.iter();
                let found = alive.find(|(_, (name, _))| name == SERVICES[*service]);
                if let Some(process) = found.map(|(process, _)| *process) {
                    self.dies(process, 1);
                }
            }
            Event::Probe(passes) => {
                let generation = self.world.service("web").generation;
                let result = if *passes {
                    Ok(())
                } else {
                    Err("no answer".to_owned())
                };
                self.give(Input::Probed {
                    service: name("web"),
                    generation,
                    result,
                });
            }
            Event::Command(action, service) => {
                self.asked += 1;
                let id = format!("c-{}", self.asked);
                let outputs = self.world.command(&id, *action, SERVICES[*service]);
                self.see(outputs);
            }
            Event::Fault(fault, service) => {
                self.asked += 1;
                let id = format!("f-{}", self.asked);
                let (fault, params) = FAULTS[*fault];
                let service = SERVICES[*service];
                let outputs = self.world.apply_to(service, &id, fault, TTL_MS, params);
                self.see(outputs);
            }
            Event::Gone(number) => self.give(Input::FaultGone {
                fault: format!("f-{number}").parse().expect("an id"),
                message: "somebody removed it".to_owned(),
            }),
            Event::Revert(number) => {
                let outputs = self
                    .world
                    .fault(&format!("f-{number}"), FaultOperation::Revert);
                self.see(outputs);
            }
            Event::Remediator(there) => self.world.remediator = *there,
            Event::Lever(stopped) => self.lever(*stopped),
            Event::Fenced(fence, action, service) => {
                self.asked += 1;
                let id = format!("c-{}", self.asked);
                let mut command = self.world.a_command(&id, *action, SERVICES[*service]);
                command.fence = Some(*fence);
                let highest = self.world.node.status(at(self.world.now), 1, 1).fence;
                self.give(Input::Command(command));
                if *fence < highest {
                    assert!(!self.accepted.contains(&id), "fenced off, and accepted");
                }
            }
            Event::Bus(connected) => self.give(Input::Connected(*connected)),
            Event::Wait(millis) => {
                let outputs = self.world.wait(*millis);
                self.see_after(outputs, true);
            }
        }
    }

    /// Nothing happens any more but what was begun, for long enough.
    fn come_to_rest(&mut self) {
        for _ in 0..40 {
            while !self.unanswered.is_empty() {
                self.answer(true);
            }
            self.happen(&Event::Wait(1_000));
        }
    }
}

impl Shell {
    /// The agent dies, and another one takes over what is there.
    fn with_another_agent(mut self) -> Self {
        let saved = self.world.node.saved();
        let mut next = Self::idle();
        let mut found = Vec::new();
        for (name, service) in &saved.services {
            if let Some(process) = service.process
                && let Some(known) = self.alive.remove(&process)
            {
                next.alive.insert(process, known);
                found.push(Found {
                    service: name.clone(),
                    process,
                });
            }
        }
        // Whoever is not found is ended, and those that were on their way are nobody's.
        let alive = |process: &ProcessRef| next.alive.contains_key(process);
        next.bad = self.bad.into_iter().filter(alive).collect();
        next.held = self.held.into_iter().filter(alive).collect();
        next.made = self.made;
        next.journal = self.journal;
        next.pids = self.pids;
        next.world.now = self.world.now;
        let journal = next.journal.values().cloned().collect();
        next.give(Input::Boot(Boot {
            saved,
            found,
            journal,
        }));
        next
    }

    /// Nothing of any fault is there, and nothing of one is kept.
    fn nothing_is_left(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.journal.is_empty(), "{:?} outlived", self.journal);
        prop_assert!(self.made.is_empty(), "{:?} are made", self.made);
        prop_assert!(self.held.is_empty(), "{:?} are held", self.held);
        prop_assert!(self.bad.is_empty(), "{:?} run a bad one", self.bad);
        for (name, service) in self.world.node.saved().services {
            prop_assert!(!service.spoiled, "{name} is spoiled");
            for definition in [
                &service.running,
                &service.last_good,
                &service.rolled_back_from,
            ] {
                let words = definition.iter().flat_map(|definition| &definition.command);
                prop_assert!(words.into_iter().all(|word| word != BAD), "{name}");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn invariants_hold_in_every_history(events in prop::collection::vec(event(), 1..120)) {
        let mut shell = Shell::new();
        for event in &events {
            shell.happen(event);
        }
        shell.come_to_rest();
        for id in &shell.accepted {
            prop_assert_eq!(shell.finals.get(id), Some(&1), "{} ends once", id);
        }
        shell.happen(&Event::Lever(false));
        shell.nothing_is_left()?;
        for (id, ends) in &shell.fault_ends {
            // A revert request for a fault that is over is answered with its end once more.
            prop_assert!(*ends >= 1, "{}", id);
        }

        // The next agent knows what was decided.
        let mut next = World::new(config());
        let saved = shell.world.node.saved();
        next.give(Input::Boot(Boot { saved: saved.clone(), ..Boot::default() }));
        let kept = next.node.saved();
        prop_assert_eq!((kept.fence, kept.quarantined), (saved.fence, saved.quarantined));
        for (name, service) in &saved.services {
            prop_assert_eq!(kept.services[name].drained, service.drained);
            prop_assert_eq!(kept.services[name].wanted, service.wanted);
        }

        // And a node that is told to stop always comes to its end.
        shell.give(Input::Shutdown);
        shell.come_to_rest();
        prop_assert!(shell.alive.is_empty());
        prop_assert!(shell.world.outputs.contains(&Output::Finished));
    }

    #[test]
    fn whoever_takes_over_from_a_dead_agent_undoes_everything(events in prop::collection::vec(event(), 1..120)) {
        let mut shell = Shell::new();
        for event in &events {
            shell.happen(event);
        }
        let mut next = shell.with_another_agent();
        next.come_to_rest();
        next.nothing_is_left()?;
    }
}
