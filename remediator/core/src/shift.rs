//! When a service shows another symptom instead of the one that its incident is treated for: the process died while its
//! load was too high. The detector keeps one incident a service, so the ladder changes within the incident.

use std::sync::Arc;
use std::time::Duration;

use arena_proto::{Effect, SignalReport, SignalState, Timestamp};

use crate::case::{Case, Stage};
use crate::playbook::Playbook;
use crate::span::VERIFY;
use crate::words::after;
use crate::{Output, Remediator};

/// How long the other symptom must stand alone. What one cause brings about does not end at once: the detector clears a
/// metric's symptom 2 to 3 s after its cause is gone, and that is no reason to act again.
const ALONE_FOR: Duration = Duration::from_secs(4);
/// How often an incident's ladder changes within [`COUNTED_FOR`]: a service that shows one symptom after the other is
/// beyond ladders. More than there are kinds of trouble (dead, stuck, slow).
const SHIFTS_MAX: u32 = 4;
/// An escalated incident may stay open for days, in which its process may well die more often than that.
const COUNTED_FOR: Duration = Duration::from_mins(10);

/// Whether, and how often, the ladder changes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shifts {
    /// Since when another symptom stands alone.
    alone_since: Option<Timestamp>,
    /// How often it changed since then.
    counted: Option<(u32, Timestamp)>,
}

impl Shifts {
    /// When the ladder is to change.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.alone_since.map(|since| since + ALONE_FOR)
    }

    fn count(&mut self, now: Timestamp) -> bool {
        let (count, since) = self
            .counted
            .filter(|(_, since)| now.saturating_since(*since) < COUNTED_FOR)
            .unwrap_or((0, now));
        self.counted = Some((count + 1, since));
        count < SHIFTS_MAX
    }
}

impl Case {
    /// Looks at a new event.
    pub(crate) fn note_shift(&mut self, since: Timestamp) {
        let alone_since = self.shifts.alone_since.unwrap_or(since);
        self.shifts.alone_since = self.shown_instead().map(|_| alone_since);
    }

    /// The symptom that fires while the one that is treated is not there, or cannot be measured.
    fn shown_instead(&self) -> Option<&SignalReport> {
        use SignalState::{Firing, Inactive, NoData, Resolved};
        let signals = self.event.signals.iter();
        let mut own = signals.filter(|signal| signal.entity == self.event.entity);
        let is_there =
            |signal: &SignalReport| !matches!(signal.state, Inactive | NoData | Resolved);
        let treated = |signal: &SignalReport| signal.symptom == self.symptom;
        if own
            .clone()
            .any(|signal| treated(signal) && is_there(signal))
        {
            return None;
        }
        own.find(|signal| signal.state == Firing && !treated(signal))
    }

    /// Goes on with another ladder, from its first rung.
    pub(crate) fn treat(&mut self, symptom: String, playbook: Option<Arc<Playbook>>) {
        self.symptom = symptom;
        self.took_over = None;
        self.trials.clear();
        self.denied.clear();
        self.playbook = playbook;
    }
}

impl Remediator {
    /// Changes the ladder when another symptom has stood alone for long enough. An action in flight is waited for.
    pub(crate) fn shift(&self, now: Timestamp, case: &mut Case, out: &mut Vec<Output>) {
        let is_open = case.cleared_since.is_none();
        let stands = is_open && !matches!(case.stage, Stage::Acting(_) | Stage::Resolved);
        if !stands || case.shifts.due().is_none_or(|due| now < due) {
            return;
        }
        // Whatever comes of it: it is looked at again with the next event.
        case.shifts.alone_since = None;
        let Some((symptom, playbook, reason)) = self.next_ladder(case) else {
            return;
        };
        if !case.shifts.count(now) {
            return;
        }
        if let Stage::Verifying { flight, since, .. } = &case.stage {
            let key = format!("{VERIFY}.{}", flight.command_id);
            // Another symptom came of the action.
            case.judged = Some((flight.command_id.clone(), Effect::Harmful));
            out.push(case.verify_span(key, flight, *since, now, Some(reason.clone())));
        }
        case.treat(symptom, Some(playbook));
        (case.rung, case.waits, case.ended_at) = (0, 0, None);
        case.because = reason;
        case.stage = Stage::Deciding(None);
        case.release();
    }

    fn next_ladder(&self, case: &Case) -> Option<(String, Arc<Playbook>, String)> {
        let signal = case.shown_instead()?;
        let class = self.class_of(&case.event.entity);
        let playbook = self.playbooks.get(&signal.symptom, class)?;
        let (old, entity) = (&case.symptom, &case.event.entity);
        let reason = format!("{} of {entity} took the place of {old}", signal.symptom);
        let reason = after(&reason, &signal.evidence);
        let reason = reason.trim_end_matches("; ").to_owned();
        Some((signal.symptom.clone(), Arc::clone(playbook), reason))
    }
}
