//! Nodes, services, components, and what people decided: the status, kept up to date and told bit by bit.
//!
//! What is found out is kept as `arena-view` wants it, and every report comes from there: this status is what `arena status --json` says.
//! Invariant: who was not heard within the silence limit, or before the bus went away, is `NO_DATA`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_proto::{Control, NodeName, NodeStatus, Observer, Pause, Schema, Timestamp};
use arena_view::Liveness;
use arena_view::status::{
    ArenaReport, COMPONENTS, Found, GATEWAY, NodeReport, StatusReport, arena_report, node_report,
    observed,
};

use crate::Event;
use crate::live::Recorded;
use crate::view::NodeGone;

/// A node tells once a second. Two messages may be late or lost; after three seconds it is silent.
pub(crate) const NODE_SILENT: Duration = Duration::from_secs(3);
/// Components are pinged every two seconds. Two pings may be lost.
pub(crate) const COMPONENT_SILENT: Duration = Duration::from_secs(6);
/// The arena's part is looked at so often even when nothing comes: a pause ends, a fault is overdue.
const ARENA_EVERY: Duration = Duration::from_secs(1);
/// Nodes whose telemetry came and whose status did not: they are remembered for a moment, because the two travel on different ways.
const STRANGERS_MAX: usize = 1000;

const AWAY: &str = "the bus is away";
const UNDECIDED: &str = "the bus is away: nobody can say what people decided";
const NOT_ASKED: &str = "what people decided is not known yet";
const NOT_RECORDED: &str = "the recorder has not been asked yet";

/// Those that are asked whether they are there; this gateway is one of them.
fn pinged() -> impl Iterator<Item = &'static str> {
    COMPONENTS.into_iter().chain([GATEWAY])
}

/// The status, and what it rests on.
#[derive(Debug)]
pub(crate) struct Fleet {
    found: Found,
    is_away: bool,
    /// Nodes that were known before the bus was away, and whose status has not come again since.
    unconfirmed: BTreeSet<NodeName>,
    /// What the detectors said; it may come a moment before the word that the bus is there.
    observers: Vec<Observer>,
    /// Since when somebody who was not heard yet could have been.
    listening_since: Timestamp,
    /// When the telemetry of each node came last since the bus is there.
    heard: BTreeMap<NodeName, Timestamp>,
    /// The last answer of each component since the bus is there.
    answered: BTreeMap<&'static str, Timestamp>,
    told: BTreeMap<NodeName, NodeReport>,
    told_arena: ArenaReport,
    /// When the arena's part was last looked at.
    looked_at: Timestamp,
    /// Nodes to look at again.
    touched: BTreeSet<NodeName>,
    arena_touched: bool,
}

impl Fleet {
    pub(crate) fn new(now: Timestamp) -> Self {
        let unheard = Liveness::Silent { since: Some(now) };
        let components = pinged().map(|name| (name.to_owned(), unheard));
        let unknown = || AWAY.to_owned();
        let found = Found {
            nodes: Vec::new(),
            components: components.collect(),
            observed: BTreeMap::new(),
            control: Control::default(),
            control_lost: Some(UNDECIDED),
            observers: Vec::new(),
            summary: Err(unknown()),
            incidents: Err(unknown()),
            faults: Err(unknown()),
            up_died: false,
            now,
        };
        Self {
            told_arena: arena_report(&found, &[]),
            found,
            is_away: true,
            unconfirmed: BTreeSet::new(),
            observers: Vec::new(),
            listening_since: now,
            heard: BTreeMap::new(),
            answered: BTreeMap::new(),
            told: BTreeMap::new(),
            looked_at: now,
            touched: BTreeSet::new(),
            arena_touched: false,
        }
    }

    /// As it was told.
    pub(crate) fn status(&self) -> StatusReport {
        StatusReport {
            nodes: self.told.values().cloned().collect(),
            arena: self.told_arena.clone(),
        }
    }

    /// The bus is there. Who is there besides is known when they are heard.
    pub(crate) fn connected(&mut self, now: Timestamp) {
        self.is_away = false;
        self.listening_since = now;
        let known = self.found.nodes.iter().map(|(status, _)| &status.node);
        self.unconfirmed = known.cloned().collect();
        self.found.control_lost = Some(NOT_ASKED);
        self.found.observers.clone_from(&self.observers);
        self.record(Err(NOT_RECORDED.to_owned()));
        self.touch_all();
    }

    /// The bus is away: from now on nothing is known.
    pub(crate) fn away(&mut self, now: Timestamp) {
        self.is_away = true;
        self.heard.clear();
        self.answered.clear();
        let nodes = self.found.nodes.iter_mut().map(|(_, liveness)| liveness);
        for liveness in nodes.chain(self.found.components.values_mut()) {
            if liveness.answers() {
                *liveness = Liveness::Silent { since: Some(now) };
            }
        }
        self.found.control_lost = Some(UNDECIDED);
        self.observers.clear();
        self.found.observers.clear();
        self.record(Err(AWAY.to_owned()));
        self.touch_all();
    }

    pub(crate) fn put(&mut self, status: NodeStatus) {
        self.touched.insert(status.node.clone());
        self.unconfirmed.remove(&status.node);
        match self.position(&status.node) {
            Ok(index) => self.found.nodes[index].0 = status,
            Err(index) => {
                let liveness = if self.heard.contains_key(&status.node) {
                    Liveness::Answers
                } else {
                    let since = Some(self.listening_since);
                    Liveness::Silent { since }
                };
                self.found.nodes.insert(index, (status, liveness));
            }
        }
    }

    /// These are all that the bus knows since it is there: a bus that lost its memory does not say whom it forgot.
    pub(crate) fn confirm(&mut self, names: &BTreeSet<NodeName>) {
        for name in std::mem::take(&mut self.unconfirmed).difference(names) {
            self.remove(name);
        }
    }

    pub(crate) fn remove(&mut self, node: &NodeName) {
        if let Ok(index) = self.position(node) {
            self.found.nodes.remove(index);
            self.touched.insert(node.clone());
        }
        self.heard.remove(node);
        self.found.observed.retain(|entity, _| entity.node != *node);
    }

    /// Telemetry of a node came. What comes while the bus is away was on its way before.
    pub(crate) fn hear(&mut self, now: Timestamp, node: &NodeName, schema: &Schema) {
        if self.is_away {
            return;
        }
        let position = self.position(node);
        if position.is_err() && self.heard.len() >= self.found.nodes.len() + STRANGERS_MAX {
            return;
        }
        self.heard.insert(node.clone(), now);
        if let Ok(index) = position {
            if !self.found.nodes[index].1.answers() {
                self.found.nodes[index].1 = Liveness::Answers;
                self.touched.insert(node.clone());
            }
            self.observe(node, schema);
        }
    }

    fn observe(&mut self, node: &NodeName, schema: &Schema) {
        let seen: BTreeMap<_, _> = observed(schema).collect();
        let known = || {
            let all = self.found.observed.iter();
            all.filter(|(entity, _)| entity.node == *node)
        };
        if !known().eq(seen.iter()) {
            self.found.observed.retain(|entity, _| entity.node != *node);
            self.found.observed.extend(seen);
            self.touched.insert(node.clone());
        }
    }

    /// These components answered a ping.
    pub(crate) fn answer(&mut self, now: Timestamp, names: &BTreeSet<String>) {
        if self.is_away {
            return;
        }
        for name in pinged().filter(|name| names.contains(*name)) {
            self.answered.insert(name, now);
            let name = name.to_owned();
            self.found.components.insert(name, Liveness::Answers);
            self.arena_touched = true;
        }
    }

    pub(crate) fn decide(&mut self, control: Control, lost: Option<&'static str>) {
        if !self.is_away {
            self.found.control = control;
            self.found.control_lost = lost;
            self.touch_all();
        }
    }

    /// It is both asked for and told, so that an older word may come after a newer one.
    pub(crate) fn observer(&mut self, observer: Observer) {
        let observers = &mut self.observers;
        match observers.binary_search_by(|known| known.detector.cmp(&observer.detector)) {
            Ok(index) if observer.at < observers[index].at => return,
            Ok(index) => observers[index] = observer,
            Err(index) => observers.insert(index, observer),
        }
        if !self.is_away {
            self.found.observers.clone_from(&self.observers);
        }
        self.arena_touched = true;
    }

    pub(crate) fn record(&mut self, recorded: Result<Recorded, String>) {
        let (summary, incidents, faults) = match recorded {
            Ok(recorded) => (
                Ok(recorded.summary),
                Ok(recorded.incidents),
                Ok(recorded.faults),
            ),
            Err(why) => (Err(why.clone()), Err(why.clone()), Err(why)),
        };
        self.found.summary = summary;
        self.found.incidents = incidents;
        self.found.faults = faults;
        self.arena_touched = true;
    }

    /// When it changes by itself.
    pub(crate) fn next_wakeup(&self) -> Timestamp {
        let nodes = self.heard.values().map(|at| *at + NODE_SILENT);
        let components = self.answered.values().map(|at| *at + COMPONENT_SILENT);
        let pauses = self.found.control.pauses.iter();
        let pauses = pauses.filter_map(|pause| pause.until.filter(|end| *end > self.found.now));
        let arena = self.looked_at + ARENA_EVERY;
        nodes
            .chain(components)
            .chain(pauses)
            .fold(arena, Timestamp::min)
    }

    /// Tells what is another way now.
    pub(crate) fn tell(&mut self, now: Timestamp, events: &mut Vec<Event>) {
        self.pass_time(now);
        for name in std::mem::take(&mut self.touched) {
            let report = self.position(&name).ok().map(|index| {
                let (status, liveness) = &self.found.nodes[index];
                node_report(status, *liveness, &self.found)
            });
            if self.told.get(&name) == report.as_ref() {
                continue;
            }
            self.arena_touched = true;
            if let Some(report) = report {
                events.push(Event::Node(Box::new(report.clone())));
                self.told.insert(name, report);
            } else {
                self.told.remove(&name);
                let name = name.to_string();
                events.push(Event::NodeGone(NodeGone { name }));
            }
        }
        let is_time = now >= self.looked_at + ARENA_EVERY;
        if std::mem::take(&mut self.arena_touched) || is_time {
            self.looked_at = now;
            let report = arena_report(&self.found, self.told.values());
            if report != self.told_arena {
                events.push(Event::Arena(Box::new(report.clone())));
                self.told_arena = report;
            }
        }
    }

    /// Who is silent by now, and which pauses are over.
    fn pass_time(&mut self, now: Timestamp) {
        let before = std::mem::replace(&mut self.found.now, now);
        let ended = |pause: &Pause| pause.until.is_some_and(|end| before < end && end <= now);
        if self.found.control.pauses.iter().any(ended) {
            self.touch_all();
        }
        let Found {
            nodes, components, ..
        } = &mut self.found;
        self.heard.retain(|name, at| {
            let is_heard = now < *at + NODE_SILENT;
            if !is_heard
                && let Ok(index) = nodes.binary_search_by(|(status, _)| status.node.cmp(name))
            {
                nodes[index].1 = Liveness::Silent { since: Some(*at) };
                self.touched.insert(name.clone());
            }
            is_heard
        });
        self.answered.retain(|name, at| {
            let is_heard = now < *at + COMPONENT_SILENT;
            if !is_heard {
                let silent = Liveness::Silent { since: Some(*at) };
                components.insert((*name).to_owned(), silent);
                self.arena_touched = true;
            }
            is_heard
        });
    }

    fn position(&self, node: &NodeName) -> Result<usize, usize> {
        let nodes = &self.found.nodes;
        nodes.binary_search_by(|(status, _)| status.node.cmp(node))
    }

    fn touch_all(&mut self) {
        let names = self.found.nodes.iter().map(|(status, _)| &status.node);
        self.touched.extend(names.cloned());
        self.arena_touched = true;
    }
}
