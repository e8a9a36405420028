//! What the bus has, read at once: what a part that starts takes up.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_proto::{Control, Entity, IncidentEvent, NodeStatus, Observer, Outcome, Plan};

use super::{Bus, Stored};
use crate::bus::{Bucket, Stream};

impl Bus {
    pub(crate) fn control(&self) -> Control {
        let mut values = self.bus.values(Bucket::Control);
        match values.next() {
            Some((_, _, Stored::Control(control))) => (**control).clone(),
            _ => Control::default(),
        }
    }

    pub(crate) fn observers(&self) -> Vec<Observer> {
        let values = self.bus.values(Bucket::Observer);
        let observers = values.filter_map(|(_, _, value)| match value {
            Stored::Observer(observer) => Some((**observer).clone()),
            _ => None,
        });
        observers.collect()
    }

    pub(crate) fn statuses(&self) -> Vec<Arc<NodeStatus>> {
        let values = self.bus.values(Bucket::Status);
        let statuses = values.filter_map(|(_, _, value)| match value {
            Stored::Status(status) => Some(Arc::clone(status)),
            _ => None,
        });
        statuses.collect()
    }

    pub(crate) fn all_plans(&self) -> Vec<Plan> {
        let plans = self.bus.kept(Stream::Plans).filter_map(|kept| match kept {
            Stored::Plan(plan) => Some((**plan).clone()),
            _ => None,
        });
        plans.collect()
    }

    pub(crate) fn all_incidents(&self) -> Vec<IncidentEvent> {
        self.incidents().cloned().collect()
    }

    fn incidents(&self) -> impl Iterator<Item = &IncidentEvent> {
        let kept = self.bus.kept(Stream::Incidents);
        kept.filter_map(|kept| match kept {
            Stored::Incident(event) => Some(&**event),
            _ => None,
        })
    }

    pub(crate) fn all_outcomes(&self) -> Vec<Outcome> {
        let kept = self.bus.kept(Stream::Outcomes);
        let outcomes = kept.filter_map(|kept| match kept {
            Stored::Outcome(outcome) => Some((**outcome).clone()),
            _ => None,
        });
        outcomes.collect()
    }

    pub(crate) fn last_incidents(&self) -> Vec<IncidentEvent> {
        let mut last: BTreeMap<&Entity, &IncidentEvent> = BTreeMap::new();
        for event in self.incidents() {
            last.insert(&event.entity, event);
        }
        last.into_values().cloned().collect()
    }
}
