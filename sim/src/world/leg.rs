//! The conditions that faults make in a leg of the sidecar, in the order in which a request meets them: walls, holds, cuts, pipes, answers in the
//! service's place, and last a storm (services/node/src/sidecar/conditions).
//!
//! Invariant: a leg without conditions does nothing to a request and draws no chance.

use std::time::Duration;

use arena_node_core::leg::Line;
use arena_proto::{FaultId, Timestamp};

use super::World;
use super::call::Answer;
use super::flow::millis;
use super::noise::factor;
use super::places::{NodeIx, ServiceIx};
use super::storm::Storm;
use crate::chance::{Chance, Purpose};

/// What one fault does to the requests of a leg.
#[derive(Debug)]
pub(super) enum Condition {
    /// Nothing passes; of a wall around a node: nothing from or to elsewhere.
    Wall { around_node: bool },
    /// A share waits.
    Hold {
        share: f64,
        latency: Duration,
        jitter: Duration,
    },
    /// A share is closed without an answer.
    Cut { share: f64 },
    /// Both directions share a line.
    Pipe(Line),
    /// A share is answered in the service's place.
    Reply { share: f64, answer: Answer },
    /// A queue before one worker, and repetitions.
    Storm(Box<Storm>),
}

impl Condition {
    const fn rank(&self) -> u8 {
        match self {
            Self::Wall { .. } => 0,
            Self::Hold { .. } => 1,
            Self::Cut { .. } => 2,
            Self::Pipe(_) => 3,
            Self::Reply { .. } => 4,
            Self::Storm(_) => 5,
        }
    }
}

#[derive(Debug)]
struct Placed {
    /// By which a request that waits knows it; 1 or more.
    serial: u32,
    fault: FaultId,
    ends_with_leg: bool,
    condition: Condition,
}

/// What happens to a request in a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    Through,
    /// Until then at the latest, or for as long as the condition is there.
    Held {
        by: u32,
        until: Option<Timestamp>,
    },
    Answered(Answer),
    Storm,
}

/// One leg.
#[derive(Debug)]
pub(super) struct Leg {
    placed: Vec<Placed>,
    serials: u32,
    chance: Chance,
}

impl Leg {
    pub(super) fn new(seed: u64, key: u64) -> Self {
        Self {
            placed: Vec::new(),
            serials: 0,
            chance: Chance::stream(seed, Purpose::Fault, key),
        }
    }

    pub(super) fn is_clear(&self) -> bool {
        self.placed.is_empty()
    }

    pub(super) fn place(&mut self, fault: &FaultId, ends_with_leg: bool, condition: Condition) {
        self.serials += 1;
        self.placed.push(Placed {
            serial: self.serials,
            fault: fault.clone(),
            ends_with_leg,
            condition,
        });
        self.placed.sort_by(|one, other| {
            let order = |placed: &Placed| placed.condition.rank();
            order(one)
                .cmp(&order(other))
                .then_with(|| one.fault.cmp(&other.fault))
        });
    }

    pub(super) fn has(&self, fault: &FaultId) -> bool {
        self.placed.iter().any(|placed| placed.fault == *fault)
    }

    /// Takes away what this fault placed, or without one what ends with the leg. Gives for each what it was known by, and what
    /// comes before it now: where those go on that it held; and a storm that went with it.
    pub(super) fn remove(
        &mut self,
        fault: Option<&FaultId>,
    ) -> Vec<(u32, u32, Option<Box<Storm>>)> {
        let mut removed = Vec::new();
        let mut before = 0;
        let mut kept = Vec::new();
        for placed in self.placed.drain(..) {
            let goes = fault.map_or(placed.ends_with_leg, |fault| placed.fault == *fault);
            if goes {
                let storm = match placed.condition {
                    Condition::Storm(storm) => Some(storm),
                    _ => None,
                };
                removed.push((placed.serial, before, storm));
            } else {
                before = placed.serial;
                kept.push(placed);
            }
        }
        self.placed = kept;
        removed
    }

    /// A request goes on behind the condition that it passed last (0: none), or is new. `elsewhere`: it comes from another node, or goes
    /// to one.
    pub(super) fn pass(
        &mut self,
        now: Timestamp,
        after: u32,
        elsewhere: bool,
        bytes: u64,
    ) -> Passage {
        let passed = self.placed.iter().position(|placed| placed.serial == after);
        let first = passed.map_or(0, |at| at + 1);
        for placed in &mut self.placed[first..] {
            let (by, chance) = (placed.serial, &mut self.chance);
            match &mut placed.condition {
                Condition::Wall { around_node } if elsewhere || !*around_node => {
                    return Passage::Held { by, until: None };
                }
                Condition::Hold {
                    share,
                    latency,
                    jitter,
                } if chance.percent(*share) => {
                    let most = *latency + *jitter;
                    let wait = most.saturating_sub(chance.duration(*jitter * 2));
                    return Passage::Held {
                        by,
                        until: Some(now + wait),
                    };
                }
                Condition::Cut { share } if chance.percent(*share) => {
                    return Passage::Answered(Answer::Failed);
                }
                Condition::Pipe(line) => {
                    return Passage::Held {
                        by,
                        until: line.send(now, bytes),
                    };
                }
                Condition::Reply { share, answer } if chance.percent(*share) => {
                    return Passage::Answered(*answer);
                }
                Condition::Storm(_) => return Passage::Storm,
                _ => {}
            }
        }
        Passage::Through
    }

    /// A wall around the node stands between it and another.
    pub(super) fn is_walled(&self) -> Option<u32> {
        let wall = self
            .placed
            .iter()
            .find(|placed| matches!(placed.condition, Condition::Wall { around_node: true }));
        wall.map(|placed| placed.serial)
    }

    /// When an answer that is sent now has passed back; `None`: never. Without a pipe: now.
    pub(super) fn back(&mut self, now: Timestamp, bytes: u64) -> Option<Timestamp> {
        let mut through = now;
        for placed in &mut self.placed {
            if let Condition::Pipe(line) = &mut placed.condition {
                through = through.max(line.send(through, bytes)?);
            }
        }
        Some(through)
    }

    pub(super) fn storm(&mut self) -> Option<&mut Storm> {
        self.placed
            .iter_mut()
            .find_map(|placed| match &mut placed.condition {
                Condition::Storm(storm) => Some(storm.as_mut()),
                _ => None,
            })
    }
}

/// The sidecar of a node is one thread, which all its legs share.
impl World {
    /// When a leg of this node's sidecar has passed a request on that comes now.
    pub(super) fn leg_takes(
        &mut self,
        now: Timestamp,
        node: NodeIx,
        service: ServiceIx,
    ) -> Timestamp {
        let work_ms = self.physics.leg_ms
            * factor(&mut self.services[service.at()].chance, self.physics.spread);
        let state = &mut self.nodes[node.at()];
        state.legs_busy_until = state.legs_busy_until.max(now) + millis(work_ms);
        state.legs_ms += work_ms;
        state.legs_busy_until
    }

    /// A leg of this service's node has passed an answer on: what comes next waits for that.
    pub(super) fn legs_answer(&mut self, now: Timestamp, service: ServiceIx) {
        let back_ms = self.physics.leg_back_ms;
        let state = &mut self.nodes[self.places.services[service.at()].node.at()];
        state.legs_busy_until = state.legs_busy_until.max(now) + millis(back_ms);
        state.legs_ms += back_ms;
    }
}
