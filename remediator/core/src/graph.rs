//! Which service calls which, by what the nodes say of their services.
//!
//! By name, not by replica: a sidecar may route a call to any of them. A cycle is no trouble: what calls each other is on
//! one chain.

use std::collections::{BTreeMap, BTreeSet};

use arena_proto::{Entity, NodeName, NodeStatus, ServiceName};

/// The nodes as they stand, seen as a graph of services.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Graph<'a>(pub(crate) &'a BTreeMap<NodeName, NodeStatus>);

impl Graph<'_> {
    /// Everything that a service calls, directly or through others; itself only where it is part of a cycle.
    pub(crate) fn called_by(self, service: &ServiceName) -> BTreeSet<ServiceName> {
        let mut found = BTreeSet::new();
        let mut next = vec![service.clone()];
        while let Some(caller) = next.pop() {
            let services = self.0.values().flat_map(|node| &node.services);
            for replica in services.filter(|replica| replica.name == caller) {
                let new = replica.depends_on.iter();
                let new: Vec<_> = new.filter(|name| found.insert((*name).clone())).collect();
                next.extend(new.into_iter().cloned());
            }
        }
        found
    }

    /// Does `caller` call `what`, directly or through others?
    pub(crate) fn calls(self, caller: &ServiceName, what: &ServiceName) -> bool {
        self.called_by(caller).contains(what)
    }

    /// The services that an action on this entity touches: itself, or all of a node's.
    pub(crate) fn touched(self, target: &Entity) -> Vec<ServiceName> {
        if let Some(service) = &target.service {
            return vec![service.clone()];
        }
        let node = self.0.get(&target.node);
        let services = node.map_or(&[][..], |node| &node.services);
        services
            .iter()
            .map(|service| service.name.clone())
            .collect()
    }

    /// Two different services of which one calls the other, if these two entities touch such.
    pub(crate) fn chain(self, one: &Entity, other: &Entity) -> Option<(ServiceName, ServiceName)> {
        let others = self.touched(other);
        for mine in self.touched(one) {
            let called = self.called_by(&mine);
            for theirs in others.iter().filter(|theirs| **theirs != mine) {
                if called.contains(theirs) {
                    return Some((mine, theirs.clone()));
                }
                if self.calls(theirs, &mine) {
                    return Some((theirs.clone(), mine));
                }
            }
        }
        None
    }
}
