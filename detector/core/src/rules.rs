//! Rules: which columns each one reads in a schema, and what a sample says about its symptom.
//!
//! Names are looked up once a schema ([`Binding::of`]); a sample then costs one array access a metric and one or two
//! evaluations a rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_proto::{Schema, ServiceName};

use crate::expression::{Evaluator, Expression};
use crate::policy::AppliesTo;
use crate::signal::{Reading, Timing};
use crate::symptom::Symptom;

/// One `[[rule]]`.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) symptom: Arc<Symptom>,
    pub(crate) applies_to: AppliesTo,
    pub(crate) raise: Expression,
    pub(crate) clear: Expression,
    pub(crate) idle: Option<Expression>,
    pub(crate) timing: Timing,
}

/// Where an expression's metrics stand in a schema; `None`: the schema has no such column.
type Columns = Vec<Option<usize>>;

/// One rule bound to one entity's columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Binding {
    raise: Columns,
    clear: Columns,
    idle: Columns,
}

/// The columns of a schema by owner and name.
#[derive(Debug)]
pub(crate) struct ColumnIndex<'a> {
    by_name: BTreeMap<(Option<&'a ServiceName>, &'a str), usize>,
}

impl<'a> ColumnIndex<'a> {
    pub(crate) fn of(schema: &'a Schema) -> Self {
        let columns = schema.columns.iter().enumerate();
        let by_name = columns
            .map(|(at, column)| ((column.service.as_ref(), column.metric.as_str()), at))
            .collect();
        Self { by_name }
    }

    fn find(&self, expression: &Expression, service: Option<&ServiceName>) -> Columns {
        let metrics = expression.names().iter();
        metrics
            .map(|metric| self.by_name.get(&(service, metric.as_str())).copied())
            .collect()
    }
}

impl Binding {
    /// `None` when the rule is not about such an entity, or none of its metrics is measured there.
    pub(crate) fn of(
        rule: &Rule,
        index: &ColumnIndex<'_>,
        service: Option<&ServiceName>,
    ) -> Option<Self> {
        let fits = match rule.applies_to {
            AppliesTo::Service => service.is_some(),
            AppliesTo::Node => service.is_none(),
        };
        let raise = index.find(&rule.raise, service);
        if !fits || raise.iter().all(Option::is_none) {
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
    /// What the values say. A signal that is not raised has nothing to clear, so `clear` and `idle` are not asked.
    /// Where `raise` and `clear` are both true, `raise` wins.
    pub(crate) fn read(
        &self,
        binding: &Binding,
        values: &[f32],
        raised: bool,
        evaluator: &Evaluator,
    ) -> Reading {
        let holds = |expression: &Expression, columns: &Columns| {
            let readings: Vec<_> = read(columns, values).map(|v| v.map(f64::from)).collect();
            evaluator.holds(expression, &readings)
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
    pub(crate) fn readings(&self, binding: &Binding, values: &[f32]) -> String {
        let picked = self.values(binding, values);
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
        values: &'a [f32],
    ) -> impl Iterator<Item = (&'a str, Option<f32>)> {
        let metrics = self.raise.names().iter().map(String::as_str);
        metrics.zip(read(&binding.raise, values))
    }
}

/// A reading with one digit after the point, where that says anything.
fn in_words(value: f32) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// NaN is what a node sends where there is no reading.
fn read<'a>(
    columns: &'a [Option<usize>],
    values: &'a [f32],
) -> impl Iterator<Item = Option<f32>> + 'a {
    columns.iter().map(|column| {
        let value = column.and_then(|at| values.get(at))?;
        Some(*value).filter(|value| !value.is_nan())
    })
}
