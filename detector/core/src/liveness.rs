//! Who has gone silent, and whether it is the observer who went deaf.
//!
//! When more than a third of the nodes, and at least two, go silent at once, the likely cause is between them and the
//! detector: an observer fault (storm mode), in which no node is called silent. The same while the detector itself has
//! no bus, and when it was held up: what nobody could hear is not silence. A node that said that it stops is not
//! silent either. Silence is measured by the detector's own clock, from the time that a message was received.

use std::time::Duration;

use arena_proto::{NodeName, Timestamp};

use crate::observer::{Crowd, OVERSLEPT};
use crate::seats::Seats;

/// The share of the silence limit after which a node counts as silent for the question whether a storm begins. Nodes
/// that a fault of the bus cuts off together spoke last within one tick of each other, so when the first of them
/// reaches the limit the others are at least at `limit - 1 tick`: about 0.7 of it. The rest is for jitter.
const SUSPECT_SHARE: f64 = 0.6;

/// How soon a storm is looked at again when nobody speaks: a quarter of the tick would be no better.
const STORM_CHECK: Duration = Duration::from_millis(500);

/// A node of which messages are lost by chance is silent later: by a tick for each of the last that did not come. With half of
/// them lost that is 11 to 12 s, a silence that chance makes once in some thousand messages, where 3.5 s would be one in eight.
const PATIENCE: Duration = Duration::from_secs(1);

/// What became known about a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Said nothing for the limit, and is to be judged by it.
    Silent {
        node: NodeName,
        last_heard: Timestamp,
    },
    /// Said nothing for the limit, in a storm: its readings are missing, and nothing else is known.
    Unheard(NodeName),
}

impl Finding {
    fn node(&self) -> &NodeName {
        match self {
            Self::Silent { node, .. } | Self::Unheard(node) => node,
        }
    }
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
    /// Beyond the limit, see [`PATIENCE`].
    patience: Duration,
    /// It has no agent: its silence makes no storm.
    posts: bool,
}

impl Watch {
    fn new(now: Timestamp) -> Self {
        Self {
            last_heard: now,
            hearing: Hearing::Heard,
            patience: Duration::ZERO,
            posts: false,
        }
    }

    /// It was not called silent yet.
    fn is_awaited(&self) -> bool {
        self.hearing != Hearing::Silent
    }

    /// When its silence has lasted for long enough; it counts from `floor` at the earliest.
    fn overdue_at(&self, floor: Timestamp, limit: Duration) -> Timestamp {
        self.last_heard.max(floor) + limit + self.patience
    }
}

/// Every node that was ever heard.
#[derive(Debug)]
pub(crate) struct Liveness {
    limit: Duration,
    nodes: Seats<Watch>,
    /// Silence counts from here at the earliest; `None` while nothing can be heard.
    listening_since: Option<Timestamp>,
    storm: bool,
    /// The detector does not believe its own ears.
    deaf: bool,
    due: Option<Timestamp>,
}

impl Liveness {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            nodes: Seats::default(),
            listening_since: None,
            storm: false,
            deaf: false,
            due: None,
        }
    }

    /// The bus is there, or not. Silence is judged from the time that it is.
    pub(crate) fn connected(&mut self, now: Timestamp, connected: bool) {
        self.listening_since = connected.then_some(now);
        self.plan();
    }

    /// The detector doubts what it hears, or does so no longer: then who is silent gets the whole limit again.
    pub(crate) fn deaf(&mut self, now: Timestamp, deaf: bool) {
        if self.deaf && !deaf {
            self.listening_since = self.listening_since.map(|_| now);
            self.plan();
        }
        self.deaf = deaf;
    }

    /// Too many nodes went silent at once.
    pub(crate) fn storm(&self) -> bool {
        self.storm
    }

    /// Whether a node has no agent, and only posts.
    pub(crate) fn posts(&mut self, node: &NodeName, posts: bool) {
        if let Some(watch) = self.nodes.get_mut(node) {
            watch.posts = posts;
        }
    }

    /// How many nodes are silent: in a storm those that make it one, else those that are judged so.
    pub(crate) fn crowd(&self, now: Timestamp) -> Crowd {
        let silent = if self.storm {
            self.suspects(now)
        } else {
            let watches = self.nodes.values();
            let judged = watches.filter(|watch| watch.hearing == Hearing::Silent);
            judged.count()
        };
        Crowd {
            silent,
            known: if self.storm {
                self.with_agents().count()
            } else {
                self.nodes.len()
            },
        }
    }

    /// A message of the node; true when it was silent before. `lost`: how many of its last messages did not come.
    pub(crate) fn heard(&mut self, now: Timestamp, node: &NodeName, lost: u32) -> bool {
        let seat = self.seat(now, node);
        let Some(watch) = self.nodes.at_mut(seat) else {
            return false;
        };
        watch.last_heard = now;
        watch.patience = PATIENCE * lost;
        let before = std::mem::replace(&mut watch.hearing, Hearing::Heard);
        // With less patience than before it may be silent earlier than was planned.
        self.plan_for(seat, before != Hearing::Heard);
        before == Hearing::Silent
    }

    /// Where the node sits, who from now on is watched.
    fn seat(&mut self, now: Timestamp, node: &NodeName) -> usize {
        let found = self.nodes.find(node);
        found.unwrap_or_else(|| {
            let seat = self.nodes.insert(node, Watch::new(now));
            self.plan_for(seat, true);
            seat
        })
    }

    /// A node that must be there, by an open incident or by its own status, though it was not heard yet. `silent`: that
    /// is what the incident says.
    pub(crate) fn expect(&mut self, now: Timestamp, node: &NodeName, silent: bool) {
        let seat = self.seat(now, node);
        if silent && let Some(watch) = self.nodes.at_mut(seat) {
            watch.hearing = Hearing::Silent;
        }
        self.plan_for(seat, true);
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
        self.judge_storm(now, floor);
        let mut findings = Vec::new();
        let floor = self.listening_since.unwrap_or(floor);
        for (node, watch) in self.nodes.iter_mut() {
            let overdue = now >= watch.overdue_at(floor, self.limit);
            match (watch.hearing, self.storm || self.deaf) {
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
        findings.sort_by(|one, other| one.node().cmp(other.node()));
        self.plan_from(now);
        findings
    }

    fn judge_storm(&mut self, now: Timestamp, floor: Timestamp) {
        let silent = self.suspects(now);
        let many = silent >= 2 && silent * 3 > self.with_agents().count();
        let one_is_overdue = self.with_agents().any(|watch| {
            watch.hearing == Hearing::Heard && now >= watch.overdue_at(floor, self.limit)
        });
        if !self.storm && many && one_is_overdue {
            self.storm = true;
        } else if self.storm && !many {
            self.storm = false;
            // Who is still silent gets the whole limit again, to be judged on its own.
            self.listening_since = Some(now);
        }
    }

    /// Nodes that are silent for long enough to be counted. One that was called silent before is a fault of its own, not
    /// part of a new one.
    fn suspects(&self, now: Timestamp) -> usize {
        self.with_agents()
            .filter(|watch| watch.hearing != Hearing::Silent)
            .filter(|watch| {
                let limit = self.limit + watch.patience;
                now.saturating_since(watch.last_heard) >= limit.mul_f64(SUSPECT_SHARE)
            })
            .count()
    }

    fn with_agents(&self) -> impl Iterator<Item = &Watch> {
        self.nodes.values().filter(|watch| !watch.posts)
    }

    /// One node's time has changed; `turned`: and how it stands. What is due too early is planned anew when it is looked at, so that
    /// nobody is asked but this node; in a storm each turn is looked at once.
    fn plan_for(&mut self, seat: usize, turned: bool) {
        if turned && (self.storm || self.deaf) {
            return self.plan();
        }
        let watch = self.nodes.at(seat).filter(|watch| watch.is_awaited());
        if let (Some(watch), Some(floor)) = (watch, self.listening_since) {
            let at = watch.overdue_at(floor, self.limit);
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    fn plan(&mut self) {
        let Some(floor) = self.listening_since else {
            self.due = None;
            return;
        };
        let awaited = self.nodes.values().filter(|watch| watch.is_awaited());
        self.due = awaited
            .map(|watch| watch.overdue_at(floor, self.limit))
            .min();
    }

    /// The same, after a look at `now`: never earlier than the next check of a storm.
    fn plan_from(&mut self, now: Timestamp) {
        self.plan();
        if self.storm || self.deaf {
            self.due = self.due.map(|due| due.max(now + STORM_CHECK));
        }
    }
}
