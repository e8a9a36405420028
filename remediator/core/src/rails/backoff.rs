//! A process that is replaced again and again is replaced ever more slowly. Rebuilt after a restart from the plans.
//!
//! The n-th time in a row waits 1 s, 2 s, 4 s ... after the one before, at most 30 s, a quarter more or less: so that what
//! died together is not started together again. The quarter follows from the incident and the count: chance is an
//! argument here. The count begins anew once the service was well for long enough, or when something that it calls was
//! healed: then it was not its own fault.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use arena_proto::{ActionKind, Entity, IncidentId, Number, Timestamp};

use super::{Rail, Refusal, numbers, seconds};
use crate::graph::Graph;
use crate::words::say;

/// Before the second attempt: a process that dies at once is not started in a tight loop, and nobody waits for long.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// Never longer: with the quarter on top it stays below what the rails may hold an incident up for, so that it is an
/// attempt that ends it and not the waiting.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// A service that was well for this long is no crash loop. Longer than the longest backoff's own half.
const STABLE_UPTIME: Duration = Duration::from_secs(30);
/// Attempts older than this are forgotten: twenty times the longest backoff.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);

/// How often each service was started or restarted in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    by_target: BTreeMap<Entity, Attempts>,
}

#[derive(Debug, Clone)]
struct Attempts {
    count: u32,
    /// For which incident the last one was.
    incident: IncidentId,
    last_at: Timestamp,
    /// The one before it in a row.
    before: Option<Timestamp>,
    /// Since when the incident that it was for is over.
    well_since: Option<Timestamp>,
}

impl Attempts {
    fn count_at(&self, now: Timestamp) -> u32 {
        let is_well = self.well_since.map(|since| now.saturating_since(since));
        if is_well.is_some_and(|well_for| well_for >= STABLE_UPTIME) {
            return 0;
        }
        self.count
    }
}

/// Does it bring a new process?
fn replaces(action: ActionKind) -> bool {
    use ActionKind::{Kill, Restart, Rollback, Start};
    matches!(action, Start | Restart | Kill | Rollback)
}

impl Backoff {
    pub(super) fn check(
        &self,
        now: Timestamp,
        incident: &IncidentId,
        action: ActionKind,
        target: &Entity,
    ) -> Result<(), Refusal> {
        let Some(attempts) = self.by_target.get(target).filter(|_| replaces(action)) else {
            return Ok(());
        };
        let count = attempts.count_at(now);
        let backoff = backoff(incident, count);
        let over_at = attempts.last_at + backoff;
        if count == 0 || now >= over_at {
            return Ok(());
        }
        let left = over_at.saturating_since(now);
        let times = match count {
            1 => "once".to_owned(),
            _ => format!("{count} times in a row"),
        };
        let sentence = format!(
            "{target} was started or restarted {times}: the next may come {} after the last; {} are left",
            say(backoff),
            say(left)
        );
        Err(Refusal {
            about: target.to_string(),
            numbers: numbers([
                ("attempts", Number::from(count)),
                ("backoff_s", seconds(backoff)),
                ("left_s", seconds(left)),
            ]),
            retry_at: Some(over_at),
            ..Refusal::new(Rail::Backoff, sentence)
        })
    }

    /// An action is taken.
    pub(super) fn attempt(
        &mut self,
        now: Timestamp,
        incident: &IncidentId,
        action: ActionKind,
        target: &Entity,
    ) {
        if !replaces(action) {
            return;
        }
        self.by_target
            .retain(|_, attempts| now.saturating_since(attempts.last_at) < REMEMBERED_FOR);
        let before = self.by_target.get(target);
        let before = before.filter(|attempts| attempts.count_at(now) > 0);
        let attempts = Attempts {
            count: before.map_or(0, |attempts| attempts.count) + 1,
            incident: incident.clone(),
            last_at: now,
            before: before.map(|attempts| attempts.last_at),
            well_since: None,
        };
        self.by_target.insert(target.clone(), attempts);
    }

    /// The node rejected the last attempt: it was none.
    pub(super) fn rejected(&mut self, action: ActionKind, target: &Entity) {
        let Some(attempts) = self.by_target.get_mut(target).filter(|_| replaces(action)) else {
            return;
        };
        attempts.count = attempts.count.saturating_sub(1);
        match attempts.before.take() {
            Some(before) if attempts.count > 0 => attempts.last_at = before,
            _ => {
                self.by_target.remove(target);
            }
        }
    }

    /// An incident is resolved: from here on its entity is well, and so is what was replaced for it. What calls these
    /// was hurt by them.
    pub(super) fn healed(
        &mut self,
        now: Timestamp,
        incident: &IncidentId,
        entity: &Entity,
        graph: Graph<'_>,
    ) {
        let mut healed: BTreeSet<_> = entity.service.iter().cloned().collect();
        for (target, attempts) in &mut self.by_target {
            if attempts.incident == *incident || target == entity {
                attempts.well_since = attempts.well_since.or(Some(now));
                healed.extend(target.service.clone());
            }
        }
        self.by_target.retain(|target, _| {
            let caller = target.service.as_ref();
            let caller = caller.filter(|caller| !healed.contains(*caller));
            !caller.is_some_and(|caller| healed.iter().any(|callee| graph.calls(caller, callee)))
        });
    }
}

/// How long after the last of `count` attempts the next may come: a quarter more or less of 1 s, 2 s, 4 s ... 30 s.
fn backoff(incident: &IncidentId, count: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(count.saturating_sub(1));
    let whole = BACKOFF_FIRST.saturating_mul(doubled).min(BACKOFF_MAX);
    let bytes = incident.as_str().bytes().chain(count.to_le_bytes());
    let share = arena_proto::fnv1a(bytes) % 501;
    // From 750 to 1250 thousandths.
    whole / 1000 * (750 + u32::try_from(share).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_within_its_quarter_up_to_its_limit() {
        let mut shares = std::collections::BTreeSet::new();
        for id in 0..200 {
            let incident = IncidentId::new(format!("i{id}")).unwrap();
            for (count, whole) in [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (60, 30)] {
                let waits = backoff(&incident, count);
                let whole = Duration::from_secs(whole);
                assert!(
                    waits >= whole * 3 / 4 && waits <= whole * 5 / 4,
                    "{waits:?}"
                );
                assert!(waits < super::super::HELD_MAX);
            }
            shares.insert(backoff(&incident, 1));
        }
        assert!(shares.len() > 100, "the quarter is not spread: {shares:?}");
    }
}
