//! Interim: a bus without defects, until `bus` is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{
    Command, Control, Entity, FaultRequest, FaultStatus, IncidentEvent, NodeName, NodeStatus,
    Observer, Outcome, Plan, Schema, Telemetry, Timestamp,
};

use crate::queue::EventQueue;
use crate::world::NodeIx;

/// From who says something to who hears it.
const DELAY: Duration = Duration::from_micros(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Detector,
    Remediator,
    Healer,
    Injector,
    Watcher,
    Node(NodeIx),
}

#[derive(Debug, Clone)]
pub(crate) enum Message {
    Telemetry(Arc<Telemetry>, Arc<Schema>),
    Canary(u64),
    Incident(Arc<IncidentEvent>),
    Plan(Arc<Plan>),
    Command(Arc<Command>),
    Outcome(Arc<Outcome>),
    Fault(Arc<FaultRequest>),
    FaultStatus(Arc<FaultStatus>),
    Status(Arc<NodeStatus>),
    Schema(Arc<Schema>),
    Control(Arc<Control>),
    Observer(Arc<Observer>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token(u8);

#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) to: Party,
    pub(crate) message: Message,
    pub(crate) token: Option<Token>,
}

#[derive(Debug)]
pub(crate) struct Bus {
    names: BTreeMap<NodeName, NodeIx>,
    connected: BTreeSet<Party>,
    queue: EventQueue<Message>,
    ready: Vec<Delivery>,
    statuses: BTreeMap<NodeName, Arc<NodeStatus>>,
    control: Arc<Control>,
    observers: BTreeMap<String, Arc<Observer>>,
    incidents: Vec<Arc<IncidentEvent>>,
    plans: Vec<Arc<Plan>>,
    outcomes: Vec<Arc<Outcome>>,
}

impl Bus {
    pub(crate) fn new(names: BTreeMap<NodeName, NodeIx>, control: Control) -> Self {
        Self {
            names,
            connected: BTreeSet::new(),
            queue: EventQueue::new(1),
            ready: Vec::new(),
            statuses: BTreeMap::new(),
            control: Arc::new(control),
            observers: BTreeMap::new(),
            incidents: Vec::new(),
            plans: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    pub(crate) fn connect(&mut self, _: Timestamp, party: Party) {
        self.connected.insert(party);
    }

    pub(crate) fn disconnect(&mut self, _: Timestamp, party: Party) {
        self.connected.remove(&party);
    }

    pub(crate) fn publish(&mut self, now: Timestamp, _: Party, message: Message) {
        match &message {
            Message::Status(status) => {
                self.statuses
                    .insert(status.node.clone(), Arc::clone(status));
            }
            Message::Control(control) => self.control = Arc::clone(control),
            Message::Observer(observer) => {
                self.observers
                    .insert(observer.detector.clone(), Arc::clone(observer));
            }
            Message::Incident(event) => self.incidents.push(Arc::clone(event)),
            Message::Plan(plan) => self.plans.push(Arc::clone(plan)),
            Message::Outcome(outcome) => self.outcomes.push(Arc::clone(outcome)),
            _ => {}
        }
        self.queue.push_in_lane(0, now + DELAY, message);
    }

    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.queue.next_at()
    }

    pub(crate) fn deliver(&mut self, now: Timestamp) -> Option<Delivery> {
        loop {
            if let Some(delivery) = self.ready.pop() {
                return Some(delivery);
            }
            let (_, message) = self.queue.pop(now)?;
            for party in self.connected.iter().rev() {
                if self.hears(*party, &message) {
                    self.ready.push(Delivery {
                        to: *party,
                        message: message.clone(),
                        token: None,
                    });
                }
            }
        }
    }

    fn hears(&self, party: Party, message: &Message) -> bool {
        use Message as M;
        let users = |schema: &Schema| {
            let mut columns = schema.columns.iter();
            columns.any(|column| column.metric == "user_error_percent")
        };
        let is = |node: &NodeName| Party::Node(self.names[node]) == party;
        match (party, message) {
            (Party::Detector, M::Telemetry(..) | M::Status(_) | M::Canary(_)) => true,
            (
                Party::Remediator,
                M::Control(_) | M::Observer(_) | M::Status(_) | M::Outcome(_) | M::Incident(_),
            ) => true,
            (Party::Healer, M::Canary(_) | M::Fault(_) | M::FaultStatus(_)) => false,
            (Party::Healer, _) => true,
            (Party::Injector | Party::Watcher, M::Telemetry(_, schema)) => users(schema),
            (
                Party::Injector,
                M::Control(_) | M::Status(_) | M::FaultStatus(_) | M::Incident(_) | M::Plan(_),
            ) => true,
            (
                Party::Watcher,
                M::Status(_) | M::FaultStatus(_) | M::Incident(_) | M::Plan(_) | M::Outcome(_),
            ) => true,
            (Party::Node(_), M::Command(command)) => is(&command.node),
            (Party::Node(_), M::Fault(request)) => is(&request.node),
            (Party::Node(_), M::Control(_)) => true,
            _ => false,
        }
    }

    pub(crate) fn ack(&mut self, _: Timestamp, _: Token) {}

    pub(crate) fn clock(&self, _: Party, now: Timestamp) -> Timestamp {
        now
    }

    pub(crate) fn control(&self) -> Control {
        (*self.control).clone()
    }

    pub(crate) fn observers(&self) -> Vec<Observer> {
        self.observers.values().map(|one| (**one).clone()).collect()
    }

    pub(crate) fn statuses(&self) -> Vec<Arc<NodeStatus>> {
        self.statuses.values().cloned().collect()
    }

    pub(crate) fn all_plans(&self) -> Vec<Plan> {
        self.plans.iter().map(|one| (**one).clone()).collect()
    }

    pub(crate) fn all_incidents(&self) -> Vec<IncidentEvent> {
        self.incidents.iter().map(|one| (**one).clone()).collect()
    }

    pub(crate) fn all_outcomes(&self) -> Vec<Outcome> {
        self.outcomes.iter().map(|one| (**one).clone()).collect()
    }

    pub(crate) fn last_incidents(&self) -> Vec<IncidentEvent> {
        let mut last: BTreeMap<&Entity, &Arc<IncidentEvent>> = BTreeMap::new();
        for event in &self.incidents {
            last.insert(&event.entity, event);
        }
        last.values().map(|event| (***event).clone()).collect()
    }
}
