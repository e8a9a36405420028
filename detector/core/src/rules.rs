//! Rules: which columns each one reads in a schema, and what a sample says about its symptom.
//!
//! Names are looked up once a schema ([`Binding::of`]); a sample then costs one array access a metric and one or two
//! evaluations a rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_proto::{Schema, ServiceClass, ServiceInfo, ServiceName};

use crate::calm::{Calm, Place};
use crate::expression::Expression;
use crate::message::Reader;
use crate::policy::AppliesTo;
use crate::signal::{Reading, Timing};
use crate::symptom::Symptom;

/// What a metric of the node is called in a rule about a service, after this.
pub(crate) const NODE: &str = "node_";
/// What a metric of the neighbour is called, after this: the other running service of the node that used the most CPU.
pub(crate) const NEIGHBOUR: &str = "neighbour_";
/// 1 when the neighbour is of class BATCH, else 0.
pub(crate) const NEIGHBOUR_BATCH: &str = "neighbour_batch";

/// One `[[rule]]`.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) symptom: Arc<Symptom>,
    pub(crate) applies_to: AppliesTo,
    /// Services of this class only.
    pub(crate) class: Option<ServiceClass>,
    pub(crate) raise: Expression,
    pub(crate) clear: Expression,
    pub(crate) idle: Option<Expression>,
    pub(crate) timing: Timing,
}

/// Where a metric stands in a schema.
#[derive(Debug, Clone)]
enum Column {
    /// The schema has no such column.
    Absent,
    At(usize),
    /// Of each service, for when it is the neighbour.
    OfNeighbour(Vec<Option<usize>>),
    /// Whether each service is of class BATCH, for when it is the neighbour.
    NeighbourIsBatch(Vec<bool>),
}

/// Where an expression's metrics stand, in its order.
type Columns = Vec<Column>;

/// One rule bound to one entity's columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Binding {
    raise: Columns,
    clear: Columns,
    idle: Columns,
}

/// One message as one entity reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) values: &'a [f32],
    /// Which service of the schema is its neighbour.
    pub(crate) neighbour: Option<usize>,
}

impl Sample<'_> {
    /// NaN is what a node sends where there is no reading.
    fn read(self, column: &Column) -> Option<f32> {
        let at = match column {
            Column::Absent => None,
            Column::At(at) => Some(*at),
            Column::OfNeighbour(columns) => *columns.get(self.neighbour?)?,
            Column::NeighbourIsBatch(batch) => {
                return Some(if *batch.get(self.neighbour?)? {
                    1.0
                } else {
                    0.0
                });
            }
        };
        let value = self.values.get(at?)?;
        Some(*value).filter(|value| !value.is_nan())
    }
}

/// The columns of a schema by owner and name.
#[derive(Debug)]
pub(crate) struct ColumnIndex<'a> {
    services: &'a [ServiceInfo],
    by_name: BTreeMap<(Option<&'a ServiceName>, &'a str), usize>,
}

impl<'a> ColumnIndex<'a> {
    pub(crate) fn of(schema: &'a Schema) -> Self {
        let columns = schema.columns.iter().enumerate();
        let by_name = columns
            .map(|(at, column)| ((column.service.as_ref(), column.metric.as_str()), at))
            .collect();
        Self {
            services: &schema.services,
            by_name,
        }
    }

    fn class(&self, name: &ServiceName) -> Option<ServiceClass> {
        let mut services = self.services.iter();
        services.find(|s| s.name == *name).map(|s| s.class)
    }

    fn find(&self, expression: &Expression, service: Option<&ServiceName>) -> Columns {
        let metrics = expression.names().iter();
        metrics.map(|name| self.column(name, service)).collect()
    }

    fn column(&self, name: &str, service: Option<&ServiceName>) -> Column {
        let find = |owner, metric| self.by_name.get(&(owner, metric)).copied();
        let services = || self.services.iter();
        if name == NEIGHBOUR_BATCH {
            let batch = services().map(|service| service.class == ServiceClass::Batch);
            return Column::NeighbourIsBatch(batch.collect());
        }
        if let Some(metric) = name.strip_prefix(NEIGHBOUR) {
            let columns = services().map(|service| find(Some(&service.name), metric));
            return Column::OfNeighbour(columns.collect());
        }
        let of_node = || find(None, name.strip_prefix(NODE)?);
        let at = find(service, name).or_else(of_node);
        at.map_or(Column::Absent, Column::At)
    }
}

impl Binding {
    /// `None` when the rule is not about such an entity, or one of its own metrics that raise it is not measured there.
    pub(crate) fn of(
        rule: &Rule,
        index: &ColumnIndex<'_>,
        service: Option<&ServiceName>,
    ) -> Option<Self> {
        let class = || service.and_then(|name| index.class(name));
        let fits = match rule.applies_to {
            AppliesTo::Service => {
                service.is_some() && rule.class.is_none_or(|only| class() == Some(only))
            }
            AppliesTo::Node => service.is_none(),
        };
        let raise = index.find(&rule.raise, service);
        let measured = |column: &Column| matches!(column, Column::At(_));
        if !fits || !raise.iter().any(measured) {
            return None;
        }
        Some(Self {
            raise,
            clear: index.find(&rule.clear, service),
            idle: rule
                .idle
                .as_ref()
                .map(|idle| index.find(idle, service))
                .unwrap_or_default(),
        })
    }
}

impl Rule {
    /// Notes what must be read so that the condition that raises goes on to be false, or to have no answer.
    pub(crate) fn expect(
        &self,
        binding: &Binding,
        place: Place,
        has_reading: bool,
        calm: &mut Calm,
    ) {
        let column = |place: usize| match binding.raise.get(place)? {
            Column::At(at) => Some(*at),
            Column::Absent | Column::OfNeighbour(_) | Column::NeighbourIsBatch(_) => None,
        };
        calm.expect(place, self.raise.plain(), has_reading, &column);
    }

    /// What the values say. A signal that is not raised has nothing to clear, so `clear` and `idle` are not asked.
    /// Where `raise` and `clear` are both true, `raise` wins.
    pub(crate) fn read(
        &self,
        binding: &Binding,
        sample: Sample<'_>,
        raised: bool,
        reader: Reader<'_>,
    ) -> Reading {
        let holds = |expression: &Expression, columns: &Columns| {
            if let Some(plain) = expression.plain().filter(|_| !reader.thorough) {
                let read = |place: usize| sample.read(columns.get(place)?).map(f64::from);
                return plain.holds(&read);
            }
            let readings = columns.iter().map(|column| sample.read(column));
            let readings: Vec<_> = readings.map(|value| value.map(f64::from)).collect();
            reader.evaluator.holds(expression, &readings)
        };
        let abnormal = holds(&self.raise, &binding.raise);
        if abnormal == Some(true) {
            return Reading::Abnormal;
        }
        if !raised {
            return abnormal.map_or(Reading::NoData, |_| Reading::Between);
        }
        let healthy = holds(&self.clear, &binding.clear);
        if healthy == Some(true) {
            return Reading::Healthy;
        }
        let idle = self
            .idle
            .as_ref()
            .and_then(|idle| holds(idle, &binding.idle));
        match (idle, abnormal, healthy) {
            (Some(true), _, _) => Reading::Idle,
            (_, None, _) | (_, _, None) => Reading::NoData,
            _ => Reading::Between,
        }
    }

    /// The readings that raised it, in words: `cpu_percent = 97.3`.
    pub(crate) fn readings(&self, binding: &Binding, sample: Sample<'_>) -> String {
        let picked = self.values(binding, sample);
        let words: Vec<String> = picked
            .map(|(metric, value)| match value {
                Some(value) => format!("{metric} = {}", in_words(value)),
                None => format!("{metric} has no reading"),
            })
            .collect();
        words.join(", ")
    }

    /// The metrics that raise it, with what they read.
    pub(crate) fn values<'a>(
        &'a self,
        binding: &'a Binding,
        sample: Sample<'a>,
    ) -> impl Iterator<Item = (&'a str, Option<f32>)> {
        let metrics = self.raise.names().iter().map(String::as_str);
        metrics.zip(binding.raise.iter().map(move |column| sample.read(column)))
    }
}

/// A reading with one digit after the point, where that says anything.
fn in_words(value: f32) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
