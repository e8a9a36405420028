//! How every service is, by its node's word, and each change of that. Pure.

use std::collections::BTreeMap;

use arena_proto::{Entity, NodeName, NodeStatus, ProcessState, ServiceName, ServiceStatus};

use crate::judge::{RoleFact, StateFact};

/// The nodes as they last wrote of themselves.
#[derive(Debug, Default)]
pub(super) struct Services {
    nodes: BTreeMap<NodeName, NodeStatus>,
    /// Those that are not as they should be, as they last were.
    amiss: BTreeMap<Entity, StateFact>,
    unhealthy: usize,
}

impl Services {
    /// A node wrote its status: what changed of its services.
    pub(super) fn hear(&mut self, at_ms: u64, status: NodeStatus) -> Vec<StateFact> {
        let mut changes: Vec<StateFact> = status
            .services
            .iter()
            .map(|service| state(at_ms, &status, service))
            .collect();
        // What is defined no more is nobody's worry.
        let before = self.nodes.get(&status.node);
        let is_gone = |service: &&ServiceStatus| {
            let mut now = status.services.iter();
            now.all(|one| one.name != service.name)
        };
        let gone = before.into_iter().flat_map(|node| &node.services);
        changes.extend(gone.filter(is_gone).map(|service| StateFact {
            at_ms,
            entity: Entity::service(status.node.clone(), service.name.clone()),
            healthy: true,
            drained: false,
            throttled: false,
        }));
        changes.retain(|change| self.take(change));
        self.nodes.insert(status.node.clone(), status);
        changes
    }

    /// False: it is as it was.
    fn take(&mut self, now: &StateFact) -> bool {
        let before = self.amiss.get(&now.entity);
        let was = before.map_or((true, false, false), told);
        if was == told(now) {
            return false;
        }
        self.unhealthy -= usize::from(!was.0);
        self.unhealthy += usize::from(!now.healthy);
        if now.is_well() {
            self.amiss.remove(&now.entity);
        } else {
            self.amiss.insert(now.entity.clone(), now.clone());
        }
        true
    }

    /// How many are not healthy; `None`: no node was heard.
    pub(super) fn unhealthy_count(&self) -> Option<usize> {
        (!self.nodes.is_empty()).then_some(self.unhealthy)
    }

    /// Those that are not healthy. A standby that nobody asked to start is as it should be.
    pub(super) fn unhealthy(&self) -> Vec<Entity> {
        let amiss = self.amiss.values().filter(|state| !state.healthy);
        amiss.map(|state| state.entity.clone()).collect()
    }

    /// Those that are not as they should be, as of then.
    pub(super) fn amiss(&self, at_ms: u64) -> Vec<StateFact> {
        let amiss = self.amiss.values().cloned();
        amiss.map(|state| StateFact { at_ms, ..state }).collect()
    }

    pub(super) fn nodes(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn roles(&self) -> Vec<RoleFact> {
        let mut roles: BTreeMap<&ServiceName, u32> = BTreeMap::new();
        for service in self.nodes.values().flat_map(|node| &node.services) {
            *roles.entry(&service.name).or_default() += 1;
        }
        let roles = roles.into_iter();
        roles
            .map(|(service, replicas)| RoleFact {
                service: service.clone(),
                replicas,
            })
            .collect()
    }

    /// The state of a service's process.
    pub(super) fn process(&self, entity: &Entity) -> Option<ProcessState> {
        let services = &self.nodes.get(&entity.node)?.services;
        let service = services
            .iter()
            .find(|one| Some(&one.name) == entity.service.as_ref())?;
        Some(service.state)
    }
}

const fn told(state: &StateFact) -> (bool, bool, bool) {
    (state.healthy, state.drained, state.throttled)
}

fn state(at_ms: u64, node: &NodeStatus, service: &ServiceStatus) -> StateFact {
    let waits = service.detail.standby && service.state == ProcessState::Stopped;
    StateFact {
        at_ms,
        entity: Entity::service(node.node.clone(), service.name.clone()),
        healthy: service.is_healthy() || waits,
        drained: service.detail.drained || node.quarantined,
        throttled: service.detail.throttled.is_some(),
    }
}
