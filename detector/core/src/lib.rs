//! Detection as a pure state machine: telemetry, alerts and time in, incident events out.
//!
//! In this order: `liveness` (who is silent), state (who exited, whose probe fails), rules (CEL over samples),
//! each as one `signal` a symptom, which `alerts` of another system may raise too; then the `board`, which finds the cause, and the
//! `book` of incidents.
//!
//! Absent on purpose: clocks, input and output, and faults: what the injector does is not known here.
//!
//! Invariants: at most one open incident an entity; CLEARED only after OPENED, once; missing data neither raises nor
//! clears; a message that is lost, repeated or late changes nothing that the next one does not say again.

mod alerts;
mod board;
mod book;
mod calm;
mod expression;
mod fleet;
mod graph;
mod io;
mod lift;
mod liveness;
mod message;
mod node;
mod observer;
mod policy;
mod rules;
mod samples;
mod seats;
mod sequence;
mod signal;
mod state;
mod stillness;
mod symptom;
mod track;
mod tracked;
mod verdict;
mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_proto::{
    Entity, IncidentEvent, IncidentEventKind, NodeName, Schema, SignalState, Telemetry, Timestamp,
};

use alerts::Alerts;
use board::Board;
use book::Process;
use expression::Evaluator;
use fleet::Fleet;
use liveness::{Finding, Liveness};
use message::Reader;
use node::{Node, Restored};
use observer::Observer;
use sequence::Order;
use symptom::View;
use track::Changes;

pub use io::{Counters, Input, Output};
pub use observer::Hearing;
pub use policy::Policy;

pub(crate) const NODE_SILENT: &str = "node_silent";

/// Nodes beyond this are counted and not watched: ten times what one detector is meant for; more take partitions.
const NODES_MAX: usize = 10_000;

/// The detector.
#[derive(Debug)]
pub struct Detector {
    policy: Policy,
    evaluator: Evaluator,
    liveness: Liveness,
    observer: Observer,
    fleet: Fleet,
    /// The last boot that each node said goodbye with.
    left: BTreeMap<NodeName, u64>,
    restored: Restored,
    alerts: Alerts,
    board: Board,
    counters: Counters,
    thorough: bool,
}

impl Detector {
    /// A detector that knows nothing yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            evaluator: Evaluator::new(),
            liveness: Liveness::new(policy.silence_limit),
            fleet: Fleet::default(),
            observer: Observer::default(),
            left: BTreeMap::new(),
            restored: Restored::new(),
            alerts: Alerts::default(),
            board: policy.board(),
            counters: Counters::default(),
            thorough: false,
            policy,
        }
    }

    /// One that takes no short way: each message is judged whole, each rule by CEL. It says the same, later: for what compares the two.
    #[must_use]
    pub fn thorough(policy: Policy) -> Self {
        Self {
            thorough: true,
            evaluator: Evaluator::by_cel(),
            ..Self::new(policy)
        }
    }

    /// Takes one input. `now` never goes back.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut outputs = self.wake(now);
        match input {
            // Judged with the first step after Started: until then what was open is not all known.
            Input::Restore(event) => {
                self.restore(now, *event);
                return outputs;
            }
            Input::Started => {
                self.connected(now, true);
                outputs.extend(self.start_alerts(now));
            }
            Input::Connected(connected) => self.connected(now, connected),
            Input::CanaryHeard(number) => self.observer.canary_heard(now, number),
            Input::Telemetry { telemetry, schema } => {
                self.telemetry(now, &telemetry, &schema);
            }
            Input::NodeKnown(node) => self.node_known(now, &node, false),
            Input::NodePosts(node) => self.node_known(now, &node, true),
            Input::NodeForgotten(node) => self.node_forgotten(now, &node),
            Input::NodeLeaving { node, boot_id } => self.node_leaving(now, &node, boot_id),
            Input::Alert(alert) => outputs.extend(self.alert(now, &alert)),
            Input::AlertForgotten(fingerprint) => self.forget_alert(now, &fingerprint),
            Input::Tick => {}
        }
        self.conclude(now, &mut outputs);
        outputs
    }

    /// [`Input::Telemetry`], for who keeps the message.
    pub fn hear(
        &mut self,
        now: Timestamp,
        telemetry: &Telemetry,
        schema: &Arc<Schema>,
    ) -> Vec<Output> {
        let mut outputs = self.wake(now);
        self.telemetry(now, telemetry, schema);
        self.conclude(now, &mut outputs);
        outputs
    }

    /// What time alone brings.
    fn wake(&mut self, now: Timestamp) -> Vec<Output> {
        let canary = self.observer.wake(now).map(Output::SendCanary);
        self.liveness.deaf(now, self.observer.doubts());
        self.look_for_silence(now);
        self.age_alerts(now);
        canary.into_iter().collect()
    }

    /// What follows from all that is known now.
    fn conclude(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        self.liveness.deaf(now, self.observer.doubts());
        let (storm, liveness) = (self.liveness.storm(), &self.liveness);
        let hearing = self.observer.tell(now, storm, || liveness.crowd(now));
        outputs.extend(hearing.map(Output::Observer));
        self.judge(now, outputs);
    }

    /// What follows from the signals as they stand.
    fn judge(&mut self, now: Timestamp, outputs: &mut Vec<Output>) {
        for mut event in self.board.judge(now, &self.fleet) {
            self.fleet.describe(&mut event);
            outputs.push(Output::Publish(Box::new(event)));
        }
    }

    /// When to send [`Input::Tick`] at the latest.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let wakeups = [
            self.liveness.next_wakeup(),
            self.observer.next_wakeup(),
            self.board.next_wakeup(),
            self.alerts.next_wakeup(),
        ];
        wakeups.into_iter().flatten().min()
    }

    /// What was not used so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            children_over_limit: self.board.book().children_dropped(),
            alerts_over_limit: self.alerts.over_limit(),
            ..self.counters
        }
    }

    /// How many incidents are open.
    #[must_use]
    pub fn open_incidents(&self) -> usize {
        self.board.book().len()
    }

    fn connected(&mut self, now: Timestamp, connected: bool) {
        self.liveness.connected(now, connected);
        self.observer.connected(now, connected);
    }

    fn restore(&mut self, now: Timestamp, event: IncidentEvent) {
        if event.kind == IncidentEventKind::Cleared {
            return;
        }
        let policy = &self.policy;
        let find = |name: &str| policy.symptom(name).cloned();
        for (entity, symptom, since) in self.board.restore(now, event, find) {
            let silent = symptom.name == NODE_SILENT;
            self.liveness.expect(now, &entity.node, silent);
            let by_alert = self.alerts.restore(&entity, &symptom, since);
            if !silent && !by_alert {
                let signals = self.restored.entry(entity).or_default();
                signals.push((symptom, since));
            }
        }
    }

    fn telemetry(&mut self, now: Timestamp, telemetry: &Telemetry, schema: &Arc<Schema>) {
        let name = &telemetry.node;
        if self.left.get(name) == Some(&telemetry.boot_id) {
            self.counters.stale += 1;
            return;
        }
        let known = self.fleet.nodes.find(name);
        if known.is_none() && self.fleet.nodes.len() == NODES_MAX {
            self.counters.nodes_over_limit += 1;
            return;
        }
        let known_schema = known
            .and_then(|at| self.fleet.nodes.at(at))
            .is_some_and(|node| node.has_schema(telemetry.schema_id));
        if !node::fits(telemetry, schema, known_schema) {
            self.counters.misfits += 1;
            return;
        }
        let new = || Node::new(telemetry.boot_id);
        let seat = known.unwrap_or_else(|| self.fleet.nodes.insert(name, new()));
        let Some(node) = self.fleet.nodes.at_mut(seat) else {
            return;
        };
        let order = node.take(telemetry.boot_id, telemetry.seq);
        if order != Order::Newer {
            self.counters.stale += 1;
        }
        match order {
            Order::Newer => {}
            // It says nothing new but that its node speaks.
            Order::Late => {
                let lost = node.lost();
                return self.heard(now, name, lost);
            }
            Order::Stale => return,
        }
        if !known_schema {
            self.board.set_schema(schema);
        }
        let (board, alerts) = (&self.board, &self.alerts);
        let heeds = |entity: &Entity| self.thorough || !alerts.is_empty() || board.heeds(entity);
        let reader = Reader {
            now,
            policy: &self.policy,
            evaluator: &self.evaluator,
            thorough: self.thorough,
            heeds: &heeds,
        };
        let mut changes = Changes::default();
        if !known_schema {
            let id = telemetry.schema_id;
            changes.told = node.set_schema(reader, id, schema, &mut self.restored);
        }
        node.read(reader, telemetry, &mut changes);
        let lost = node.lost();
        if changes.unheeded {
            self.board.stir();
        }
        self.report(now, changes.told);
        self.left.remove(name);
        self.heard(now, name, lost);
    }

    /// The node spoke; `lost`: how many of its last messages did not come.
    fn heard(&mut self, now: Timestamp, name: &NodeName, lost: u32) {
        if self.liveness.heard(now, name, lost) {
            self.silence_over(now, name, "telemetry again");
        }
    }

    fn node_known(&mut self, now: Timestamp, name: &NodeName, posts: bool) {
        if self.liveness.len() < NODES_MAX {
            self.liveness.expect(now, name, false);
        }
        self.liveness.posts(name, posts);
    }

    fn node_forgotten(&mut self, now: Timestamp, name: &NodeName) {
        let evidence = "the node was taken out of the arena";
        let node = self.fleet.nodes.remove(name);
        let mut changes = node.map_or_else(Vec::new, |node| node.retire(now, evidence));
        changes.extend(node::retire_restored(
            now,
            name,
            &mut self.restored,
            evidence,
        ));
        self.report(now, changes);
        self.forget_alerts_of(now, name);
        self.board.remove_node(name);
        self.left.remove(name);
        if self.liveness.left(name) {
            self.silence_over(now, name, evidence);
        }
    }

    fn node_leaving(&mut self, now: Timestamp, name: &NodeName, boot_id: u64) {
        if self.left.len() == NODES_MAX {
            self.left.pop_first();
        }
        self.left.insert(name.clone(), boot_id);
        if self
            .fleet
            .nodes
            .get(name)
            .is_some_and(|node| node.boot_id() == boot_id)
            && let Some(mut node) = self.fleet.nodes.remove(name)
        {
            self.report(now, node.silence(now));
            // Who calls what there stays known: it comes back, or is taken out.
            self.restored.extend(node.into_restored());
            if self.liveness.left(name) {
                self.silence_over(now, name, "the node said that it stops");
            }
        }
    }

    fn look_for_silence(&mut self, now: Timestamp) {
        for finding in self.liveness.judge(now) {
            match finding {
                Finding::Silent { node, last_heard } => {
                    self.unheard(now, &node);
                    let silence = now.saturating_since(last_heard);
                    let view = View {
                        state: SignalState::Firing,
                        since: now,
                        raised: true,
                        first_abnormal_at: last_heard,
                        evidence: format!("no telemetry for {:.1} s", silence.as_secs_f64()),
                        readings: Vec::new(),
                    };
                    self.report_silence(now, node, view);
                }
                Finding::Unheard(node) => self.unheard(now, &node),
            }
        }
    }

    fn unheard(&mut self, now: Timestamp, name: &NodeName) {
        let node = self.fleet.nodes.get_mut(name);
        let changes = node.map(|node| node.silence(now)).unwrap_or_default();
        self.report(now, changes);
    }

    fn silence_over(&mut self, now: Timestamp, name: &NodeName, evidence: &str) {
        let view = View {
            state: SignalState::Resolved,
            since: now,
            raised: false,
            first_abnormal_at: now,
            evidence: evidence.to_owned(),
            readings: Vec::new(),
        };
        self.report_silence(now, name.clone(), view);
    }

    fn report_silence(&mut self, now: Timestamp, name: NodeName, view: View) {
        let symptom = Arc::clone(&self.policy.node_silent);
        let entity = Entity::node(name);
        self.board
            .report(now, &entity, &symptom, view, Process::default());
    }
}
