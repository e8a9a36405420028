//! How long each fault hurt each kind of target: what `adaptive` rests on.

use std::collections::BTreeMap;
use std::time::Duration;

use arena_faults::FaultName;
use arena_proto::{Entity, FaultId, Timestamp, VillainLesson};

use super::{Deed, View};

/// A fault is measured to its end when everything has been well for so long: longer than the detector takes to see a symptom, so that
/// a calm before the pain is not taken for the end of it.
const CALM: Duration = Duration::from_secs(5);
/// Pain is measured for so long at the most: what has not healed by then is as bad as can be.
const HURT_MAX: Duration = Duration::from_mins(5);

/// A service's name, or `node`.
pub(super) type Kind = String;

/// What kind of target it is.
pub(super) fn kind_of(target: &Entity) -> Kind {
    let service = target.service.as_ref();
    service.map_or_else(|| "node".to_owned(), ToString::to_string)
}

/// What is known of a fault in a kind of target.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lesson {
    /// Begun.
    pub(super) begun: u32,
    /// Measured to the end.
    tries: u32,
    hurt: Duration,
}

impl Lesson {
    /// The mean; `None` before the first was measured.
    pub(super) fn mean(&self) -> Option<Duration> {
        (self.tries > 0).then(|| self.hurt / self.tries)
    }
}

/// A fault that is being measured.
#[derive(Debug)]
struct Wound {
    active_at: Timestamp,
    /// When something was last seen not to be well.
    unwell_at: Option<Timestamp>,
    well_since: Option<Timestamp>,
    is_live: bool,
    is_measured: bool,
}

/// Everything that was learnt.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    learnt: BTreeMap<(FaultName, Kind), Lesson>,
    wounds: BTreeMap<FaultId, Wound>,
}

impl Lessons {
    /// What is known of a fault in a kind of target.
    pub(super) fn of(&self, fault: FaultName, kind: &str) -> Lesson {
        let lesson = self.learnt.get(&(fault, kind.to_owned()));
        lesson.copied().unwrap_or_default()
    }

    /// A fault was chosen.
    pub(super) fn begin(&mut self, fault: FaultName, target: &Entity) {
        self.lesson(fault, target).begun += 1;
    }

    /// It was refused.
    pub(super) fn unbegin(&mut self, fault: FaultName, target: &Entity) {
        let lesson = self.lesson(fault, target);
        lesson.begun = lesson.begun.saturating_sub(1);
    }

    fn lesson(&mut self, fault: FaultName, target: &Entity) -> &mut Lesson {
        self.learnt.entry((fault, kind_of(target))).or_default()
    }

    /// Measures what was made.
    pub(super) fn look(&mut self, now: Timestamp, view: &View<'_>) {
        for deed in view.own {
            let Some(active_at) = deed.active_at else {
                continue;
            };
            let wound = self.wounds.entry(deed.id.clone()).or_insert(Wound {
                active_at,
                unwell_at: None,
                well_since: None,
                is_live: true,
                is_measured: false,
            });
            if let Some(hurt) = wound.look(now, view, deed) {
                let lesson = self.lesson(deed.choice.fault.name, &deed.choice.target);
                lesson.tries += 1;
                lesson.hurt += hurt;
            }
        }
    }

    /// When a calm may be long enough.
    pub(super) fn next_wakeup(&self) -> Option<Timestamp> {
        let all = self.wounds.values();
        let open = all.filter(|wound| !wound.is_measured && !wound.is_live);
        open.filter_map(|wound| wound.well_since.map(|since| since + CALM))
            .min()
    }

    /// What hurt longest first.
    pub(super) fn record(&self) -> Vec<VillainLesson> {
        let mut records: Vec<VillainLesson> = self
            .learnt
            .iter()
            .filter_map(|((fault, kind), lesson)| {
                Some(VillainLesson {
                    fault: fault.to_string(),
                    kind: kind.clone(),
                    tries: lesson.tries,
                    hurt_ms: u64::try_from(lesson.mean()?.as_millis()).unwrap_or(u64::MAX),
                })
            })
            .collect();
        // Stable: those that hurt as long stay in the order of their names.
        records.sort_by_key(|record| std::cmp::Reverse(record.hurt_ms));
        records
    }
}

impl Wound {
    /// How long it hurt, once, when that is known: from ACTIVE until users and the target were well again.
    fn look(&mut self, now: Timestamp, view: &View<'_>, deed: &Deed) -> Option<Duration> {
        if self.is_measured {
            return None;
        }
        // Users of whom nothing is known are not blamed on a fault.
        let well = view.users.are_well() != Some(false) && view.is_well(&deed.choice.target);
        if well {
            self.well_since.get_or_insert(now);
        } else {
            self.unwell_at = Some(now);
            self.well_since = None;
        }
        let calm = self.well_since.is_some_and(|since| since + CALM <= now);
        let hurt = match self.unwell_at {
            // It ended when it was first seen well.
            Some(last) => self
                .well_since
                .unwrap_or(last)
                .saturating_since(self.active_at),
            None => Duration::ZERO,
        };
        // While it is live, it may still begin to hurt.
        self.is_live = deed.is_live();
        if (self.is_live || !calm) && hurt < HURT_MAX {
            return None;
        }
        self.is_measured = true;
        Some(hurt.min(HURT_MAX))
    }
}
