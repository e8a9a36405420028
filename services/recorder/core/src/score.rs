//! Villain against Felix: faults, incidents and tries of a time, counted and matched.
//!
//! A fault and an incident are *near* when they overlap in time, with a little room. A fault that is near, and on what the incident is
//! about or names as a cause, explains it. The judgement is careful on both sides: who is near and elsewhere is *unclear*, because trouble
//! travels along dependencies; a false alarm is only what had no fault near at all, and missed is only a fault that had no incident near at
//! all. Absent on purpose: one number for all of it.

use std::time::Duration;

use arena_faults::Fault;
use arena_proto::{
    ActionScore, Effect, Entity, FaultId, FaultScore, FaultState, IncidentId, IncidentScore,
    IncidentState, Matching, Resolution, Score, Timestamp,
};

use crate::spread::spread;
use crate::{Try, millis};

/// So many ids are named of what has no counterpart: a screen.
const IDS_MAX: usize = 50;

/// A fault, as far as the score wants to know.
#[derive(Debug, Clone)]
pub struct Injected {
    /// Its id.
    pub id: FaultId,
    /// Its name in the catalogue.
    pub fault: String,
    /// What it is on; `None` while only a revert of it is known.
    pub target: Option<Entity>,
    /// Where it stands.
    pub state: FaultState,
    /// When it was first heard of.
    pub at: Timestamp,
    /// When it took effect; `None`: it did not.
    pub active_at: Option<Timestamp>,
    /// When its effect ended, or ends at the latest; `None`: nobody knows.
    pub over_at: Option<Timestamp>,
}

/// An incident, as far as the score wants to know.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its id.
    pub id: IncidentId,
    /// Where it stands.
    pub state: IncidentState,
    /// How it ended.
    pub resolution: Option<Resolution>,
    /// Whom it is about, and whom it names as a cause.
    pub blamed: Vec<Entity>,
    /// The first abnormal sample.
    pub first_abnormal_at: Timestamp,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was resolved, escalated or closed.
    pub ended_at: Option<Timestamp>,
}

/// What is counted: everything of a time, and what reaches into it from before, newest first.
#[derive(Debug, Clone, Default)]
pub struct Field {
    /// Only what began at or after this counts; what is older is there to be matched.
    pub since: Option<Timestamp>,
    /// Faults.
    pub faults: Vec<Injected>,
    /// Incidents.
    pub incidents: Vec<Opened>,
    /// Tries of the remediator, those of this time alone.
    pub tries: Vec<Try>,
    /// There was no more in this time.
    pub complete: bool,
}

impl Injected {
    /// How much later than it happened something is seen, and how far clocks of machines may differ: a detector that samples once a
    /// second wants two or three of them.
    pub const NEAR: Duration = Duration::from_secs(5);

    /// It has, or had, effect at some time from `from` to `to`, give or take a few seconds.
    #[must_use]
    pub fn is_near(&self, from: Timestamp, to: Timestamp) -> bool {
        let begins = self
            .active_at
            .is_some_and(|active_at| active_at <= to + Self::NEAR);
        begins
            && self
                .over_at
                .is_none_or(|over_at| over_at + Self::NEAR >= from)
    }

    fn touches(&self, incident: &Opened) -> bool {
        let Some(target) = &self.target else {
            return false;
        };
        incident.blamed.iter().any(|blamed| {
            let whole_node = target.service.is_none() || blamed.service.is_none();
            target == blamed || (whole_node && target.node == blamed.node)
        })
    }

    /// It had its time, and whoever was to see it had his.
    fn is_past(&self, now: Timestamp) -> bool {
        self.over_at
            .is_some_and(|over_at| over_at + Self::NEAR <= now)
    }
}

impl Opened {
    const fn is_over(&self) -> bool {
        matches!(self.state, IncidentState::Resolved | IncidentState::Closed)
    }

    fn is_near(&self, fault: &Injected, now: Timestamp) -> bool {
        // One that is escalated goes on: nobody has mended it.
        let to = self.ended_at.filter(|_| self.is_over()).unwrap_or(now);
        fault.is_near(self.first_abnormal_at, to)
    }
}

/// Counts and matches.
#[must_use]
pub fn score(now: Timestamp, field: &Field) -> Score {
    let counts = |at: Timestamp| field.since.is_none_or(|since| at >= since);
    let faults = || field.faults.iter().filter(|fault| counts(fault.at));
    let incidents = || field.incidents.iter().filter(|it| counts(it.opened_at));
    let mut matching = Matching::default();
    for incident in incidents() {
        match_incident(&mut matching, incident, &field.faults, now);
    }
    let mut scored = FaultScore::default();
    for fault in faults() {
        let near = || field.incidents.iter().filter(|it| it.is_near(fault, now));
        let is_seen = near().any(|incident| fault.touches(incident));
        count_fault(&mut scored, fault, is_seen, now);
        if fault.active_at.is_some() && fault.is_past(now) && near().next().is_none() {
            matching.missed += 1;
            push_id(&mut matching.missed_ids, &fault.id);
        }
    }
    Score {
        since: field.since.map(|since| since.to_string()),
        until: now.to_string(),
        complete: field.complete,
        faults: scored,
        incidents: incident_score(incidents()),
        actions: action_score(&field.tries),
        matching,
    }
}

fn push_id(ids: &mut Vec<String>, id: &impl ToString) {
    if ids.len() < IDS_MAX {
        ids.push(id.to_string());
    }
}

fn match_incident(matching: &mut Matching, incident: &Opened, faults: &[Injected], now: Timestamp) {
    let near = || faults.iter().filter(|fault| incident.is_near(fault, now));
    if near().any(|fault| fault.touches(incident)) {
        matching.explained += 1;
    } else if near().next().is_some() {
        matching.unclear += 1;
    } else {
        matching.without_fault += 1;
        push_id(&mut matching.without_fault_ids, &incident.id);
    }
}

fn count_fault(scored: &mut FaultScore, fault: &Injected, is_seen: bool, now: Timestamp) {
    let family = Fault::named(&fault.fault).map_or("unknown", |known| known.family.as_str());
    let by_fault = scored.by_fault.entry(fault.fault.clone()).or_default();
    let by_family = scored.by_family.entry(family.to_owned()).or_default();
    let took_effect = fault.active_at.is_some();
    let is_active = took_effect && fault.over_at.is_none_or(|over_at| over_at > now);
    for count in [&mut scored.total, by_fault, by_family] {
        count.injected += 1;
        count.rejected += u64::from(fault.state == FaultState::Rejected);
        count.took_effect += u64::from(took_effect);
        count.active += u64::from(is_active);
        count.seen += u64::from(took_effect && is_seen);
    }
}

fn incident_score<'a>(incidents: impl Iterator<Item = &'a Opened>) -> IncidentScore {
    let mut scored = IncidentScore::default();
    let (mut detect_ms, mut heal_ms) = (Vec::new(), Vec::new());
    for incident in incidents {
        scored.opened += 1;
        detect_ms.push(millis(incident.first_abnormal_at, incident.opened_at));
        if !incident.is_over() {
            scored.open += 1;
            scored.escalated += u64::from(incident.state == IncidentState::Escalated);
            continue;
        }
        heal_ms.extend(incident.ended_at.map(|at| millis(incident.opened_at, at)));
        if let Some(resolution) = incident.resolution {
            *scored
                .by_resolution
                .entry(resolution.to_string())
                .or_default() += 1;
        }
    }
    scored.detect_ms = spread(detect_ms);
    scored.heal_ms = spread(heal_ms);
    scored
}

fn action_score(tries: &[Try]) -> ActionScore {
    let mut scored = ActionScore::default();
    for tried in tries {
        scored.tried += 1;
        match tried.effect {
            Some(Effect::Cured) => scored.cured += 1,
            Some(Effect::Useless) => scored.useless += 1,
            Some(Effect::Harmful) => scored.harmful += 1,
            Some(Effect::Unknown) => scored.unknown += 1,
            None => {}
        }
    }
    scored
}
