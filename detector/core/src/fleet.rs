//! Every node that is heard, and what else is measured around an entity: the facts that an incident is judged by.

use std::sync::Arc;

use arena_proto::{
    Entity, IncidentEvent, NodeName, Number, Numbers, ProcessState, Schema, ServiceClass,
    ServiceName, ServiceSample, Telemetry,
};

use crate::book::Process;
use crate::node::Node;
use crate::rules::{NEIGHBOUR, NEIGHBOUR_BATCH, NODE};
use crate::seats::Seats;
use crate::stillness::Stillness;
use crate::track::Restart;

/// What ranks the neighbours.
const CPU_PERCENT: &str = "cpu_percent";

/// The nodes that are heard, or were until now.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    pub(crate) nodes: Seats<Node>,
}

impl Fleet {
    fn latest(&self, node: &NodeName) -> Option<&Latest> {
        self.nodes.get(node).and_then(Node::latest)
    }

    /// The other running service of the node that used the most CPU; of a node, its busiest service.
    pub(crate) fn neighbour(&self, entity: &Entity) -> Option<Entity> {
        let latest = self.latest(&entity.node)?;
        let at = latest.neighbour(latest.busiest(), entity.service.as_ref())?;
        let service = latest.schema.services.get(at)?;
        Some(Entity::service(entity.node.clone(), service.name.clone()))
    }

    /// The node has said what it runs.
    pub(crate) fn has_heard(&self, node: &NodeName) -> bool {
        self.latest(node).is_some()
    }

    /// Whether the entity is being restarted, or was.
    pub(crate) fn restart(&self, entity: &Entity) -> Option<Restart> {
        self.nodes.get(&entity.node)?.restart(entity)
    }

    /// The process that an entity is, as its node said last.
    pub(crate) fn process(&self, entity: &Entity) -> Process {
        let node = self.nodes.get(&entity.node);
        node.map(|node| node.process(entity)).unwrap_or_default()
    }

    /// How many services of the node run.
    pub(crate) fn running(&self, node: &NodeName) -> usize {
        self.latest(node).map_or(0, Latest::running)
    }

    /// Fills in what was measured last. Of a node that was never heard, the event keeps what it said before.
    pub(crate) fn describe(&self, event: &mut IncidentEvent) {
        if let Some(latest) = self.latest(&event.entity.node) {
            event.context.facts = latest.facts(&event.entity);
            event.context.neighbour = self.neighbour(&event.entity);
        }
    }
}

/// What a node said last.
#[derive(Debug)]
pub(crate) struct Latest {
    schema: Arc<Schema>,
    /// Where each service's CPU stands among the columns.
    cpu_columns: Vec<Option<usize>>,
    /// Of the last message that had any.
    values: Vec<f32>,
    services: Arc<[ServiceSample]>,
    stillness: Stillness,
}

impl Latest {
    pub(crate) fn new(schema: &Arc<Schema>) -> Self {
        let cpu_of = |name: &ServiceName| {
            let mut columns = schema.columns.iter();
            columns.position(|c| c.service.as_ref() == Some(name) && c.metric == CPU_PERCENT)
        };
        let services = schema.services.iter();
        Self {
            cpu_columns: services.map(|service| cpu_of(&service.name)).collect(),
            schema: Arc::clone(schema),
            values: Vec::new(),
            services: Arc::default(),
            stillness: Stillness::new(schema),
        }
    }

    /// Says whether the services are as they were. A message of states only leaves the readings as they were.
    pub(crate) fn take(&mut self, telemetry: &Telemetry) -> bool {
        let shared = Arc::ptr_eq(&self.services, &telemetry.services);
        let same = shared || self.services == telemetry.services;
        if !shared {
            self.services = Arc::clone(&telemetry.services);
        }
        if !telemetry.values.is_empty() {
            self.stillness.take(&self.values, telemetry);
            self.values.clone_from(&telemetry.values);
        }
        same
    }

    /// Whether its values say anything.
    pub(crate) fn stillness(&self) -> &Stillness {
        &self.stillness
    }

    fn is_running(&self, at: usize) -> bool {
        let sample = self.services.get(at);
        sample.is_some_and(|sample| sample.state == ProcessState::Running)
    }

    /// How many services run.
    fn running(&self) -> usize {
        (0..self.services.len())
            .filter(|at| self.is_running(*at))
            .count()
    }

    /// The two running services that used the most CPU, the busier first; of equals the first. Who used none is not one of them.
    pub(crate) fn busiest(&self) -> [Option<usize>; 2] {
        let mut busiest = [(None, 0.0); 2];
        for (at, column) in self.cpu_columns.iter().enumerate() {
            let cpu = column.and_then(|column| self.values.get(column).copied());
            match cpu.filter(|_| self.is_running(at)) {
                Some(cpu) if cpu > busiest[0].1 => busiest = [(Some(at), cpu), busiest[0]],
                Some(cpu) if cpu > busiest[1].1 => busiest[1] = (Some(at), cpu),
                _ => {}
            }
        }
        busiest.map(|(at, _)| at)
    }

    /// Which service of the schema is the neighbour, by [`Latest::busiest`]; nobody is when nobody else used any CPU.
    pub(crate) fn neighbour(
        &self,
        busiest: [Option<usize>; 2],
        of: Option<&ServiceName>,
    ) -> Option<usize> {
        let mut busiest = busiest.into_iter().flatten();
        busiest.find(|at| Some(&self.schema.services[*at].name) != of)
    }

    fn facts(&self, entity: &Entity) -> Numbers {
        let neighbour = self.neighbour(self.busiest(), entity.service.as_ref());
        let neighbour = neighbour.and_then(|at| self.schema.services.get(at));
        let mut facts = Numbers::new();
        if self.stillness.is_frozen() {
            return facts;
        }
        for (column, value) in self.schema.columns.iter().zip(&self.values) {
            let (owner, metric) = (column.service.as_ref(), &column.metric);
            let Some(value) = number(*value) else {
                continue;
            };
            if owner == entity.service.as_ref() {
                facts.insert(metric.clone(), value);
            }
            if owner.is_none() {
                facts.insert(format!("{NODE}{metric}"), value);
            } else if owner == neighbour.map(|service| &service.name) {
                facts.insert(format!("{NEIGHBOUR}{metric}"), value);
            }
        }
        if let Some(neighbour) = neighbour {
            let batch = u32::from(neighbour.class == ServiceClass::Batch);
            facts.insert(NEIGHBOUR_BATCH.to_owned(), batch.into());
        }
        facts
    }
}

/// A column's value as people would write it: 97.3, and not the nearest double of the nearest float. `None`: no reading.
pub(crate) fn number(value: f32) -> Option<Number> {
    Number::new(value.to_string().parse().ok()?)
}
