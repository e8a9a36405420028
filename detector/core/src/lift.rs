//! Several services of one node that fire together, each for itself: one incident of the node.
//!
//! Only symptoms that a node can cause count (`lifts`), on services that nothing else explains. A process that exited or burns
//! is a fact about that process, and so is its cure. Incidents that the services opened within the window are merged: CLEARED, each own
//! signal naming the node as what explains it. Older ones stay as they are, and what begins later on a degraded node is
//! judged for itself.

use std::sync::Arc;

use arena_proto::{Entity, IncidentEvent, NodeName, SignalState, Timestamp};

use crate::board::{Board, Entry};
use crate::book::{Placement, Process};
use crate::fleet::Fleet;
use crate::symptom::View;
use crate::verdict::Verdict;

pub(crate) const NODE_DEGRADED: &str = "node_degraded";

/// One service alone is no trouble of the node.
const SERVICES_MIN: usize = 2;

impl Board {
    /// Of an entity that would open an incident: is it its own, or its node's?
    pub(crate) fn verdict_of_node(
        &self,
        now: Timestamp,
        fleet: &Fleet,
        entity: &Entity,
    ) -> Verdict {
        let waiting = || self.signals(entity).filter(|entry| entry.waits());
        if entity.service.is_none() || !waiting().all(Entry::lifts) {
            return Verdict::Open;
        }
        let node = Entity::node(entity.node.clone());
        if let Some(opened_at) = self.book.opened_at(&node) {
            let began = waiting().map(|entry| entry.view.first_abnormal_at).min();
            let together = began.is_some_and(|at| at <= opened_at + self.correlation.node_window);
            let degraded = self.signals(&node).any(|e| e.symptom.name == NODE_DEGRADED);
            return if degraded && together {
                Verdict::Fold(node)
            } else {
                Verdict::Open
            };
        }
        if self.has_just_cleared(now, entity, &node) {
            return Verdict::Wait;
        }
        let together = self.together(now, fleet, &entity.node);
        let running = fleet.running(&entity.node);
        if self.is_trouble_of_node(together.len(), running) {
            return Verdict::Lift;
        }
        let soon = self.services(&entity.node).filter(|service| {
            let mut signals = self.signals(service);
            let pending = |e: &Entry| e.waits() || e.view.state == SignalState::Pending;
            // Who calls it waits to be explained by it.
            !together.contains(service)
                && !self.calls(service, entity)
                && signals.any(|e| e.lifts() && pending(e))
        });
        let from = waiting().map(|e| e.waiting_from).min().unwrap_or(now);
        if self.is_trouble_of_node(together.len() + soon.count(), running)
            && now < from + self.correlation.hold
        {
            return Verdict::Wait;
        }
        Verdict::Open
    }

    fn is_trouble_of_node(&self, together: usize, running: usize) -> bool {
        let enough = self.correlation.node_services.min(running);
        together >= enough.max(SERVICES_MIN) && together * 2 >= running
    }

    /// The services of the node that have signals.
    fn services(&self, node: &NodeName) -> impl Iterator<Item = &Entity> {
        let entities = self.entries.range(Entity::node(node.clone())..);
        entities
            .map(|(entity, _)| entity)
            .take_while(move |entity| entity.node == *node)
            .filter(|entity| entity.service.is_some())
    }

    /// The services of the node that fire just now, each for itself: about to open an incident, or with one that is as
    /// young as the window.
    fn together(&self, now: Timestamp, fleet: &Fleet, node: &NodeName) -> Vec<Entity> {
        let fires = |entity: &&Entity| {
            let opened_at = self.book.opened_at(entity);
            let young =
                opened_at.is_none_or(|at| now.saturating_since(at) <= self.correlation.node_window);
            let alone =
                opened_at.is_some() || self.verdict_alone(now, fleet, entity) == Verdict::Open;
            let own = |entry: &&Entry| match opened_at {
                Some(_) => entry.view.raised && entry.placed.as_ref() == Some(*entity),
                None => entry.waits(),
            };
            let mut own = self.signals(entity).filter(own).peekable();
            own.peek().is_some() && young && own.all(Entry::lifts) && alone
        };
        self.services(node).filter(fires).cloned().collect()
    }

    /// Opens the node's incident over its services, and merges theirs into it.
    pub(crate) fn lift(
        &mut self,
        now: Timestamp,
        fleet: &Fleet,
        node: &NodeName,
    ) -> Vec<IncidentEvent> {
        let services = self.together(now, fleet, node);
        let node = Entity::node(node.clone());
        let names: Vec<String> = services.iter().map(Entity::to_string).collect();
        let began = services.iter().flat_map(|service| self.signals(service));
        let began = began.map(|entry| entry.view.first_abnormal_at).min();
        let view = View {
            state: SignalState::Firing,
            since: now,
            raised: true,
            first_abnormal_at: began.unwrap_or(now),
            evidence: format!(
                "{} of {} running services fire together: {}",
                services.len(),
                fleet.running(&node.node),
                names.join(", ")
            ),
            readings: Vec::new(),
        };
        let symptom = Arc::clone(&self.node_degraded);
        self.report(now, &node, &symptom, view, Process::default());
        let mut placements: Vec<Placement> = Vec::new();
        for entry in self.entries.get_mut(&node).into_iter().flatten() {
            if entry.1.waits() {
                entry.1.placed = Some(node.clone());
                placements.push(entry.1.placement(&node));
            }
        }
        for (entity, entries) in &mut self.entries {
            for entry in entries.values_mut() {
                let part = entry.placed.as_ref().is_some_and(|p| services.contains(p))
                    || entry.waits() && services.contains(entity);
                if part {
                    entry.placed = Some(node.clone());
                    placements.push(entry.placement(entity));
                }
            }
        }
        let candidates = vec![node.clone()];
        let opened = self
            .book
            .open(now, &placements, Process::default(), candidates);
        let merged = services
            .iter()
            .filter_map(|service| self.book.merge(now, service, &node));
        opened.into_iter().chain(merged).collect()
    }

    /// A node is not degraded any more when at most one of its services still suffers.
    pub(crate) fn follow_lifts(&mut self, now: Timestamp) {
        let over: Vec<Entity> = self
            .entries
            .iter()
            .filter(|(node, entries)| {
                let degraded = entries.get(NODE_DEGRADED);
                degraded.is_some_and(|entry| entry.view.raised)
                    && self.suffering(node) < SERVICES_MIN
            })
            .map(|(node, _)| node.clone())
            .collect();
        for node in over {
            let view = View {
                state: SignalState::Resolved,
                since: now,
                raised: false,
                first_abnormal_at: now,
                evidence: format!("{} of its services still suffers", self.suffering(&node)),
                readings: Vec::new(),
            };
            let symptom = Arc::clone(&self.node_degraded);
            self.report(now, &node, &symptom, view, Process::default());
        }
    }

    /// How many of the services that the node's incident explains have not recovered.
    fn suffering(&self, node: &Entity) -> usize {
        let suffers = |entity: &&Entity| {
            let mut signals = self.signals(entity);
            signals.any(|entry| entry.view.raised && entry.placed.as_ref() == Some(node))
        };
        self.services(&node.node).filter(suffers).count()
    }
}
