//! Correlation: every signal that is pending, raised, or has cleared within the grace, and the incidents made of them.
//!
//! A raised signal is placed into its entity's open incident, folds into another's that explains it, waits, or opens one:
//! [`crate::verdict`] says which. Several services of one node that fire together become an incident of the node:
//! [`crate::lift`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arena_proto::{Entity, IncidentEvent, NodeName, Schema, SignalReport, SignalState, Timestamp};

use crate::book::{Book, Placement, Process, was_raised};
use crate::fleet::Fleet;
use crate::graph::Graph;
use crate::symptom::{Symptom, View};
use crate::verdict::{INHIBIT_MAX, Verdict};

/// How soon what waits is looked at again: half a tick.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How signals of one cause are found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Correlation {
    pub(crate) hold: Duration,
    pub(crate) grace: Duration,
    pub(crate) node_window: Duration,
    pub(crate) node_services: usize,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) symptom: Arc<Symptom>,
    pub(crate) view: View,
    pub(crate) process: Process,
    /// The entity whose incident it belongs to.
    pub(crate) placed: Option<Entity>,
    /// When it became abnormal, or lost its incident.
    pub(crate) waiting_from: Timestamp,
    /// When it cleared.
    pub(crate) quiet_at: Option<Timestamp>,
}

impl Entry {
    /// Raised, firing just now, and in no incident yet.
    pub(crate) fn waits(&self) -> bool {
        self.view.raised && self.placed.is_none() && self.view.state == SignalState::Firing
    }

    pub(crate) fn placement(&self, entity: &Entity) -> Placement {
        Placement {
            report: report(entity, &self.symptom.name, &self.view),
            severity: self.symptom.severity,
            first_abnormal_at: self.view.first_abnormal_at,
        }
    }
}

fn report(entity: &Entity, symptom: &str, view: &View) -> SignalReport {
    SignalReport {
        readings: view.readings.clone(),
        inhibited_by: None,
        entity: entity.clone(),
        symptom: symptom.to_owned(),
        state: view.state,
        since: view.since,
        evidence: view.evidence.clone(),
    }
}

/// The signals of one entity, by symptom.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// All signals that matter just now, and the incidents made of them.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) correlation: Correlation,
    pub(crate) node_degraded: Arc<Symptom>,
    pub(crate) entries: BTreeMap<Entity, Entries>,
    pub(crate) graph: Graph,
    pub(crate) book: Book,
    changed: bool,
    due: Option<Timestamp>,
}

impl Board {
    pub(crate) fn new(correlation: Correlation, node_degraded: Arc<Symptom>) -> Self {
        Self {
            correlation,
            node_degraded,
            entries: BTreeMap::new(),
            graph: Graph::default(),
            book: Book::default(),
            changed: false,
            due: None,
        }
    }

    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// Something is or was wrong with the entity: what changes about it matters.
    pub(crate) fn heeds(&self, entity: &Entity) -> bool {
        self.entries.contains_key(entity)
    }

    /// Something changed that no signal here tells: what waits is looked at again.
    pub(crate) fn stir(&mut self) {
        self.changed = true;
    }

    pub(crate) fn set_schema(&mut self, schema: &Schema) {
        self.graph.set_node(schema);
    }

    pub(crate) fn remove_node(&mut self, node: &NodeName) {
        self.graph.remove_node(node);
    }

    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let wakeups = [self.due, self.book.next_wakeup()];
        wakeups.into_iter().flatten().min()
    }

    /// Takes up an open incident of before a restart; `symptom` finds those that the policy still knows. Gives the
    /// signals that are raised in it.
    pub(crate) fn restore(
        &mut self,
        now: Timestamp,
        event: IncidentEvent,
        symptom: impl Fn(&str) -> Option<Arc<Symptom>>,
    ) -> Vec<(Entity, Arc<Symptom>, Timestamp)> {
        let mut raised = Vec::new();
        let mut gone = Vec::new();
        let process = Process {
            pid: event.pid,
            generation: event.generation,
        };
        for report in &event.signals {
            if !was_raised(report.state) {
                continue;
            }
            let Some(symptom) = symptom(&report.symptom) else {
                gone.push(report.clone());
                continue;
            };
            raised.push((report.entity.clone(), Arc::clone(&symptom), report.since));
            let view = View {
                state: report.state,
                since: report.since,
                raised: true,
                first_abnormal_at: report.since,
                evidence: report.evidence.clone(),
                readings: report.readings.clone(),
            };
            let entry = Entry {
                view,
                process,
                placed: Some(event.entity.clone()),
                waiting_from: now,
                quiet_at: None,
                symptom: Arc::clone(&symptom),
            };
            let entries = self.entries.entry(report.entity.clone()).or_default();
            entries.insert(symptom.name.clone(), entry);
        }
        let entity = event.entity.clone();
        self.book.restore(event);
        for mut report in gone {
            report.state = SignalState::Resolved;
            report.since = now;
            "the policy has no such rule any more".clone_into(&mut report.evidence);
            self.book.update(&entity, report, process);
        }
        self.changed = true;
        raised
    }

    /// A signal changed its state.
    pub(crate) fn report(
        &mut self,
        now: Timestamp,
        entity: &Entity,
        symptom: &Arc<Symptom>,
        view: View,
        process: Process,
    ) {
        let entries = self.entries.entry(entity.clone()).or_default();
        let was_raised = entries
            .get(&symptom.name)
            .is_some_and(|entry| entry.view.raised);
        let matters = view.raised || was_raised || view.state == SignalState::Pending;
        let placed = entries
            .get(&symptom.name)
            .and_then(|entry| entry.placed.as_ref());
        if let Some(incident) = placed {
            let report = report(entity, &symptom.name, &view);
            self.book.update(incident, report, process);
        }
        self.changed = true;
        match entries.get_mut(&symptom.name) {
            Some(entry) => {
                let was_abnormal = was_raised || entry.view.state == SignalState::Pending;
                if !was_abnormal {
                    entry.waiting_from = now;
                }
                entry.quiet_at = match (view.raised, was_raised) {
                    (true, _) => None,
                    (false, true) => Some(now),
                    (false, false) => entry.quiet_at,
                };
                entry.view = view;
                entry.process = process;
                if entry.quiet_at.is_none() && !matters {
                    entries.remove(&symptom.name);
                }
            }
            None if matters => {
                let entry = Entry {
                    symptom: Arc::clone(symptom),
                    view,
                    process,
                    placed: None,
                    waiting_from: now,
                    quiet_at: None,
                };
                entries.insert(symptom.name.clone(), entry);
            }
            None => {}
        }
        if self.entries.get(entity).is_some_and(BTreeMap::is_empty) {
            self.entries.remove(entity);
        }
    }

    /// Places what can be placed, and gives the events that follow.
    pub(crate) fn judge(&mut self, now: Timestamp, fleet: &Fleet) -> Vec<IncidentEvent> {
        if !self.changed && self.next_wakeup().is_none_or(|due| now < due) {
            return Vec::new();
        }
        self.changed = false;
        self.forget_quiet(now);
        let mut events = self.place_waiting(now, fleet);
        self.follow_lifts(now);
        let flush = self.book.flush(now);
        events.extend(flush.events);
        for entity in flush.cleared {
            self.free_children(now, &entity);
        }
        self.due = self.next_due(now);
        events
    }

    /// Until nothing more can be placed: what opens here may be what explains another.
    fn place_waiting(&mut self, now: Timestamp, fleet: &Fleet) -> Vec<IncidentEvent> {
        let mut events = Vec::new();
        let mut open: Vec<Entity> = self.entries.keys().cloned().collect();
        open.retain(|entity| self.waits(entity));
        loop {
            let before = open.len();
            open.retain(|entity| {
                // Another's verdict may have placed it.
                if !self.waits(entity) {
                    return false;
                }
                match self.verdict(now, fleet, entity) {
                    Verdict::Wait => return true,
                    Verdict::Open => events.extend(self.open_incident(now, fleet, entity)),
                    Verdict::Fold(into) => self.fold(entity, &into),
                    Verdict::Lift => events.extend(self.lift(now, fleet, &entity.node)),
                }
                false
            });
            if open.len() == before {
                return events;
            }
        }
    }

    fn waits(&self, entity: &Entity) -> bool {
        self.signals(entity).any(Entry::waits)
    }

    /// How a signal stands, where it matters.
    pub(crate) fn view(&self, entity: &Entity, symptom: &str) -> Option<View> {
        let entry = self.entries.get(entity)?.get(symptom)?;
        Some(entry.view.clone())
    }

    /// The entity's signals.
    pub(crate) fn signals(&self, entity: &Entity) -> impl Iterator<Item = &Entry> {
        self.entries
            .get(entity)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    fn open_incident(
        &mut self,
        now: Timestamp,
        fleet: &Fleet,
        entity: &Entity,
    ) -> Option<IncidentEvent> {
        let candidates = self.candidates(now, fleet, entity);
        let entries = self.entries.get_mut(entity)?;
        let mut waiting: Vec<&mut Entry> = entries.values_mut().filter(|e| e.waits()).collect();
        // What cannot be borrowed from a dependency names the incident, and of that the most severe.
        waiting.sort_by_key(|entry| {
            let symptom = &entry.symptom;
            (symptom.felt_by_callers, std::cmp::Reverse(symptom.severity))
        });
        let process = waiting.first()?.process;
        let placements: Vec<Placement> = waiting.iter().map(|e| e.placement(entity)).collect();
        for entry in waiting {
            entry.placed = Some(entity.clone());
        }
        self.book.open(now, &placements, process, candidates)
    }

    fn fold(&mut self, entity: &Entity, into: &Entity) {
        let entries = self.entries.get_mut(entity).into_iter().flatten();
        for (_, entry) in entries.filter(|(_, entry)| entry.waits()) {
            entry.placed = Some(into.clone());
            self.book.fold(into, &entry.placement(entity));
        }
    }

    /// The incident is over: whoever it explained and still suffers is judged again, after the grace that what has
    /// just cleared gives.
    fn free_children(&mut self, now: Timestamp, incident: &Entity) {
        for entry in self.entries.values_mut().flat_map(BTreeMap::values_mut) {
            if entry.placed.as_ref() == Some(incident) {
                entry.placed = None;
                entry.waiting_from = now;
            }
        }
    }

    fn forget_quiet(&mut self, now: Timestamp) {
        let grace = self.correlation.grace;
        self.entries.retain(|_, entries| {
            entries.retain(|_, entry| {
                // Raised without a reading is not over; cleared, and then without one (nobody calls it), is.
                let over = !entry.view.raised && entry.view.state != SignalState::Pending;
                !over || entry.quiet_at.is_some_and(|at| now < at + grace)
            });
            !entries.is_empty()
        });
    }

    fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let entries = self.entries.values().flat_map(BTreeMap::values);
        entries
            .flat_map(|entry| {
                let from = Some(entry.waiting_from).filter(|_| entry.waits());
                [
                    from.map(|from| from + self.correlation.hold),
                    from.map(|from| from + INHIBIT_MAX),
                    // What it waits for may be a restart, which no signal tells.
                    from.map(|_| now + LOOK_AGAIN),
                    entry.quiet_at.map(|at| at + self.correlation.grace),
                ]
            })
            .flatten()
            .filter(|due| *due > now)
            .min()
    }
}
