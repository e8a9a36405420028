//! Policies that want the score without the work. None of them may ever be scored as healed: `tests/cheats.rs` plays each of them on each of
//! several kinds of faults, and asserts for which reason it fails.
//!
//! A cheat is a name, what it tries in a line, and a function from what it sees to what it does. They may also do what no role of the bus may
//! ([`super::Forgery`]): a score that only honest tools can reach is not worth much. Absent on purpose: any that knows the truth.

mod blasts;
mod claims;
mod cures;
mod hides;
mod lies;
mod nearly;

use std::collections::BTreeSet;

use arena_proto::{ActionKind, Entity, NodeName, Timestamp};

use super::{Deed, Order, Policy, Restart};
use crate::observe::{IncidentSeen, NodeSeen, Observation, ServiceSeen};

/// One way to cheat.
#[derive(Debug, Clone, Copy)]
pub struct Cheat {
    /// As it is listed; `cheat-` goes before it where it is named as a policy.
    pub name: &'static str,
    /// What it tries, in a line.
    pub about: &'static str,
    act: fn(&mut Memory, &Observation) -> Vec<Deed>,
}

/// Every one.
#[must_use]
pub fn all() -> Vec<Cheat> {
    let all = [
        claims::CHEATS,
        lies::CHEATS,
        hides::CHEATS,
        cures::CHEATS,
        blasts::CHEATS,
        nearly::CHEATS,
    ];
    all.concat()
}

/// What a cheat remembers of a run.
#[derive(Debug, Clone, Default)]
struct Memory {
    /// Seconds that it was asked, this one included.
    asked: u64,
    /// Names of what it has done, so that it does it once.
    done: BTreeSet<String>,
    /// Who was hurt first: what it fixes its mind on.
    hurt: Option<Entity>,
    /// For those that heal as well, and do more than that.
    honest: Restart,
}

impl Memory {
    /// True the first time that this is asked for.
    fn first(&mut self, what: &(impl ToString + ?Sized)) -> bool {
        self.done.insert(what.to_string())
    }
}

/// A cheat at work.
#[derive(Debug)]
pub struct Cheating {
    cheat: Cheat,
    memory: Memory,
}

impl Cheating {
    /// This one.
    #[must_use]
    pub fn new(cheat: Cheat) -> Self {
        Self {
            cheat,
            memory: Memory::default(),
        }
    }
}

impl Policy for Cheating {
    fn name(&self) -> &str {
        self.cheat.name
    }

    fn step(&mut self, _: Timestamp, seen: &Observation) -> Vec<Deed> {
        self.memory.asked += 1;
        let hurt = seen.incidents.first().and_then(incident_entity);
        if self.memory.hurt.is_none() {
            self.memory.hurt = hurt;
        }
        (self.cheat.act)(&mut self.memory, seen)
    }
}

/// What an incident is about.
fn incident_entity(incident: &IncidentSeen) -> Option<Entity> {
    incident.entity.parse().ok()
}

fn order(action: ActionKind, target: Entity) -> Deed {
    Deed::Order(Order::new(action, target))
}

/// One order for each of them.
fn orders(action: ActionKind, targets: impl IntoIterator<Item = Entity>) -> Vec<Deed> {
    let targets = targets.into_iter();
    targets.map(|target| order(action, target)).collect()
}

/// Every service that is seen, but for the users.
fn services(seen: &Observation) -> impl Iterator<Item = Entity> + '_ {
    every_service(seen)
        .filter_map(|service| service.entity.parse().ok())
        .filter(|entity: &Entity| !is_called(entity, arena_scenario::TRAFFIC))
}

fn every_service(seen: &Observation) -> impl Iterator<Item = &ServiceSeen> {
    seen.nodes.iter().flat_map(|node| &node.services)
}

/// All that are of this name.
fn called<'a>(seen: &'a Observation, name: &'a str) -> impl Iterator<Item = Entity> + 'a {
    every_service(seen)
        .filter_map(|service| service.entity.parse().ok())
        .filter(move |entity| is_called(entity, name))
}

fn is_called(entity: &Entity, name: &str) -> bool {
    entity
        .service
        .as_ref()
        .is_some_and(|service| service.as_str() == name)
}

fn nodes(seen: &Observation) -> impl Iterator<Item = NodeName> + '_ {
    seen.nodes
        .iter()
        .filter_map(|node: &NodeSeen| NodeName::new(&node.node).ok())
}

/// Who calls this service, on whichever node.
fn callers(seen: &Observation, of: &Entity) -> Vec<Entity> {
    let Some(name) = &of.service else {
        return Vec::new();
    };
    let calls = |service: &&ServiceSeen| service.depends_on.iter().any(|one| one == name.as_str());
    let callers = every_service(seen).filter(calls);
    callers
        .filter_map(|service| service.entity.parse().ok())
        .collect()
}
