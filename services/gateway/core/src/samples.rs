//! The last five minutes of readings, a value a second, side by side for all series.
//!
//! A second here is not the clock's: readings are gathered when every node that told last time has told again. So nodes that tell once a
//! second, each a little early or late, have one value in each place, and none is left empty or written twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use arena_proto::{Entity, NodeName, Schema, ServiceName, Telemetry, Timestamp};

use crate::view::{SamplesReport, SamplesView, SeriesView};

/// Places of a series: five minutes at a value a second, as much as a page shows.
pub(crate) const PLACES_MAX: usize = 300;
/// Series that are kept: 800 services of a dozen metrics each, in 15 MB. More are left out, and their number is told.
pub(crate) const SERIES_MAX: usize = 10_000;
/// Two gatherings are at least so far apart: a node that tells twice in a second does not make everybody's second shorter.
const GATHER_MIN: Duration = Duration::from_millis(500);
/// No node is waited for longer than this: one that missed its second has no reading in it.
const GATHER_MAX: Duration = Duration::from_millis(1250);

/// Which series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SamplesQuery {
    /// Of this entity only.
    pub entity: Option<Entity>,
    /// Of this metric only.
    pub metric: Option<String>,
    /// Readings after this time only.
    pub since: Option<Timestamp>,
}

/// Service (empty: the node itself) and metric.
type Key = (String, String);

#[derive(Debug, Default)]
struct Series {
    /// Newest last, as in `Samples::places`; a series that began later has fewer. NaN: no reading.
    values: VecDeque<f32>,
    /// What came since the last gathering.
    next: Option<f32>,
    /// Places without a reading up to now.
    empty: usize,
}

/// All series.
#[derive(Debug)]
pub(crate) struct Samples {
    places: VecDeque<Timestamp>,
    nodes: BTreeMap<NodeName, BTreeMap<Key, Series>>,
    count: usize,
    series_max: usize,
    /// Nodes that told since the last gathering, and before it.
    told: BTreeSet<NodeName>,
    told_before: BTreeSet<NodeName>,
    /// Readings that found no place since the last gathering, and before it.
    left_out: u64,
    left_out_before: u64,
    gathered_at: Timestamp,
}

impl Samples {
    pub(crate) fn new(now: Timestamp, series_max: usize) -> Self {
        Self {
            places: VecDeque::new(),
            nodes: BTreeMap::new(),
            count: 0,
            series_max,
            told: BTreeSet::new(),
            told_before: BTreeSet::new(),
            left_out: 0,
            left_out_before: 0,
            gathered_at: now,
        }
    }

    /// Takes the readings of a message; one that only tells of a state has none.
    pub(crate) fn hear(&mut self, telemetry: &Telemetry, schema: &Schema) {
        if telemetry.values.is_empty() {
            return;
        }
        let series = self.nodes.entry(telemetry.node.clone()).or_default();
        for (column, value) in schema.columns.iter().zip(&telemetry.values) {
            if !value.is_finite() {
                continue;
            }
            let service = column.service.as_ref();
            let service = service.map_or_else(String::new, ServiceName::to_string);
            let key = (service, column.metric.clone());
            let found = match series.get_mut(&key) {
                Some(found) => found,
                None if self.count >= self.series_max => {
                    self.left_out += 1;
                    continue;
                }
                None => {
                    self.count += 1;
                    series.entry(key).or_default()
                }
            };
            found.next = Some(*value);
        }
        if series.is_empty() {
            // None of its readings found a place: nothing is kept of it.
            self.nodes.remove(&telemetry.node);
        } else {
            self.told.insert(telemetry.node.clone());
        }
    }

    /// When readings are to be gathered.
    pub(crate) fn next_wakeup(&self) -> Timestamp {
        let all_told = !self.told.is_empty() && self.told_before.is_subset(&self.told);
        self.gathered_at + if all_told { GATHER_MIN } else { GATHER_MAX }
    }

    /// Puts what came since the last time in a place of its own; `None` when nobody told anything.
    pub(crate) fn gather(&mut self, now: Timestamp) -> Option<SamplesView> {
        self.gathered_at = now;
        self.places.push_back(now);
        if self.places.len() > PLACES_MAX {
            self.places.pop_front();
        }
        let mut view = SamplesView {
            at: now,
            nodes: BTreeMap::new(),
            series_left_out: self.left_out,
        };
        for (node, all) in &mut self.nodes {
            let mut services: BTreeMap<String, BTreeMap<String, f32>> = BTreeMap::new();
            all.retain(|(service, metric), series| {
                if let Some(value) = series.next {
                    let of_service = services.entry(service.clone()).or_default();
                    of_service.insert(metric.clone(), value);
                }
                series.take_place();
                series.empty < PLACES_MAX
            });
            if !services.is_empty() {
                view.nodes.insert(node.to_string(), services);
            }
        }
        self.nodes.retain(|_, series| !series.is_empty());
        self.count = self.nodes.values().map(BTreeMap::len).sum();
        self.left_out_before = std::mem::take(&mut self.left_out);
        self.told_before = std::mem::take(&mut self.told);
        (!self.told_before.is_empty()).then_some(view)
    }

    /// What is kept.
    pub(crate) fn report(&self, query: &SamplesQuery) -> SamplesReport {
        let since = query.since.unwrap_or(Timestamp::EPOCH);
        let first = self.places.partition_point(|at| *at <= since);
        let mut report = SamplesReport {
            at: self.places.range(first..).copied().collect(),
            series: Vec::new(),
            series_left_out: self.left_out_before,
        };
        for (node, all) in &self.nodes {
            for ((service, metric), series) in all {
                let entity = Entity {
                    node: node.clone(),
                    service: ServiceName::new(service).ok(),
                };
                let is_wanted = query.entity.as_ref().is_none_or(|wanted| *wanted == entity)
                    && query.metric.as_ref().is_none_or(|wanted| wanted == metric);
                if is_wanted {
                    report.series.push(SeriesView {
                        entity,
                        metric: metric.clone(),
                        values: series.last(report.at.len()),
                    });
                }
            }
        }
        report
    }
}

impl Series {
    fn take_place(&mut self) {
        let value = self.next.take();
        self.empty = if value.is_some() { 0 } else { self.empty + 1 };
        self.values.push_back(value.unwrap_or(f32::NAN));
        if self.values.len() > PLACES_MAX {
            self.values.pop_front();
        }
    }

    /// The last values, oldest first; without a reading where it had not begun.
    fn last(&self, count: usize) -> Vec<Option<f32>> {
        let missing = count.saturating_sub(self.values.len());
        let first = self.values.len().saturating_sub(count);
        let kept = self.values.range(first..);
        let kept = kept.map(|value| (!value.is_nan()).then_some(*value));
        std::iter::repeat_n(None, missing).chain(kept).collect()
    }
}
