//! The faults that are live: our own, which are renewed, and others' (made by hand), which are only known.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use arena_faults::{Family, Fault};
use arena_proto::{Entity, FaultId, FaultRequest, FaultStatus, NodeName, Timestamp};

/// A fault that is not renewed for so long ends: a dead injector's faults outlive it by no more.
pub const LEASE: Duration = Duration::from_secs(5);
/// Three tries within a lease, so that one renewal that is late or lost ends nothing. A third of [`LEASE`], rounded down to
/// milliseconds.
pub const RENEW_EVERY: Duration = Duration::from_millis(1666);
/// At once, ours and others'. More than one a service of the default arena would leave nothing to heal with.
pub const FAULTS_MAX: usize = 16;
/// The same of telemetry's own: three for each node of the largest arena that a scenario makes, and some by hand.
const TELEMETRY_FAULTS_MAX: usize = 128;
/// A fault whose node has not said within so long after its end what became of it is forgotten: the node is not there.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Faults that are over and still recognized, so that reverting one of them is no mistake.
const OVER_MAX: usize = 256;

/// A fault of ours.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) fault: &'static str,
    pub(crate) target: Entity,
    pub(crate) ends_at: Timestamp,
    renew_at: Timestamp,
    reverting: bool,
}

impl Own {
    /// The next renewal, when there is one left.
    fn renewal(&self) -> Option<Timestamp> {
        (!self.reverting && self.renew_at < self.ends_at).then_some(self.renew_at)
    }
}

/// Somebody else's fault.
#[derive(Debug)]
struct Other {
    fault: String,
    target: Entity,
    ends_at: Timestamp,
}

/// What is live, and what lately was.
#[derive(Debug, Default)]
pub(crate) struct Live {
    own: BTreeMap<FaultId, Own>,
    others: BTreeMap<FaultId, Other>,
    over: VecDeque<FaultId>,
}

/// There is room for another fault beside those that are `live` (their names, and what they are in); else why not, with the numbers.
pub(crate) fn check_room<'a>(
    fault: &Fault,
    live: impl Iterator<Item = (&'a str, &'a Entity)>,
) -> Result<(), String> {
    let is_telemetrys =
        |name: &str| Fault::named(name).is_ok_and(|known| known.family == Family::Telemetry);
    let max = if fault.family == Family::Telemetry {
        TELEMETRY_FAULTS_MAX
    } else {
        FAULTS_MAX
    };
    let alike = |name: &str| is_telemetrys(name) == is_telemetrys(fault.name.as_str());
    let live = live.filter(|(name, _)| alike(name)).count();
    if live < max {
        return Ok(());
    }
    Err(format!(
        "{live} faults are live, and no more are allowed at once: revert one, or wait"
    ))
}

impl Live {
    pub(crate) fn has_own(&self) -> bool {
        !self.own.is_empty()
    }

    pub(crate) fn is_over(&self, id: &FaultId) -> bool {
        self.over.contains(id)
    }

    /// Every one that can be reverted.
    pub(crate) fn ids(&self) -> Vec<FaultId> {
        let mut ids: Vec<FaultId> = self.own.keys().chain(self.others.keys()).cloned().collect();
        ids.sort();
        ids
    }

    pub(crate) fn own_ids(&self) -> Vec<FaultId> {
        self.own.keys().cloned().collect()
    }

    /// A fault of ours was asked for.
    pub(crate) fn begin(
        &mut self,
        now: Timestamp,
        id: FaultId,
        fault: &'static str,
        target: Entity,
        ttl: Duration,
    ) {
        let own = Own {
            fault,
            target,
            ends_at: now + ttl,
            renew_at: now + RENEW_EVERY,
            reverting: false,
        };
        self.own.insert(id, own);
    }

    /// It is being reverted: it is renewed no more. Gives its node; `None` when it is not live.
    pub(crate) fn revert(&mut self, id: &FaultId) -> Option<NodeName> {
        if let Some(own) = self.own.get_mut(id) {
            own.reverting = true;
            return Some(own.target.node.clone());
        }
        self.others.get(id).map(|other| other.target.node.clone())
    }

    /// A fault of ours whose end was asked for already.
    pub(crate) fn is_reverting(&self, id: &FaultId) -> bool {
        self.own.get(id).is_some_and(|own| own.reverting)
    }

    /// Every fault that is not over: its name, and what it is in.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &Entity)> + Clone {
        let own = self.own.values().map(|own| (own.fault, &own.target));
        let others = self.others.values();
        own.chain(others.map(|other| (other.fault.as_str(), &other.target)))
    }

    /// A node said where a fault stands. Gives it when it was ours and is over.
    pub(crate) fn put(&mut self, now: Timestamp, status: &FaultStatus) -> Option<Own> {
        if status.state.is_final() {
            return self.end(&status.id);
        }
        let ends_at = status
            .expires_at
            .unwrap_or(status.at + FaultRequest::TTL_MAX);
        let is_known = self.own.contains_key(&status.id) || self.is_over(&status.id);
        if !is_known && ends_at > now && self.others.len() < FAULTS_MAX + TELEMETRY_FAULTS_MAX {
            let other = Other {
                fault: status.fault.clone(),
                target: Entity {
                    node: status.node.clone(),
                    service: status.service.clone(),
                },
                ends_at,
            };
            self.others.insert(status.id.clone(), other);
        }
        None
    }

    /// It is over. Gives it when it was ours.
    pub(crate) fn end(&mut self, id: &FaultId) -> Option<Own> {
        self.others.remove(id);
        if !self.is_over(id) {
            self.over.push_back(id.clone());
            if self.over.len() > OVER_MAX {
                self.over.pop_front();
            }
        }
        self.own.remove(id)
    }

    /// The faults whose renewal is due.
    pub(crate) fn renew(&mut self, now: Timestamp) -> Vec<(FaultId, NodeName)> {
        let mut due = Vec::new();
        for (id, own) in &mut self.own {
            if own.renewal().is_none_or(|at| now < at) {
                continue;
            }
            own.renew_at = now + RENEW_EVERY;
            if now < own.ends_at {
                due.push((id.clone(), own.target.node.clone()));
            }
        }
        due
    }

    /// Forgets others' faults that have ended, and gives ours whose end no node told.
    pub(crate) fn forget(&mut self, now: Timestamp) -> Vec<(FaultId, Own)> {
        self.others.retain(|_, other| now < other.ends_at);
        let silent: Vec<FaultId> = self
            .own
            .iter()
            .filter(|(_, own)| own.ends_at + SILENCE_MAX <= now)
            .map(|(id, _)| id.clone())
            .collect();
        silent
            .into_iter()
            .filter_map(|id| self.end(&id).map(|own| (id, own)))
            .collect()
    }

    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        let own = self
            .own
            .values()
            .map(|own| own.renewal().unwrap_or(own.ends_at + SILENCE_MAX));
        own.chain(self.others.values().map(|other| other.ends_at))
            .min()
    }
}
