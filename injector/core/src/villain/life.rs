//! One villain, from its start to its end: its policy, held to its budget and its stop conditions.
//!
//! Invariants: nothing begins once it stops, nor beyond its budget; it is STOPPED only when all that it made is over.

use std::collections::VecDeque;

use arena_proto::{
    Entity, FaultId, FaultState, FaultStatus, Timestamp, VillainPolicy, VillainStatus,
};

use super::{Choice, Deed, Policy, Public, Start, StopWhen, View};
use crate::refusal::Refusal;

/// Refusals that are told.
const REFUSALS_TOLD: usize = 5;
/// With so many refusals it gives up: the arena takes nothing of what it may make.
const REFUSALS_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Stopping,
    Stopped,
}

/// A villain.
#[derive(Debug)]
pub(crate) struct Villain {
    kind: VillainPolicy,
    scenario: Option<String>,
    seed: u64,
    budget: usize,
    at_once: usize,
    stop_when: StopWhen,
    started_at: Timestamp,
    ends_at: Timestamp,
    policy: Box<dyn Policy>,
    phase: Phase,
    because: Option<String>,
    /// Everything that it asked for; at most its budget and [`REFUSALS_MAX`].
    deeds: Vec<Deed>,
    refusals: usize,
    told: VecDeque<String>,
}

impl Villain {
    pub(crate) fn new(now: Timestamp, start: Start) -> Self {
        Self {
            kind: start.kind,
            scenario: start.scenario,
            seed: start.seed,
            budget: start.budget,
            at_once: start.at_once,
            stop_when: start.stop_when,
            started_at: now,
            ends_at: now + start.total,
            policy: start.policy,
            phase: Phase::Running,
            because: None,
            deeds: Vec::new(),
            refusals: 0,
            told: VecDeque::new(),
        }
    }

    /// It is not STOPPED.
    pub(crate) fn is_there(&self) -> bool {
        self.phase != Phase::Stopped
    }

    /// In a word or two, for who wants to start another.
    pub(crate) fn name(&self) -> String {
        let name = self.kind.as_str();
        match &self.scenario {
            Some(scenario) => format!("{name} ({scenario})"),
            None => format!("{name} (seed {})", self.seed),
        }
    }

    /// Why it stopped or stops.
    pub(crate) fn because(&self) -> Option<&str> {
        self.because.as_deref()
    }

    /// What it wants to be made now, beside everybody's faults that are `live` (their names, and what they are in).
    pub(crate) fn choose(
        &mut self,
        now: Timestamp,
        public: &Public,
        live: &[(&str, &Entity)],
    ) -> Vec<Choice> {
        if self.phase != Phase::Running {
            return Vec::new();
        }
        let view = View {
            public,
            users: public.users(now),
            own: &self.deeds,
            faults: live,
            room: self.room(),
        };
        let room = view.room;
        let because = if now >= self.ends_at {
            Some("its time is over".to_owned())
        } else {
            self.stop_when.judge(now, self.started_at, &view)
        };
        if let Some(because) = because {
            self.stop(because);
            return Vec::new();
        }
        let mut choices = self.policy.step(now, &view);
        for dropped in choices.split_off(room.min(choices.len())) {
            let why = "more at once, or in all, than it may make".to_owned();
            self.refused(&dropped, &Refusal::ForNow(why));
        }
        let is_calm = self.deeds.iter().all(|deed| !deed.is_live());
        if self.refusals >= REFUSALS_MAX {
            self.stop(format!("{REFUSALS_MAX} of its choices were refused"));
        } else if choices.is_empty() && is_calm && (self.policy.is_done() || self.left() == 0) {
            self.stop("all that it had to do is done".to_owned());
        } else {
            return choices;
        }
        Vec::new()
    }

    /// What must be reverted now.
    pub(crate) fn to_revert(&self) -> Vec<FaultId> {
        if self.phase != Phase::Stopping {
            return Vec::new();
        }
        let live = self.deeds.iter().filter(|deed| deed.is_live());
        live.map(|deed| deed.id.clone()).collect()
    }

    /// It stops, and its faults are to be reverted. The first reason stands.
    pub(crate) fn stop(&mut self, because: String) {
        if self.phase == Phase::Running {
            self.phase = Phase::Stopping;
            self.because = Some(because);
            self.settle();
        }
    }

    /// A choice was asked of its node.
    pub(crate) fn began(&mut self, now: Timestamp, id: FaultId, choice: Choice) {
        self.deeds.push(Deed::new(now, id, choice));
    }

    /// A choice was refused.
    pub(crate) fn refused(&mut self, choice: &Choice, refusal: &Refusal) {
        self.policy.came_to_nothing(choice);
        if matches!(refusal, Refusal::ForGood(_)) {
            self.policy.refused(choice);
        }
        self.refusals += 1;
        let (fault, target, why) = (choice.fault.name, &choice.target, refusal.why());
        self.told.push_back(format!("{fault} on {target}: {why}"));
        if self.told.len() > REFUSALS_TOLD {
            self.told.pop_front();
        }
    }

    /// A node said what became of a fault.
    pub(crate) fn put(&mut self, now: Timestamp, status: &FaultStatus) {
        let Some(deed) = self.deeds.iter_mut().find(|deed| deed.id == status.id) else {
            return;
        };
        let was_live = deed.is_live();
        deed.put(now, status);
        if was_live && status.state == FaultState::Rejected {
            let choice = deed.choice.clone();
            let refusal = Refusal::of_node(status.reason, &status.message);
            self.refused(&choice, &refusal);
        }
        self.settle();
    }

    /// Nobody will say what became of it.
    pub(crate) fn lose(&mut self, now: Timestamp, id: &FaultId) {
        if let Some(deed) = self.deeds.iter_mut().find(|deed| deed.id == *id) {
            deed.lose(now);
        }
        self.settle();
    }

    fn settle(&mut self) {
        if self.phase == Phase::Stopping && self.deeds.iter().all(|deed| !deed.is_live()) {
            self.phase = Phase::Stopped;
        }
    }

    fn left(&self) -> usize {
        let used = self.deeds.iter().filter(|deed| !deed.came_to_nothing());
        self.budget.saturating_sub(used.count())
    }

    fn room(&self) -> usize {
        let live = self.deeds.iter().filter(|deed| deed.is_live()).count();
        self.left().min(self.at_once.saturating_sub(live))
    }

    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        if self.phase != Phase::Running {
            return None;
        }
        [
            self.policy.next_wakeup(),
            self.stop_when.next_wakeup(),
            Some(self.ends_at),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(crate) fn status(&self) -> VillainStatus {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let state = match self.phase {
            Phase::Running => "RUNNING",
            Phase::Stopping => "STOPPING",
            Phase::Stopped => "STOPPED",
        };
        VillainStatus {
            error: None,
            state: state.to_owned(),
            stopped_because: self.because.clone(),
            policy: Some(self.kind),
            scenario: self.scenario.clone(),
            seed: Some(self.seed),
            started_at: Some(self.started_at.to_string()),
            ends_at: Some(self.ends_at.to_string()),
            budget: count(self.budget),
            budget_left: count(self.left()),
            at_once: count(self.at_once),
            stop_when: self.stop_when.record(),
            faults: self.deeds.iter().map(Deed::record).collect(),
            learnt: self.policy.learnt(),
            refusals: self.told.iter().cloned().collect(),
        }
    }
}
