//! The open incidents: at most one an entity. Signals fold in, and each change becomes an event.
//!
//! An incident is opened by a signal of its own entity and cleared when none of those is left; signals of other
//! entities that it explains (children) ride along and hold nothing back. Invariants: an event's revision is one more
//! than the last; CLEARED is the last event of an incident, and only follows OPENED.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_proto::{
    Entity, IncidentContext, IncidentEvent, IncidentEventKind, IncidentId, Severity, SignalReport,
    SignalState, Timestamp,
};

/// UPDATED is told at most this often an incident: a person cannot read faster, and a flapping child must not flood
/// the stream.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);

/// Children beyond this are counted, and not told: one look shows that everything suffers.
const CHILDREN_MAX: usize = 64;

/// The process that an entity's readings are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Process {
    pub(crate) pid: Option<u32>,
    pub(crate) generation: u32,
}

#[derive(Debug)]
struct Incident {
    /// The last event, or the first one in the making.
    event: IncidentEvent,
    changed: bool,
}

impl Incident {
    fn holds_open(&self) -> bool {
        let mut own = self.event.signals.iter();
        own.any(|signal| signal.entity == self.event.entity && !is_over(signal.state))
    }

    fn signal(&mut self, like: &SignalReport) -> Option<&mut SignalReport> {
        let mut signals = self.event.signals.iter_mut();
        signals.find(|signal| signal.entity == like.entity && signal.symptom == like.symptom)
    }

    fn next_event(&mut self, now: Timestamp, kind: IncidentEventKind) -> IncidentEvent {
        self.event.kind = kind;
        self.event.revision += 1;
        self.event.at = now;
        self.changed = false;
        self.event.clone()
    }
}

/// A signal on its way into an incident.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    pub(crate) report: SignalReport,
    pub(crate) severity: Severity,
    pub(crate) first_abnormal_at: Timestamp,
}

impl Placement {
    fn in_incident_of(&self, entity: &Entity) -> SignalReport {
        let inhibited_by = (self.report.entity != *entity).then(|| entity.clone());
        SignalReport {
            inhibited_by,
            ..self.report.clone()
        }
    }
}

/// What the book says when events are made.
#[derive(Debug, Default)]
pub(crate) struct Flush {
    pub(crate) events: Vec<IncidentEvent>,
    /// The entities whose incidents were cleared.
    pub(crate) cleared: Vec<Entity>,
}

/// All open incidents.
#[derive(Debug, Default)]
pub(crate) struct Book {
    open: BTreeMap<Entity, Incident>,
    due: Option<Timestamp>,
    children_dropped: u64,
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Children that found no room.
    pub(crate) fn children_dropped(&self) -> u64 {
        self.children_dropped
    }

    /// An open incident of another entity that this one is believed to be the cause of.
    pub(crate) fn caused_by(&self, cause: &Entity) -> Option<&Entity> {
        let mut open = self.open.iter();
        let (entity, _) = open
            .find(|(entity, incident)| *entity != cause && incident.event.root_cause == *cause)?;
        Some(entity)
    }

    /// The entity's incident is part of another's: it ends, and says so.
    pub(crate) fn merge(
        &mut self,
        now: Timestamp,
        entity: &Entity,
        into: &Entity,
    ) -> Option<IncidentEvent> {
        let mut incident = self.open.remove(entity)?;
        incident.event.root_cause = into.clone();
        incident.event.reason = format!("part of the incident of {into}");
        incident.event.context.candidates = vec![into.clone()];
        for signal in &mut incident.event.signals {
            signal.inhibited_by = Some(into.clone());
        }
        Some(incident.next_event(now, IncidentEventKind::Cleared))
    }

    /// When the entity's incident was opened, if it has one.
    pub(crate) fn opened_at(&self, entity: &Entity) -> Option<Timestamp> {
        self.open
            .get(entity)
            .map(|incident| incident.event.opened_at)
    }

    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        self.due
    }

    /// Takes up an incident that was open before a restart.
    pub(crate) fn restore(&mut self, mut event: IncidentEvent) {
        let entity = event.entity.clone();
        event.context.fingerprint = IncidentContext::fingerprint_of(&entity, &event.symptom);
        let changed = false;
        self.open.insert(entity, Incident { event, changed });
    }

    /// Opens an incident for the entity of the first signal. An entity with an open one is left as it is.
    pub(crate) fn open(
        &mut self,
        now: Timestamp,
        placements: &[Placement],
        process: Process,
        candidates: Vec<Entity>,
    ) -> Option<IncidentEvent> {
        let first = placements.first()?;
        let entity = first.report.entity.clone();
        if self.open.contains_key(&entity) {
            return None;
        }
        let symptom = first.report.symptom.clone();
        let all = || placements.iter();
        let first_abnormal_at = all().map(|p| p.first_abnormal_at).min().unwrap_or(now);
        let event = IncidentEvent {
            kind: IncidentEventKind::Opened,
            id: IncidentId::derive(&entity, &symptom, now),
            revision: 0,
            entity: entity.clone(),
            severity: all().map(|p| p.severity).max().unwrap_or(first.severity),
            signals: all()
                .take(CHILDREN_MAX)
                .map(|p| p.in_incident_of(&entity))
                .collect(),
            root_cause: candidates.first().unwrap_or(&entity).clone(),
            reason: first.report.evidence.clone(),
            first_abnormal_at: first_abnormal_at.min(now),
            opened_at: now,
            at: now,
            pid: process.pid,
            generation: process.generation,
            context: IncidentContext {
                fingerprint: IncidentContext::fingerprint_of(&entity, &symptom),
                candidates,
                ..IncidentContext::default()
            },
            symptom,
        };
        let changed = false;
        let mut incident = Incident { event, changed };
        let opened = incident.next_event(now, IncidentEventKind::Opened);
        self.open.insert(entity, incident);
        Some(opened)
    }

    /// Folds a signal into an open incident.
    pub(crate) fn fold(&mut self, into: &Entity, placement: &Placement) {
        let Some(incident) = self.open.get_mut(into) else {
            return;
        };
        let own = placement.report.entity == *into;
        if own {
            incident.event.severity = incident.event.severity.max(placement.severity);
        }
        let report = placement.in_incident_of(into);
        if let Some(known) = incident.signal(&report) {
            *known = report;
        } else if own || incident.event.signals.len() < CHILDREN_MAX {
            incident.event.signals.push(report);
        } else {
            self.children_dropped += 1;
            return;
        }
        incident.changed = true;
    }

    /// A signal of an incident changed its state. What is over stays told so, whatever readings follow, until it is
    /// abnormal again.
    pub(crate) fn update(&mut self, incident: &Entity, report: SignalReport, process: Process) {
        let Some(incident) = self.open.get_mut(incident) else {
            return;
        };
        if report.entity == incident.event.entity {
            incident.event.pid = process.pid;
            incident.event.generation = process.generation;
        }
        let Some(signal) = incident.signal(&report) else {
            return;
        };
        let abnormal = matches!(report.state, SignalState::Pending | SignalState::Firing);
        if signal.state != report.state && (abnormal || !is_over(signal.state)) {
            let inhibited_by = signal.inhibited_by.take();
            *signal = SignalReport {
                inhibited_by,
                ..report
            };
            incident.changed = true;
        }
    }

    /// The events that are due: CLEARED at once, UPDATED in its time.
    pub(crate) fn flush(&mut self, now: Timestamp) -> Flush {
        let mut flush = Flush::default();
        self.due = None;
        self.open.retain(|entity, incident| {
            if !incident.holds_open() {
                let event = incident.next_event(now, IncidentEventKind::Cleared);
                flush.events.push(event);
                flush.cleared.push(entity.clone());
                return false;
            }
            if incident.changed {
                let earliest = incident.event.at + UPDATE_INTERVAL;
                if now >= earliest {
                    let event = incident.next_event(now, IncidentEventKind::Updated);
                    flush.events.push(event);
                } else {
                    self.due = Some(self.due.map_or(earliest, |due| due.min(earliest)));
                }
            }
            true
        });
        flush
    }
}

/// Only these two say that a symptom is not there.
fn is_over(state: SignalState) -> bool {
    matches!(state, SignalState::Inactive | SignalState::Resolved)
}

/// What a report of before a restart says: only these three have fired and not resolved.
pub(crate) fn was_raised(state: SignalState) -> bool {
    matches!(
        state,
        SignalState::Firing | SignalState::Recovering | SignalState::NoData
    )
}
