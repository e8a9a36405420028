//! What Alertmanager says, as one more witness of a symptom: the entity's own telemetry may say the same, or something else.
//!
//! A symptom of an entity is raised while any witness raises it. So two alerts of one entity do not overwrite each other, nor an
//! alert what was measured. Of an alert that nobody repeats any more there is no reading, and after a day there is no alert.
//!
//! Invariants: the same alert (fingerprint and start) told again changes nothing but how long it is believed; at most
//! [`Alert::COUNT_MAX`] are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use arena_proto::{Alert, AlertState, Entity, NodeName, SignalState, Timestamp};

use crate::symptom::{Symptom, View};

/// What people wrote about an alert is told up to here: the first sentence, and not a page.
const SUMMARY_CHARACTERS_MAX: usize = 200;

/// A symptom of an entity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    pub(crate) entity: Entity,
    pub(crate) symptom: String,
}

#[derive(Debug)]
struct Known {
    pair: Pair,
    symptom: Arc<Symptom>,
    starts_at: Timestamp,
    /// When it was first heard of.
    since: Timestamp,
    standing: Standing,
    evidence: String,
    forgotten_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Firing {
        until: Timestamp,
    },
    /// Not repeated in time.
    Stale {
        since: Timestamp,
    },
    Resolved {
        at: Timestamp,
    },
}

/// A symptom as it is to be reported.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) entity: Entity,
    pub(crate) symptom: Arc<Symptom>,
    pub(crate) view: View,
}

/// Every alert that is about an entity of this detector.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    known: BTreeMap<String, Known>,
    /// What telemetry says of the pairs that alerts are about.
    measured: BTreeMap<Pair, View>,
    /// What was raised before a restart, and since when, where alerts said so.
    restored: BTreeMap<Pair, (Arc<Symptom>, Timestamp)>,
    started: bool,
    over_limit: u64,
}

impl Alerts {
    pub(crate) fn over_limit(&self) -> u64 {
        self.over_limit
    }

    /// Everything that stood before a restart is known: from now on what is told is reported.
    pub(crate) fn start(&mut self) -> Vec<(Pair, Arc<Symptom>, Timestamp)> {
        self.started = true;
        let restored = std::mem::take(&mut self.restored).into_iter();
        restored
            .map(|(pair, (symptom, since))| (pair, symptom, since))
            .collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty() && self.measured.is_empty() && self.restored.is_empty()
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started
    }

    /// A symptom that was raised before a restart: true when it is for alerts to say whether it still is.
    pub(crate) fn restore(
        &mut self,
        entity: &Entity,
        symptom: &Arc<Symptom>,
        since: Timestamp,
    ) -> bool {
        let pair = Pair {
            entity: entity.clone(),
            symptom: symptom.name.clone(),
        };
        let spoke = |known: &Known| match known.standing {
            Standing::Resolved { at } => at >= since,
            Standing::Firing { .. } | Standing::Stale { .. } => true,
        };
        let by_alert = symptom.name == ALERT_FIRING || self.of(&pair).any(spoke);
        if by_alert {
            self.restored.insert(pair, (Arc::clone(symptom), since));
        }
        by_alert
    }

    /// It fired with another start, or of another entity: that is over.
    pub(crate) fn begins_anew(&self, alert: &Alert) -> bool {
        self.known.get(&alert.fingerprint).is_some_and(|known| {
            !matches!(known.standing, Standing::Resolved { .. })
                && (known.starts_at != alert.starts_at
                    || Some(&known.pair.entity) != alert.entity.as_ref())
        })
    }

    /// The symptoms that alerts raise.
    pub(crate) fn raised(&self) -> BTreeMap<Pair, Arc<Symptom>> {
        let raised = self.known.values().filter(|known| known.is_raised());
        raised
            .map(|known| (known.pair.clone(), Arc::clone(&known.symptom)))
            .collect()
    }

    /// When the youngest alert that raises this began.
    pub(crate) fn began(&self, pair: &Pair) -> Option<Timestamp> {
        let raised = self.of(pair).filter(|known| known.is_raised());
        raised.map(|known| known.starts_at).max()
    }

    /// Takes what was told of this symptom; false when it is one too many.
    pub(crate) fn take(
        &mut self,
        now: Timestamp,
        alert: &Alert,
        pair: Pair,
        symptom: Arc<Symptom>,
    ) -> bool {
        let before = self.known.get(&alert.fingerprint);
        if before.is_none() && self.known.len() >= Alert::COUNT_MAX {
            self.over_limit += 1;
            return false;
        }
        let since = before
            .filter(|before| before.is_raised() && before.pair == pair)
            .map_or(now, |before| before.since);
        let standing = match alert.state {
            AlertState::Resolved => Standing::Resolved {
                at: alert.ends_at.unwrap_or(now).min(now),
            },
            AlertState::Firing if alert.stale_at() <= now => Standing::Stale {
                since: alert.stale_at(),
            },
            AlertState::Firing => Standing::Firing {
                until: alert.stale_at(),
            },
        };
        let known = Known {
            pair,
            symptom,
            starts_at: alert.starts_at,
            since,
            standing,
            evidence: evidence(alert),
            forgotten_at: alert.received_at + Alert::KEPT,
        };
        self.known.insert(alert.fingerprint.clone(), known);
        true
    }

    /// It ended, as what it was; gives the symptom that it raised.
    pub(crate) fn end(&mut self, fingerprint: &str, at: Timestamp) -> Option<(Pair, Arc<Symptom>)> {
        let known = self.known.get_mut(fingerprint)?;
        known.standing = Standing::Resolved { at };
        Some((known.pair.clone(), Arc::clone(&known.symptom)))
    }

    /// It is there no more; gives the symptom that it was about.
    pub(crate) fn forget(&mut self, fingerprint: &str) -> Option<(Pair, Arc<Symptom>)> {
        let known = self.known.remove(fingerprint)?;
        Some((known.pair, known.symptom))
    }

    /// The alerts of a node and its services.
    pub(crate) fn of_node(&self, node: &NodeName) -> Vec<String> {
        let theirs = self
            .known
            .iter()
            .filter(|(_, known)| known.pair.entity.node == *node);
        theirs.map(|(fingerprint, _)| fingerprint.clone()).collect()
    }

    /// What time makes stale; and the alerts that are to be forgotten.
    pub(crate) fn age(&mut self, now: Timestamp) -> (Vec<(Pair, Arc<Symptom>)>, Vec<String>) {
        let mut stale = Vec::new();
        let mut forgotten = Vec::new();
        for (fingerprint, known) in &mut self.known {
            if known.forgotten_at <= now {
                forgotten.push(fingerprint.clone());
            } else if let Standing::Firing { until } = known.standing
                && until <= now
            {
                known.standing = Standing::Stale { since: until };
                stale.push((known.pair.clone(), Arc::clone(&known.symptom)));
            }
        }
        (stale, forgotten)
    }

    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let due = self.known.values().map(|known| match known.standing {
            Standing::Firing { until } => until.min(known.forgotten_at),
            Standing::Stale { .. } | Standing::Resolved { .. } => known.forgotten_at,
        });
        due.min()
    }

    /// Notes what telemetry says of a symptom. While an alert speaks of it, gives what both come to.
    pub(crate) fn measured(
        &mut self,
        pair: &Pair,
        symptom: &Arc<Symptom>,
        view: &View,
    ) -> Option<Told> {
        if !self.raises(pair) {
            return None;
        }
        self.measured.insert(pair.clone(), view.clone());
        Some(self.tell(view.since, pair, symptom))
    }

    /// Whether any alert raises this symptom.
    pub(crate) fn raises(&self, pair: &Pair) -> bool {
        self.of(pair).any(Known::is_raised)
    }

    /// What all who speak of a symptom come to.
    pub(crate) fn tell(&mut self, now: Timestamp, pair: &Pair, symptom: &Arc<Symptom>) -> Told {
        let measured = if self.raises(pair) {
            self.measured.get(pair).cloned()
        } else {
            self.measured.remove(pair)
        };
        let measured = measured.filter(|view| view.raised);
        let firing = |known: &&Known| matches!(known.standing, Standing::Firing { .. });
        let view = self
            .witnessed(now, pair, SignalState::Firing, firing)
            .or(measured)
            .or_else(|| {
                let stale = |known: &&Known| matches!(known.standing, Standing::Stale { .. });
                self.witnessed(now, pair, SignalState::NoData, stale)
            })
            .unwrap_or_else(|| self.over(now, pair));
        let severest = self
            .of(pair)
            .map(|known| &known.symptom)
            .max_by_key(|symptom| symptom.severity);
        Told {
            entity: pair.entity.clone(),
            symptom: Arc::clone(severest.unwrap_or(symptom)),
            view,
        }
    }

    /// What was raised before a restart, as over.
    pub(crate) fn ended(&self, now: Timestamp, pair: Pair, symptom: Arc<Symptom>) -> Told {
        Told {
            view: self.over(now, &pair),
            entity: pair.entity,
            symptom,
        }
    }

    fn of<'a>(&'a self, pair: &'a Pair) -> impl Iterator<Item = &'a Known> {
        self.known.values().filter(move |known| known.pair == *pair)
    }

    fn witnessed(
        &self,
        now: Timestamp,
        pair: &Pair,
        state: SignalState,
        speaks: impl Fn(&&Known) -> bool,
    ) -> Option<View> {
        let witnesses: Vec<&Known> = self.of(pair).filter(speaks).collect();
        let began = witnesses.iter().map(|known| known.starts_at).min()?;
        let since = match state {
            SignalState::NoData => witnesses
                .iter()
                .filter_map(|known| known.stale_since())
                .max(),
            _ => witnesses.iter().map(|known| known.since).min(),
        };
        let evidence: Vec<&str> = witnesses
            .iter()
            .map(|known| known.evidence.as_str())
            .collect();
        let evidence = match state {
            SignalState::NoData => format!("not repeated in time: {}", evidence.join("; ")),
            _ => evidence.join("; "),
        };
        Some(View {
            state,
            since: since.unwrap_or(now).min(now),
            raised: true,
            first_abnormal_at: began.min(now),
            evidence,
            readings: Vec::new(),
        })
    }

    fn over(&self, now: Timestamp, pair: &Pair) -> View {
        let ended = self.of(pair).filter_map(|known| match known.standing {
            Standing::Resolved { at } => Some((at, &known.evidence)),
            _ => None,
        });
        let (since, evidence) = match ended.max() {
            Some((at, evidence)) => (at, format!("resolved: {evidence}")),
            None => (now, "there is no such alert any more".to_owned()),
        };
        View {
            state: SignalState::Resolved,
            since,
            raised: false,
            first_abnormal_at: since,
            evidence,
            readings: Vec::new(),
        }
    }
}

impl Known {
    fn is_raised(&self) -> bool {
        !matches!(self.standing, Standing::Resolved { .. })
    }

    fn stale_since(&self) -> Option<Timestamp> {
        match self.standing {
            Standing::Stale { since } => Some(since),
            _ => None,
        }
    }
}

/// The symptom of an alert that names no other.
pub(crate) const ALERT_FIRING: &str = "alert_firing";

/// In words.
fn evidence(alert: &Alert) -> String {
    let name = match &*alert.name {
        "" => &alert.fingerprint,
        name => name,
    };
    let mut summary: String = alert
        .summary()
        .chars()
        .take(SUMMARY_CHARACTERS_MAX)
        .collect();
    if !summary.is_empty() {
        summary.insert_str(0, ": ");
    }
    format!("alert {name} since {}{summary}", alert.starts_at)
}
