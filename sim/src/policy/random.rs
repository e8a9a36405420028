//! `random`: now and then an action by chance on a service by chance. What it heals is luck; what it hurts shows what collateral damage is.

use arena_injector_core::villain::Chance;
use arena_proto::{ActionKind, Entity, Timestamp};

use super::{Deed, Order, Policy};
use crate::observe::Observation;

/// One action in this many seconds, in the mean: as often as the remediator's rails let one service be acted on.
const EVERY_S: u64 = 10;

/// What needs no parameters and fits most states; the node refuses what does not fit.
const ACTIONS: [ActionKind; 7] = [
    ActionKind::Restart,
    ActionKind::Start,
    ActionKind::Recover,
    ActionKind::Drain,
    ActionKind::Undrain,
    ActionKind::Kill,
    ActionKind::CleanDisk,
];

/// See the module.
#[derive(Debug)]
pub struct Random {
    chance: Chance,
}

impl Random {
    /// By this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
        }
    }
}

impl Policy for Random {
    fn name(&self) -> &'static str {
        "random"
    }

    fn step(&mut self, _: Timestamp, seen: &Observation) -> Vec<Deed> {
        if self.chance.between(1, EVERY_S) != 1 {
            return Vec::new();
        }
        let services: Vec<&str> = seen
            .nodes
            .iter()
            .flat_map(|node| &node.services)
            .map(|service| service.entity.as_str())
            .collect();
        let target = self.chance.one_of(&services);
        let target: Option<Entity> = target.and_then(|name| name.parse().ok());
        let action = self.chance.one_of(&ACTIONS).copied();
        let order = target.zip(action);
        order
            .map(|(target, action)| Deed::Order(Order::new(action, target)))
            .into_iter()
            .collect()
    }
}
