//! `restart`: an honest and simple healer to compare with. What the detector holds for the cause is started when it is dead, and restarted
//! when it is not; then it has time to come up before the next try.

use std::collections::BTreeMap;

use arena_proto::{ActionKind, Entity, Timestamp};

use super::{Deed, Order, Policy};
use crate::observe::Observation;

/// Between two tries on one service: the remediator's playbooks give a restart 6 to 10 s to show what it did.
const PATIENCE_MS: u64 = 10_000;
/// A service that is down after so many tries is not mended by one more.
const TRIES_MAX: u32 = 3;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Restart {
    /// Of each service the tries so far, and the time of the last one.
    tried: BTreeMap<Entity, (u32, u64)>,
}

impl Policy for Restart {
    fn name(&self) -> &'static str {
        "restart"
    }

    fn step(&mut self, _: Timestamp, seen: &Observation) -> Vec<Deed> {
        self.deeds(seen)
    }
}

impl Restart {
    /// What it does, seeing this.
    pub(super) fn deeds(&mut self, seen: &Observation) -> Vec<Deed> {
        let causes = seen.incidents.iter();
        let causes = causes.filter_map(|incident| incident.root_cause.parse::<Entity>().ok());
        let mut deeds = Vec::new();
        for target in causes {
            let state = seen.nodes.iter().flat_map(|node| &node.services);
            let mut state = state.filter(|service| service.entity == target.to_string());
            let (tries, last_ms) = self.tried.get(&target).copied().unwrap_or_default();
            let rests = tries > 0 && seen.at_ms < last_ms + PATIENCE_MS;
            let Some(service) = state.next().filter(|_| !rests && tries < TRIES_MAX) else {
                continue;
            };
            let action = match service.state.as_str() {
                "EXITED" | "FATAL" | "STOPPED" => ActionKind::Start,
                _ => ActionKind::Restart,
            };
            self.tried.insert(target.clone(), (tries + 1, seen.at_ms));
            deeds.push(Deed::Order(Order::new(action, target)));
        }
        deeds
    }
}
