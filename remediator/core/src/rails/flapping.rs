//! What is hurt again and again is not helped by one more action: automation on it freezes, and a person is called.
//!
//! The idea is that of Nagios (<https://assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/flapping.html>): of the
//! last 20 observations of an entity, in how many had it changed? Freezes at 30 %, thaws below 25 %, so that it does not
//! flap itself. An observation here is a slot of 6 s, and it had changed when an incident of the entity was opened in it.
//! Only openings count: a heal is what actions are for. Without Nagios' weights: they need no explaining.
//!
//! By the detector's times, whatever the order in which they are heard: so it is the same after a restart that hears the
//! incidents anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_proto::{Entity, IncidentEvent, Number, Timestamp};

use super::{Rail, Refusal, numbers};
use crate::words::say;

/// As many as Nagios looks back on.
const SLOTS: u32 = 20;
/// Longer than a heal takes, so that one incident is one change: 20 of them are 2 minutes.
const SLOT: Duration = Duration::from_secs(6);
/// Six incidents within 2 minutes, one every 20 s: what backoff and ladder should have ended by then.
const FREEZES_AT_PERCENT: u32 = 30;
/// Four are left within 2 minutes.
const THAWS_BELOW_PERCENT: u32 = 25;

/// How far back the openings are kept: what froze it before that has long thawed, or a person is at it.
const KEPT_SLOTS: u64 = 3 * SLOTS as u64;

/// What changed lately: the numbers of the slots in which an incident was opened.
#[derive(Debug, Default)]
pub(super) struct Flapping {
    by_entity: BTreeMap<Entity, BTreeSet<u64>>,
}

fn slot(at: Timestamp) -> u64 {
    let since_epoch = at.saturating_since(Timestamp::EPOCH);
    since_epoch.as_secs() / SLOT.as_secs()
}

/// In how many of the slots up to this one was it hurt anew, in percent?
fn percent(openings: &BTreeSet<u64>, until: u64) -> u32 {
    let from = (until + 1).saturating_sub(u64::from(SLOTS));
    let changed = openings.range(from..=until).count();
    u32::try_from(changed).unwrap_or(SLOTS) * 100 / SLOTS
}

/// Follows the share from opening to opening: between two it only falls, so it is least just before the next.
fn is_frozen(openings: &BTreeSet<u64>, now: u64) -> bool {
    let mut frozen = false;
    for opening in openings.range(..=now) {
        frozen &= percent(openings, opening.saturating_sub(1)) >= THAWS_BELOW_PERCENT;
        frozen |= percent(openings, *opening) >= FREEZES_AT_PERCENT;
    }
    frozen && percent(openings, now) >= THAWS_BELOW_PERCENT
}

impl Flapping {
    /// Takes an event in: each tells when its incident was opened.
    pub(super) fn note(&mut self, event: &IncidentEvent) {
        let opened = slot(event.opened_at);
        let oldest = opened.saturating_sub(KEPT_SLOTS);
        self.by_entity
            .retain(|_, openings| openings.last().is_some_and(|last| *last >= oldest));
        let openings = self.by_entity.entry(event.entity.clone()).or_default();
        openings.insert(opened);
        let last = openings.last().copied().unwrap_or(opened);
        openings.retain(|opening| *opening >= last.saturating_sub(KEPT_SLOTS));
    }

    /// Is one of these frozen?
    pub(super) fn check(&self, now: Timestamp, entities: [&Entity; 2]) -> Result<(), Refusal> {
        for entity in entities {
            let Some(openings) = self.by_entity.get(entity) else {
                continue;
            };
            if is_frozen(openings, slot(now)) {
                return Err(refusal(entity, percent(openings, slot(now))));
            }
        }
        Ok(())
    }
}

fn refusal(entity: &Entity, percent: u32) -> Refusal {
    let sentence = format!(
        "{entity} is flapping: hurt anew in {percent} % of the last {SLOTS} times {}; automation on it is frozen until that \
         is below {THAWS_BELOW_PERCENT} %, a person is needed",
        say(SLOT)
    );
    Refusal {
        about: entity.to_string(),
        numbers: numbers([
            ("flapping_percent", Number::from(percent)),
            ("freezes_at_percent", Number::from(FREEZES_AT_PERCENT)),
            ("thaws_below_percent", Number::from(THAWS_BELOW_PERCENT)),
        ]),
        ..Refusal::new(Rail::Flapping, sentence)
    }
}

#[cfg(test)]
mod tests {
    use arena_proto::{IncidentContext, IncidentEventKind, IncidentId, Severity};

    use super::*;

    fn opened(at: Timestamp) -> IncidentEvent {
        let entity: Entity = "node-1/orders".parse().unwrap();
        IncidentEvent {
            kind: IncidentEventKind::Opened,
            id: IncidentId::new("i").unwrap(),
            revision: 1,
            symptom: "process_exited".to_owned(),
            severity: Severity::Error,
            signals: Vec::new(),
            root_cause: entity.clone(),
            entity,
            reason: String::new(),
            first_abnormal_at: at,
            opened_at: at,
            at,
            pid: None,
            generation: 0,
            context: IncidentContext::default(),
        }
    }

    fn frozen_at(openings: &[u64], seconds: u64) -> bool {
        let begin = Timestamp::from_unix_millis(1_800_000_000_000);
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut flapping = Flapping::default();
        for opening in openings {
            flapping.note(&opened(at(*opening)));
        }
        let entity = opened(begin).entity;
        flapping.check(at(seconds), [&entity, &entity]).is_err()
    }

    #[test]
    fn it_freezes_at_30_percent_and_thaws_below_25() {
        assert!(!frozen_at(&[0, 12, 24, 36, 48], 48), "25 % never freezes");
        assert!(frozen_at(&[0, 12, 24, 36, 48, 60], 60), "30 % freezes");
        assert!(frozen_at(&[0, 12, 24, 36, 48, 60], 125), "25 %, and frozen");
        assert!(!frozen_at(&[0, 12, 24, 36, 48, 60], 133), "20 % thaws");
    }

    #[test]
    fn it_does_not_matter_what_is_told_twice() {
        assert!(!frozen_at(&[0, 0, 0, 0, 0, 12, 12, 12], 12));
    }
}
