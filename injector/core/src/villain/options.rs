//! What could be made now: every fault that is allowed, in every target that could take it by what is public, within the ceilings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_faults::limits::PER_NODE_MAX;
use arena_faults::{Fault, FaultName, Kind, Params};
use arena_proto::{Entity, NodeStatus};

use super::{Budget, Chance, Choice, View};
use crate::ceiling;
use crate::live::check_room;

/// Refused for good, a pair of fault and target is not asked for again by the same villain: what a target lacks, it seldom gets.
pub(super) type Refused = BTreeSet<(FaultName, Entity)>;

/// The targets of each fault that has any.
pub(super) fn options(
    view: &View<'_>,
    budget: &Budget,
    refused: &Refused,
) -> BTreeMap<FaultName, Vec<Entity>> {
    let live = view.faults;
    let mut options: BTreeMap<FaultName, Vec<Entity>> = BTreeMap::new();
    for node in view.public.nodes().values() {
        let on_node = live.iter().filter(|(_, other)| other.node == node.node);
        if !node.chaos || on_node.count() >= PER_NODE_MAX {
            continue;
        }
        for target in entities(node) {
            for name in &budget.allowed {
                let fault = name.fault();
                let takes = fault.check_target(node, target.service.as_ref()).is_ok()
                    && !live.contains(&(name.as_str(), &target))
                    && !refused.contains(&(*name, target.clone()))
                    && check_room(fault, live.iter().copied()).is_ok()
                    && ceiling::check(view.public.nodes(), fault, &target, live.iter().copied())
                        .is_ok();
                if takes {
                    options.entry(*name).or_default().push(target.clone());
                }
            }
        }
    }
    options
}

/// The node, and its services.
fn entities(node: &NodeStatus) -> impl Iterator<Item = Entity> {
    let services = node.services.iter();
    let services = services.map(|known| Entity::service(node.node.clone(), known.name.clone()));
    std::iter::once(Entity::node(node.node.clone())).chain(services)
}

/// A fault in a target, with a time to live and parameters by chance.
pub(super) fn draw(
    chance: &mut Chance,
    budget: &Budget,
    fault: &'static Fault,
    target: Entity,
) -> Choice {
    let millis = |duration: &Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let ttl = chance.between(millis(budget.ttl.start()), millis(budget.ttl.end()));
    Choice {
        fault,
        target,
        ttl: Duration::from_millis(ttl),
        params: params(chance, fault),
    }
}

/// Numbers from half to twice their default, within the range; words by chance; texts as they are by default.
fn params(chance: &mut Chance, fault: &Fault) -> Params {
    let mut drawn = BTreeMap::new();
    for param in fault.params {
        let near = |default: u64, min: u64, max: u64| {
            let low = (default / 2).clamp(min, max);
            (low, default.saturating_mul(2).clamp(min, max))
        };
        let value = match param.kind {
            Kind::Count {
                min, max, default, ..
            } => {
                let (low, high) = near(default, min, max);
                chance.between(low, high).to_string()
            }
            Kind::Duration {
                min_ms,
                max_ms,
                default_ms,
            } => {
                let (low, high) = near(default_ms, min_ms, max_ms);
                format!("{}ms", chance.between(low, high))
            }
            Kind::Word(words) => chance.one_of(words).copied().unwrap_or_default().to_owned(),
            Kind::Service { .. } | Kind::Text { .. } => continue,
        };
        drawn.insert(param.name.to_owned(), value);
    }
    // One that exceeds another that bounds it: the defaults do not.
    fault
        .fill(&drawn)
        .or_else(|_| fault.fill(&BTreeMap::new()))
        .unwrap_or_default()
}
