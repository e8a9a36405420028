//! What happened since the gateway started, counted from the events that it tells.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use arena_proto::{IncidentState, Resolution, Timestamp};

use super::labels::Names;
use crate::Event;
use crate::view::{CommandView, IncidentView};

/// What was counted of so many incidents and commands is remembered, so that an event about one counts once. Far more than are told of
/// at a time.
const REMEMBERED_MAX: usize = 4096;

/// Upper bounds, in seconds: a detector needs about a second, healing seconds to minutes.
const DETECT_SECONDS: &[f64] = &[0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0];
const HEAL_SECONDS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// How an incident was seen to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Opened,
    Escalated,
    /// Resolved, or closed without a resolution.
    Ended(Option<Resolution>),
}

/// Counts; they only grow.
#[derive(Debug, Clone)]
pub struct Tally {
    started_at: Timestamp,
    pub(super) symptoms: Names,
    pub(super) faults: Names,
    pub(super) incidents: BTreeMap<(String, Way), u64>,
    pub(super) commands: BTreeMap<(&'static str, &'static str), u64>,
    pub(super) detect: Distribution,
    pub(super) heal: Distribution,
    remembered: Remembered,
}

impl Tally {
    /// Nothing has happened; what ended before this time is not counted.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            started_at: now,
            symptoms: Names::default(),
            faults: Names::default(),
            incidents: BTreeMap::new(),
            commands: BTreeMap::new(),
            detect: Distribution::new(DETECT_SECONDS),
            heal: Distribution::new(HEAL_SECONDS),
            remembered: Remembered::default(),
        }
    }

    /// Counts an event that is told to pages.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Incident(incident) => self.incident(incident),
            Event::Command(command) => self.command(command),
            Event::Fault(fault) => {
                self.faults.bound(&fault.fault);
            }
            _ => {}
        }
    }

    fn incident(&mut self, view: &IncidentView) {
        let symptom = self.symptoms.bound(&view.symptom);
        let mut count = |way| *self.incidents.entry((symptom.clone(), way)).or_default() += 1;
        if view.opened_at >= self.started_at && self.remembered.is_new(&view.id, "opened") {
            count(Way::Opened);
            let abnormal = view.opened_at.saturating_since(view.first_abnormal_at);
            self.detect.observe(abnormal.as_secs_f64());
        }
        let Some(ended_at) = view.ended_at.filter(|at| *at >= self.started_at) else {
            return;
        };
        if view.state == IncidentState::Escalated {
            if self.remembered.is_new(&view.id, "escalated") {
                count(Way::Escalated);
            }
        } else if self.remembered.is_new(&view.id, "ended") {
            count(Way::Ended(view.resolution));
            let ill = ended_at.saturating_since(view.opened_at);
            self.heal.observe(ill.as_secs_f64());
        }
    }

    fn command(&mut self, view: &CommandView) {
        let is_new = view.state.is_final() && view.at >= self.started_at;
        if is_new && self.remembered.is_new(&view.id, "command") {
            let key = (view.action.as_str(), view.state.as_str());
            *self.commands.entry(key).or_default() += 1;
        }
    }
}

/// What was counted, the newest only.
#[derive(Debug, Clone, Default)]
struct Remembered {
    known: BTreeSet<(String, &'static str)>,
    order: VecDeque<(String, &'static str)>,
}

impl Remembered {
    /// Whether this was not counted yet; from now on it was.
    fn is_new(&mut self, id: &str, what: &'static str) -> bool {
        let key = (id.to_owned(), what);
        if !self.known.insert(key.clone()) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

/// A histogram.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    bounds: &'static [f64],
    /// One a bound, and one for what is above them all.
    counts: Vec<u64>,
    sum: f64,
}

impl Distribution {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    fn observe(&mut self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place] += 1;
        self.sum += value;
    }

    pub(super) const fn sum(&self) -> f64 {
        self.sum
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Upper bound and count of each bucket by itself; the last bound is infinite.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().copied()).collect()
    }
}
