//! Messages in, events out.

use std::collections::BTreeSet;
use std::sync::Arc;

use arena_proto::{
    Approval, Command, Control, FaultRecord, FaultStatus, IncidentEvent, IncidentRecord, NodeName,
    NodeStatus, Observer, Outcome, Plan, Schema, Summary, Telemetry, Timestamp,
};
use arena_view::question::Question;
use arena_view::status::StatusReport;

use crate::fleet::Fleet;
use crate::lines::{CommandFacts, Facts, FaultFacts, IncidentFacts, Lines};
use crate::questions::Questions;
use crate::samples::{SERIES_MAX, Samples, SamplesQuery};
use crate::view::{BusView, CommandView, FaultView, SamplesReport, State};
use crate::{Event, Limits, keep};

/// What happens.
#[derive(Debug, Clone)]
pub enum Input {
    /// The bus is there.
    Connected,
    /// It is not any more.
    Away,
    /// KV `status` has this of a node.
    Status(NodeStatus),
    /// KV `status` has nothing of a node any more.
    StatusRemoved(NodeName),
    /// KV `status` has something of these nodes, and of no other; asked once the bus is there.
    Nodes(BTreeSet<NodeName>),
    /// A node told.
    Telemetry(Telemetry, Arc<Schema>),
    /// These components answered the last ping.
    Answered(BTreeSet<String>),
    /// What people decided, or why nobody can say.
    Decided(Control, Option<&'static str>),
    /// What a detector says about itself.
    Observer(Observer),
    /// What a detector says of an incident.
    Incident(IncidentEvent),
    /// What the remediator decided.
    Plan(Plan),
    /// What a person asked for through this gateway.
    Command(Command),
    /// What became of a command.
    Outcome(Outcome),
    /// What became of a fault.
    Fault(FaultStatus),
    /// What a person answered.
    Approval(Approval),
    /// What the recorder knows, or why it says nothing.
    Recorded(Result<Recorded, String>),
    /// What this stream keeps has been read; from now on it is news.
    CaughtUp(History),
    /// It is time.
    Tick,
}

/// A stream whose past is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum History {
    /// Of incidents.
    Incidents,
    /// Of decisions.
    Plans,
    /// Of commands.
    Outcomes,
    /// Of faults.
    Faults,
}

impl History {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Incidents, Self::Plans, Self::Outcomes, Self::Faults];
}

/// What the recorder answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The totals.
    pub summary: Summary,
    /// The newest incidents.
    pub incidents: Vec<IncidentRecord>,
    /// The newest faults.
    pub faults: Vec<FaultRecord>,
}

/// All that is shown live.
#[derive(Debug)]
pub struct Live {
    bus: BusView,
    fleet: Fleet,
    incidents: Lines<IncidentFacts>,
    faults: Lines<FaultFacts>,
    commands: Lines<CommandFacts>,
    questions: Questions,
    samples: Samples,
    /// Until these have been read nothing of them is told: half a past is worse than none.
    to_read: BTreeSet<History>,
}

impl Live {
    /// Nothing is known yet, and the bus is not there.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            bus: BusView {
                connected: false,
                since: now,
                caught_up: false,
            },
            fleet: Fleet::new(now),
            incidents: Lines::new(Limits::INCIDENTS),
            faults: Lines::new(Limits::FAULTS),
            commands: Lines::new(Limits::COMMANDS),
            questions: Questions::default(),
            samples: Samples::new(now, SERIES_MAX),
            to_read: BTreeSet::from(History::ALL),
        }
    }

    /// Takes what happened; gives what is to be told.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Event> {
        let mut events = Vec::new();
        self.take(now, input, &mut events);
        self.fleet.tell(now, &mut events);
        let expired = self.questions.next_wakeup().is_some_and(|end| end <= now);
        if expired {
            self.ask(now, &mut events);
        }
        if now >= self.samples.next_wakeup() {
            events.extend(self.samples.gather(now).map(Event::Samples));
        }
        events
    }

    /// No later than this it wants an [`Input::Tick`].
    #[must_use]
    pub fn next_wakeup(&self) -> Timestamp {
        let fleet = self.fleet.next_wakeup().min(self.samples.next_wakeup());
        self.questions
            .next_wakeup()
            .map_or(fleet, |end| end.min(fleet))
    }

    /// All of it, as of the last event.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            bus: self.bus,
            status: self.status(),
            incidents: self.list(&self.incidents, Limits::INCIDENTS),
            faults: self.faults(),
            commands: self.list(&self.commands, Limits::COMMANDS),
            questions: self.questions().to_vec(),
        }
    }

    /// Whether the bus is there.
    #[must_use]
    pub const fn bus(&self) -> BusView {
        self.bus
    }

    /// The status, as of the last event.
    #[must_use]
    pub fn status(&self) -> StatusReport {
        self.fleet.status()
    }

    /// The faults, newest first.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultView> {
        self.list(&self.faults, Limits::FAULTS)
    }

    /// A command, if anything is known of it.
    #[must_use]
    pub fn command(&self, id: &str) -> Option<&CommandView> {
        self.commands.view(id)
    }

    /// What waits for an answer.
    #[must_use]
    pub fn questions(&self) -> &[Question] {
        self.questions.told()
    }

    /// The last readings.
    #[must_use]
    pub fn samples(&self, query: &SamplesQuery) -> SamplesReport {
        self.samples.report(query)
    }

    fn list<F: Facts>(&self, lines: &Lines<F>, limits: Limits) -> Vec<F::View> {
        let mut list = Vec::new();
        if self.bus.caught_up {
            list.extend(lines.views().cloned());
        }
        keep(&mut list, limits);
        list
    }

    fn take(&mut self, now: Timestamp, input: Input, events: &mut Vec<Event>) {
        match input {
            Input::Connected => self.bus_is(now, true, events),
            Input::Away => self.bus_is(now, false, events),
            Input::Status(status) => self.fleet.put(status),
            Input::StatusRemoved(node) => self.fleet.remove(&node),
            Input::Nodes(names) => self.fleet.confirm(&names),
            Input::Telemetry(telemetry, schema) => {
                self.fleet.hear(now, &telemetry.node, &schema);
                self.samples.hear(&telemetry, &schema);
            }
            Input::Answered(names) => self.fleet.answer(now, &names),
            Input::Decided(control, lost) => self.fleet.decide(control, lost),
            Input::Observer(observer) => self.fleet.observer(observer),
            Input::Recorded(recorded) => self.fleet.record(recorded),
            Input::Incident(event) => {
                let line = self.incidents.learn(event.id.as_str(), |facts| {
                    facts.hear(&event);
                });
                self.news(line.map(Box::new).map(Event::Incident), events);
            }
            Input::Plan(plan) => self.plan(now, &plan, events),
            Input::Command(command) => {
                let line = self.commands.learn(command.id.as_str(), |facts| {
                    facts.ask(&command);
                });
                self.news(line.map(Box::new).map(Event::Command), events);
            }
            Input::Outcome(outcome) => {
                let line = self.commands.learn(outcome.command_id.as_str(), |facts| {
                    facts.hear(&outcome);
                });
                self.news(line.map(Box::new).map(Event::Command), events);
            }
            Input::Fault(status) => {
                let line = self.faults.learn(status.id.as_str(), |facts| {
                    facts.hear(&status);
                });
                self.news(line.map(Box::new).map(Event::Fault), events);
            }
            Input::Approval(approval) => {
                self.questions.answer(&approval);
                self.ask(now, events);
            }
            Input::CaughtUp(history) => self.caught_up(now, history, events),
            Input::Tick => {}
        }
    }

    fn bus_is(&mut self, now: Timestamp, connected: bool, events: &mut Vec<Event>) {
        if self.bus.connected == connected {
            return;
        }
        self.bus.connected = connected;
        self.bus.since = now;
        events.push(Event::Bus(self.bus));
        if connected {
            self.fleet.connected(now);
        } else {
            self.fleet.away(now);
        }
    }

    fn plan(&mut self, now: Timestamp, plan: &Plan, events: &mut Vec<Event>) {
        let line = self.incidents.learn(plan.incident_id.as_str(), |facts| {
            facts.decide(plan);
        });
        self.news(line.map(Box::new).map(Event::Incident), events);
        if let Some(id) = &plan.command_id {
            let line = self.commands.learn(id.as_str(), |facts| facts.plan(plan));
            self.news(line.map(Box::new).map(Event::Command), events);
        }
        self.ask(now, events);
    }

    /// While the past is read nothing is news.
    fn news(&self, event: Option<Event>, events: &mut Vec<Event>) {
        if self.bus.caught_up {
            events.extend(event);
        }
    }

    fn ask(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        if self.bus.caught_up && self.questions.refresh(now, &self.incidents) {
            events.push(Event::Questions(self.questions.told().to_vec()));
        }
    }

    /// Once all of the past is known, it is told.
    fn caught_up(&mut self, now: Timestamp, history: History, events: &mut Vec<Event>) {
        let was_last = self.to_read.remove(&history) && self.to_read.is_empty();
        if !was_last {
            return;
        }
        self.bus.caught_up = true;
        let boxed = self.incidents.views().cloned().map(Box::new);
        events.extend(boxed.map(Event::Incident));
        let boxed = self.faults.views().cloned().map(Box::new);
        events.extend(boxed.map(Event::Fault));
        let boxed = self.commands.views().cloned().map(Box::new);
        events.extend(boxed.map(Event::Command));
        self.ask(now, events);
        events.push(Event::Bus(self.bus));
    }
}
