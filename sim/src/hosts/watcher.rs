//! Who watches a run, as `arena run --live` does: messages into a [`View`], a sample each tick, the steady state, the end, and in between
//! the villain's refusals, the reference's orders and the encore.
//!
//! Absent on purpose: judging, which comes after the run. Invariant: what the world knows goes into `facts.truth` and nowhere else.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use arena_proto::{InjectRequest, Timestamp};
use arena_scenario::judge::{HurtFact, Policy, Sample, TruthFact};
use arena_scenario::watch::{self, Reference, Steady, SteadyWatch, View};
use arena_scenario::{Scenario, When};

use crate::chance::{Chance, Purpose};
use crate::ground::{Event, Ground};
use crate::policy::Order;
use crate::setup::SetupError;
use crate::wire::{Message, Party};
use crate::world::ServiceIx;

/// Between two samples, as `arena run --live` takes them.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// Of [`Purpose::Phase`]; a node's key is its index.
const WATCHER: u64 = u64::MAX;
/// From when an injection is due until its node has said something of it: as `arena run --live` has it.
const PLAYED_AFTER_MS: u64 = 1500;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The steady state is waited for.
    Steady,
    /// The faults are made.
    Playing,
    /// They are made once more.
    Encore,
    /// It is over; `played`: there was a steady state.
    Over {
        /// Faults were made.
        played: bool,
    },
}

/// What a tick asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Nothing.
    Watch,
    /// The steady state was found: the villain begins.
    Begin,
    /// The reference wants this done.
    Order(Order),
    /// These faults are made once more.
    Encore(Vec<InjectRequest>),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) scenario: Scenario,
    pub(crate) view: View,
    pub(crate) phase: Phase,
    encore: bool,
    /// When the encore begins; `None`: nothing is healed yet.
    encore_ms: Option<u64>,
    /// What the encore has still to make, and when: the first comes first.
    again: VecDeque<(u64, InjectRequest)>,
    steady: SteadyWatch,
    reference: Option<Reference>,
    /// Everything with a time was asked for by then.
    played_ms: u64,
    is_open_ended: bool,
    /// Who is hurt, as it was last written.
    hurt: BTreeSet<ServiceIx>,
}

impl Watcher {
    pub(crate) fn new(
        scenario: Scenario,
        policy: Policy,
        encore: bool,
    ) -> Result<Self, SetupError> {
        let mut view = View::new(&scenario, policy);
        view.facts.truth = Some(TruthFact::default());
        Ok(Self {
            view,
            phase: Phase::Steady,
            encore,
            encore_ms: None,
            again: VecDeque::new(),
            steady: SteadyWatch::new(&scenario)?,
            reference: (policy == Policy::Reference).then(Reference::default),
            played_ms: 0,
            is_open_ended: false,
            hurt: BTreeSet::new(),
            scenario,
        })
    }

    /// Who watches a live run comes at any moment of a second. That is forgotten by its beginning, but for the place of the ticks: the steady
    /// state is found at the first tick after a measurement, so faults begin 25 to 280 ms after one (measured over 32 live runs; some, by a
    /// tick that was late, 530).
    pub(crate) fn start(ground: &mut Ground) {
        ground.bus.connect(ground.now, Party::Watcher);
        let mut phase = Chance::stream(ground.seed, Purpose::Phase, WATCHER);
        let first = ground.now + TICK + phase.duration(Duration::from_secs(1));
        ground.queue.push(first, Event::Look);
    }

    /// A message came.
    pub(crate) fn hear(&mut self, at_ms: u64, message: &Message) {
        match message {
            Message::Telemetry(telemetry, schema) => {
                self.view.on_telemetry(at_ms, telemetry, schema);
            }
            Message::Status(status) => self.view.on_status(at_ms, (**status).clone()),
            Message::FaultStatus(status) => {
                self.view.on_fault(at_ms, status);
            }
            Message::Incident(event) => self.view.on_incident(at_ms, event),
            Message::Plan(plan) => self.view.on_plan(at_ms, plan),
            Message::Outcome(outcome) => self.view.on_outcome(at_ms, outcome),
            _ => {}
        }
    }

    /// A tick: takes a sample, and says what follows.
    pub(crate) fn look(&mut self, ground: &mut Ground) -> Result<Next, SetupError> {
        let at_ms = ground.now_ms();
        let sample = self.view.sample(at_ms);
        self.view.facts.samples.push(sample);
        self.view.facts.end_ms = at_ms;
        self.know(ground, at_ms, sample);
        let next = match self.phase {
            Phase::Steady => self.await_steady(ground.now, at_ms, &sample),
            Phase::Playing | Phase::Encore => self.watch(ground.now, at_ms)?,
            Phase::Over { .. } => Next::Watch,
        };
        if !self.is_over() {
            ground.queue.push(ground.now + TICK, Event::Look);
        }
        Ok(next)
    }

    /// Faults come from elsewhere than the scenario, and nobody knows when the last of them was made: only the limit ends the run.
    pub(crate) const fn open_ended(mut self, is: bool) -> Self {
        self.is_open_ended = is;
        self
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    fn await_steady(&mut self, now: Timestamp, at_ms: u64, sample: &Sample) -> Next {
        match self.steady.step(at_ms, sample) {
            Steady::Wanted => Next::Watch,
            Steady::Missed(why) => {
                self.view.note(at_ms, "unsteady", "", why);
                self.phase = Phase::Over { played: false };
                Next::Watch
            }
            Steady::Found { since_ms } => {
                let what = format!("all is well since {since_ms} ms");
                self.view.note(at_ms, "steady", "", what);
                self.view.begin(at_ms, now);
                self.view.facts.truth = Some(TruthFact::default());
                self.hurt.clear();
                let planned = self.scenario.all_injections();
                let times = planned.iter().filter_map(|one| match one.injection.when {
                    When::At(at) => u64::try_from(at.as_millis()).ok(),
                    When::If(..) => None,
                });
                self.played_ms = at_ms + times.max().map_or(0, |last| last + PLAYED_AFTER_MS);
                self.phase = Phase::Playing;
                Next::Begin
            }
        }
    }

    fn watch(&mut self, now: Timestamp, at_ms: u64) -> Result<Next, SetupError> {
        let due = self.due(at_ms);
        if !due.is_empty() {
            return Ok(Next::Encore(due));
        }
        let played = at_ms >= self.played_ms;
        let over = if self.is_open_ended {
            let limit = self.scenario.limit.as_millis();
            let is_up = u128::from(at_ms - self.view.facts.play_ms) > limit;
            is_up.then_some(("end", "the scenario's time is up"))
        } else {
            watch::over(&self.scenario, &self.view, played, at_ms)?
        };
        if let Some((kind, why)) = over {
            let again = self.again(at_ms);
            if kind != "healed" || self.phase == Phase::Encore || again.is_empty() {
                self.view.note(at_ms, kind, "", why);
                self.phase = Phase::Over { played: true };
                return Ok(Next::Watch);
            }
            if self.encore_ms.is_none() {
                self.view.note(at_ms, kind, "", why);
            }
            let rested_ms = at_ms + ms(arena_referee::ENCORE_REST);
            if at_ms < *self.encore_ms.get_or_insert(rested_ms) {
                return Ok(Next::Watch);
            }
            self.view.begin_encore(at_ms, now);
            self.hurt.clear();
            self.phase = Phase::Encore;
            let last_ms = again.back().map_or(at_ms, |(due_ms, _)| *due_ms);
            self.played_ms = last_ms + PLAYED_AFTER_MS;
            self.again = again;
            return Ok(Next::Encore(self.due(at_ms)));
        }
        let Some(reference) = &mut self.reference else {
            return Ok(Next::Watch);
        };
        let wanted = reference.next(at_ms, &self.scenario, &self.view);
        Ok(wanted.map_or(Next::Watch, |(action, target)| {
            let what = format!("{} {target}, because it is to blame", action.verb());
            self.view.note(at_ms, "act", &target.to_string(), what);
            let mut order = Order::new(action, target);
            order.params = watch::params(action);
            Next::Order(order)
        }))
    }

    /// The injections to make once more and their times, where an encore was asked for and the referee sees that one is possible.
    fn again(&self, at_ms: u64) -> VecDeque<(u64, InjectRequest)> {
        if !self.encore {
            return VecDeque::new();
        }
        let replays = arena_referee::replays(&self.scenario, &self.view.facts).unwrap_or_default();
        let again = replays.iter().map(|replay| {
            let request = InjectRequest {
                fault: replay.injection.fault.name.to_string(),
                target: replay.target.to_string(),
                ttl_ms: ms(replay.injection.ttl),
                params: replay.injection.params.to_text(),
            };
            (at_ms + ms(replay.after), request)
        });
        again.collect()
    }

    /// Takes what of the encore is to be made by now.
    fn due(&mut self, at_ms: u64) -> Vec<InjectRequest> {
        let due = self.again.iter().take_while(|(due_ms, _)| *due_ms <= at_ms);
        let count = due.count();
        self.again
            .drain(..count)
            .map(|(_, request)| request)
            .collect()
    }

    /// What was refused.
    pub(crate) fn refused(&mut self, at_ms: u64, refusals: Vec<String>) {
        for refusal in refusals {
            if !self.view.facts.refusals.contains(&refusal) {
                self.view.note(at_ms, "refused", "", refusal.clone());
                self.view.facts.refusals.push(refusal);
            }
        }
    }

    /// What is true, as of the last full second.
    fn know(&mut self, ground: &Ground, at_ms: u64, seen: Sample) {
        let truth = &ground.truth;
        let Some(facts) = &mut self.view.facts.truth else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "requests of a second")]
        let percent = |failed: u64, done: u64| 100.0 * failed as f64 / done as f64;
        facts.users.push(Sample {
            user_error_percent: (truth.done > 0).then(|| percent(truth.failed, truth.done)),
            user_latency_p95_ms: truth.p95_ms.map(f64::from),
            #[expect(clippy::cast_precision_loss, reason = "requests of a second")]
            user_request_rate_hz: Some(truth.requests as f64),
            ..seen
        });
        let before = std::mem::replace(&mut self.hurt, truth.hurt.iter().copied().collect());
        for service in before.symmetric_difference(&self.hurt) {
            facts.hurt.push(HurtFact {
                at_ms,
                entity: ground.world.entity(*service),
                hurt: self.hurt.contains(service),
            });
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
