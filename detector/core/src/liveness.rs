//! Who has gone silent, and whether it is the observer who went deaf.
//!
//! When more than a third of the nodes, and at least two, go silent at once, the likely cause is between them and the
//! detector: an observer fault (storm mode), in which no node is called silent. The same while the detector itself has
//! no bus, and when it was held up: what nobody could hear is not silence. A node that said that it stops is not
//! silent either. Silence is measured by the detector's own clock, from the time that a message was received.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{NodeName, Timestamp};

/// The share of the silence limit after which a node counts as silent for the question whether a storm begins. Nodes
/// that a fault of the bus cuts off together spoke last within one tick of each other, so when the first of them
/// reaches the limit the others are at least at `limit - 1 tick`: about 0.7 of it. The rest is for jitter.
const SUSPECT_SHARE: f64 = 0.6;

/// How soon a storm is looked at again when nobody speaks: a quarter of the tick would be no better.
const STORM_CHECK: Duration = Duration::from_millis(500);

/// A look that comes later than this after it was due means that the detector was held up, and could not hear: one
/// tick.
const OVERSLEPT: Duration = Duration::from_secs(1);

/// What became known about a node or the observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Said nothing for the limit, and is to be judged by it.
    Silent {
        node: NodeName,
        last_heard: Timestamp,
    },
    /// Said nothing for the limit, in a storm: its readings are missing, and nothing else is known.
    Unheard(NodeName),
    StormBegan {
        silent: usize,
        known: usize,
    },
    StormEnded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Heard,
    Unheard,
    Silent,
}

#[derive(Debug)]
struct Watch {
    last_heard: Timestamp,
    hearing: Hearing,
}

/// Every node that was ever heard.
#[derive(Debug)]
pub(crate) struct Liveness {
    limit: Duration,
    nodes: BTreeMap<NodeName, Watch>,
    /// Silence counts from here at the earliest; `None` while nothing can be heard.
    listening_since: Option<Timestamp>,
    storm: bool,
    due: Option<Timestamp>,
}

impl Liveness {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            nodes: BTreeMap::new(),
            listening_since: None,
            storm: false,
            due: None,
        }
    }

    /// The bus is there, or not. Silence is judged from the time that it is.
    pub(crate) fn connected(&mut self, now: Timestamp, connected: bool) {
        self.listening_since = connected.then_some(now);
        self.plan();
    }

    /// A message of the node; true when it was silent before.
    pub(crate) fn heard(&mut self, now: Timestamp, node: &NodeName) -> bool {
        let Some(watch) = self.nodes.get_mut(node) else {
            let watch = Watch {
                last_heard: now,
                hearing: Hearing::Heard,
            };
            self.nodes.insert(node.clone(), watch);
            self.plan();
            return false;
        };
        watch.last_heard = now;
        let before = std::mem::replace(&mut watch.hearing, Hearing::Heard);
        if before != Hearing::Heard {
            self.plan();
        }
        before == Hearing::Silent
    }

    /// A node that must be there, by an open incident or by its own status, though it was not heard yet. `silent`: that
    /// is what the incident says.
    pub(crate) fn expect(&mut self, now: Timestamp, node: &NodeName, silent: bool) {
        let watch = self.nodes.entry(node.clone()).or_insert(Watch {
            last_heard: now,
            hearing: Hearing::Heard,
        });
        if silent {
            watch.hearing = Hearing::Silent;
        }
        self.plan();
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The node said that it stops, and is watched no more; true when it was silent.
    pub(crate) fn left(&mut self, node: &NodeName) -> bool {
        let watch = self.nodes.remove(node);
        watch.is_some_and(|watch| watch.hearing == Hearing::Silent)
    }

    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        self.due
    }

    /// Looks, when it is time to.
    pub(crate) fn judge(&mut self, now: Timestamp) -> Vec<Finding> {
        let Some(due) = self.due.filter(|due| now >= *due) else {
            return Vec::new();
        };
        if now.saturating_since(due) > OVERSLEPT {
            self.listening_since = Some(now);
        }
        let Some(floor) = self.listening_since else {
            return Vec::new();
        };
        let mut findings = self.judge_storm(now, floor);
        let floor = self.listening_since.unwrap_or(floor);
        for (node, watch) in &mut self.nodes {
            let overdue = now.saturating_since(watch.last_heard.max(floor)) >= self.limit;
            match (watch.hearing, self.storm) {
                (Hearing::Heard, true) if overdue => {
                    watch.hearing = Hearing::Unheard;
                    findings.push(Finding::Unheard(node.clone()));
                }
                (Hearing::Heard | Hearing::Unheard, false) if overdue => {
                    watch.hearing = Hearing::Silent;
                    findings.push(Finding::Silent {
                        node: node.clone(),
                        last_heard: watch.last_heard,
                    });
                }
                _ => {}
            }
        }
        self.plan_from(now);
        findings
    }

    fn judge_storm(&mut self, now: Timestamp, floor: Timestamp) -> Vec<Finding> {
        let silence =
            |watch: &Watch, from: Timestamp| now.saturating_since(watch.last_heard.max(from));
        let known = self.nodes.len();
        let suspect_after = self.limit.mul_f64(SUSPECT_SHARE);
        // A node that was called silent before is one fault of its own, not part of a new one.
        let nodes = || self.nodes.values();
        let silent = nodes()
            .filter(|watch| watch.hearing != Hearing::Silent)
            .filter(|watch| silence(watch, Timestamp::EPOCH) >= suspect_after)
            .count();
        let many = silent >= 2 && silent * 3 > known;
        let one_is_overdue = nodes()
            .any(|watch| watch.hearing == Hearing::Heard && silence(watch, floor) >= self.limit);
        if !self.storm && many && one_is_overdue {
            self.storm = true;
            return vec![Finding::StormBegan { silent, known }];
        }
        if self.storm && !many {
            self.storm = false;
            // Who is still silent gets the whole limit again, to be judged on its own.
            self.listening_since = Some(now);
            return vec![Finding::StormEnded];
        }
        Vec::new()
    }

    fn plan(&mut self) {
        let Some(floor) = self.listening_since else {
            self.due = None;
            return;
        };
        let waiting = self
            .nodes
            .values()
            .filter(|watch| matches!(watch.hearing, Hearing::Heard | Hearing::Unheard));
        self.due = waiting
            .map(|watch| watch.last_heard.max(floor) + self.limit)
            .min();
    }

    /// The same, after a look at `now`: never earlier than the next check of a storm.
    fn plan_from(&mut self, now: Timestamp) {
        self.plan();
        if self.storm {
            self.due = self.due.map(|due| due.max(now + STORM_CHECK));
        }
    }
}
