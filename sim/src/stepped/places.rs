//! What rows and numbered actions are about: every node and every service of every node, in an order that depends on names alone.
//!
//! A scenario's layout may depend on its seed. So that the shapes do not, each node has a row for each service that is anywhere in the
//! arena, whether it is on that node or not.

use arena_proto::{Entity, NodeName, ServiceName};
use arena_scenario::Layout;

/// The rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    nodes: Vec<NodeName>,
    services: Vec<ServiceName>,
}

impl Places {
    /// Of this arena.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        let nodes = layout.nodes.iter().map(|(node, _)| node.clone()).collect();
        let mut services: Vec<ServiceName> = layout
            .nodes
            .iter()
            .flat_map(|(_, services)| services.iter().cloned())
            .collect();
        services.sort();
        services.dedup();
        Self { nodes, services }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len() * (1 + self.services.len())
    }

    /// An arena without nodes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What this row is about: a node, then the services on it, then the next node.
    #[must_use]
    pub fn entity(&self, row: usize) -> Option<Entity> {
        let each = 1 + self.services.len();
        let node = self.nodes.get(row / each)?.clone();
        let service = (row % each).checked_sub(1);
        Some(Entity {
            node,
            service: service.and_then(|index| self.services.get(index).cloned()),
        })
    }

    /// The row of `node` or `node/service`; `None` for what is not of this arena.
    #[must_use]
    pub fn row(&self, entity: &str) -> Option<usize> {
        let (node, service) = match entity.split_once('/') {
            None => (entity, None),
            Some((node, service)) => (node, Some(service)),
        };
        let node = self.nodes.iter().position(|name| name.as_str() == node)?;
        let offset = match service {
            None => 0,
            Some(service) => {
                let index = self
                    .services
                    .binary_search_by(|name| name.as_str().cmp(service));
                1 + index.ok()?
            }
        };
        Some(node * (1 + self.services.len()) + offset)
    }

    /// Every row's name, in their order.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.len()).filter_map(|row| Some(self.entity(row)?.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use arena_scenario::Topology;

    use super::*;

    fn generated(seed: u64) -> Places {
        let topology = Topology::Generated {
            nodes: 6,
            replicas: 2,
            batch: true,
        };
        Places::of(&Layout::of(&topology, seed))
    }

    #[test]
    fn rows_do_not_depend_on_the_seed() {
        assert_ne!(
            Layout::of(
                &Topology::Generated {
                    nodes: 6,
                    replicas: 2,
                    batch: true
                },
                1
            ),
            Layout::of(
                &Topology::Generated {
                    nodes: 6,
                    replicas: 2,
                    batch: true
                },
                2
            ),
            "else this shows nothing"
        );
        assert_eq!(generated(1), generated(2));
    }

    #[test]
    fn a_row_and_its_name_are_one() {
        let places = generated(1);
        assert_eq!(places.len(), 6 * (1 + 7));
        for (row, name) in places.names().enumerate() {
            assert_eq!(places.row(&name), Some(row), "{name}");
        }
        assert_eq!(places.entity(places.len()), None);
        for nobody in ["", "node-7", "node-1/nobody", "node-1/", "/edge"] {
            assert_eq!(places.row(nobody), None, "{nobody:?}");
        }
    }
}
