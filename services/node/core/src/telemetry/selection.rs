//! Which columns a fault of values is about.

use std::collections::BTreeSet;

use arena_config::closest;
use arena_faults::Params;
use arena_proto::{Schema, ServiceName};

use super::filter::Message;

/// A metric, of the node and all its services or of one service.
#[derive(Debug)]
pub(super) struct Selection {
    metric: String,
    /// Empty: of all.
    service: String,
}

impl Selection {
    /// `Err` says what the node has instead.
    pub(super) fn check(params: &Params, schema: &Schema) -> Result<Self, String> {
        let selection = Self {
            metric: params.text("metric").to_owned(),
            service: params.text("service").to_owned(),
        };
        let services = || schema.services.iter().map(|service| service.name.as_str());
        let service = selection.service.as_str();
        if !service.is_empty() && !services().any(|known| known == service) {
            let what = format!("{} has no service {service}", schema.node);
            return Err(instead(&what, service, services()));
        }
        if selection.columns(schema).next().is_none() {
            let columns = schema.columns.iter();
            let of_it = columns.filter(|column| selection.is_about(column.service.as_ref()));
            let metrics: BTreeSet<&str> = of_it.map(|column| column.metric.as_str()).collect();
            let whose = if service.is_empty() {
                schema.node.as_str()
            } else {
                service
            };
            let what = format!("{whose} has no metric {}", selection.metric);
            return Err(instead(&what, &selection.metric, metrics.iter().copied()));
        }
        Ok(selection)
    }

    fn is_about(&self, service: Option<&ServiceName>) -> bool {
        self.service.is_empty() || service.is_some_and(|service| service.as_str() == self.service)
    }

    fn columns(&self, schema: &Schema) -> impl Iterator<Item = usize> {
        let columns = schema.columns.iter().enumerate();
        let chosen = columns.filter(|(_, column)| {
            column.metric == self.metric && self.is_about(column.service.as_ref())
        });
        chosen.map(|(at, _)| at)
    }

    /// Changes the values; a message of states only has none.
    pub(super) fn change(&self, message: &mut Message, change: impl Fn(f32) -> f32) {
        for at in self.columns(&message.schema) {
            if let Some(value) = message.telemetry.values.get_mut(at) {
                *value = change(*value);
            }
        }
    }
}

fn instead<'a>(what: &str, wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let nearest = closest(wrong, known.clone())
        .map(|nearest| format!(" (did you mean {nearest}?)"))
        .unwrap_or_default();
    let known: Vec<&str> = known.collect();
    format!("{what}{nearest}; it has {}", known.join(", "))
}
