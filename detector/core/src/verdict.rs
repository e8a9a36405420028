//! What becomes of an entity's raised signals: whose incident they belong to.
//!
//! A symptom that is felt by callers (slow, failing), on a service that calls others, opens no incident before a hold has
//! passed since its first abnormal sample, so that what it calls can show its own symptom first, whatever the phase of the
//! two nodes' ticks. Then, while anything that it calls, directly or not, on any node,
//!
//! - has an open incident that is still alive: the symptom folds into that incident as a child;
//! - is pending, raised, being restarted, or was so until after the symptom began: the symptom waits;
//! - otherwise the service is judged on its own.
//!
//! Services that call each other in a circle are judged as one: the one whose symptom cannot be borrowed, else the one that
//! was abnormal first, speaks for them.
//!
//! It also waits for one that is not felt by callers and is pending on the same service: that one says more. A service that
//! starves beside a neighbour belongs to the neighbour's incident, if that has one.
//!
//! Waiting has an end ([`INHIBIT_MAX`]): a dependency that flaps must not hide a real incident for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use arena_proto::{Entity, ServiceName, SignalState, Timestamp};

use crate::board::{Board, Entry};
use crate::fleet::Fleet;
use crate::track::Restart;

/// The longest that a symptom waits for what it calls: twice the time in which a rule with a `for` of 2 s and the grace of
/// 5 s after it would have spoken.
pub(crate) const INHIBIT_MAX: Duration = Duration::from_secs(15);

/// Candidates that are told: a person looks at no more.
const CANDIDATES_MAX: usize = 3;

/// What to do with the signals of an entity that are in no incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Open,
    Fold(Entity),
    Wait,
    /// They are part of an incident of the node.
    Lift,
}

impl Entry {
    /// About to fire, and not felt by callers.
    fn says_more_soon(&self) -> bool {
        self.view.state == SignalState::Pending && !self.symptom.felt_by_callers
    }

    /// Its node may be the cause.
    pub(crate) fn lifts(&self) -> bool {
        self.symptom.lifts
    }

    fn is_abnormal(&self) -> bool {
        self.view.raised || self.view.state == SignalState::Pending
    }

    /// Raised, and neither abnormal nor over for so long that whoever begins to suffer now does so for another reason.
    fn lingers(&self, now: Timestamp, grace: Duration) -> bool {
        let calm = matches!(
            self.view.state,
            SignalState::Recovering | SignalState::NoData
        );
        calm && now.saturating_since(self.view.since) > grace
    }
}

impl Board {
    pub(crate) fn verdict(&self, now: Timestamp, fleet: &Fleet, entity: &Entity) -> Verdict {
        match self.verdict_alone(now, fleet, entity) {
            Verdict::Open if self.book.opened_at(entity).is_none() => {
                self.verdict_of_node(now, fleet, entity)
            }
            verdict => verdict,
        }
    }

    /// Whatever else fires on its node.
    pub(crate) fn verdict_alone(&self, now: Timestamp, fleet: &Fleet, entity: &Entity) -> Verdict {
        if self.book.opened_at(entity).is_some() {
            return Verdict::Fold(entity.clone());
        }
        let own = || self.signals(entity);
        let waiting = || own().filter(|entry| entry.waits());
        let Some(service) = entity.service.as_ref() else {
            return Verdict::Open;
        };
        // Known from before a restart only: neither what it calls nor how it is now.
        if !fleet.has_heard(&entity.node) {
            return Verdict::Wait;
        }
        let speaks = |entry: &Entry| !entry.symptom.felt_by_callers && !entry.symptom.by_neighbour;
        if waiting().any(speaks) {
            return Verdict::Open;
        }
        let from = waiting().map(|e| e.waiting_from).min().unwrap_or(now);
        if let Some(verdict) = self.verdict_of_starved(now, fleet, entity, from) {
            return verdict;
        }
        // A slow disk shows in the latency first: requests in flight count with their age.
        if own().any(Entry::says_more_soon) && now < from + INHIBIT_MAX {
            return Verdict::Wait;
        }
        if self.graph.dependencies(service).is_empty() {
            return Verdict::Open;
        }
        let suspects = self.suspects(entity, service);
        let explained = suspects
            .iter()
            .filter(|suspect| self.explains(now, fleet, suspect))
            .filter_map(|suspect| Some((self.book.opened_at(suspect)?, suspect)))
            .min();
        if let Some((_, incident)) = explained {
            return Verdict::Fold(incident.clone());
        }
        let inhibited = self.is_inhibited(now, fleet, entity, service, &suspects);
        let limit = if inhibited {
            INHIBIT_MAX
        } else {
            self.correlation.hold
        };
        if now < from + limit {
            return Verdict::Wait;
        }
        Verdict::Open
    }

    /// The root candidates of an incident of the entity: it, or the neighbour that it starves beside, and what it calls that
    /// fires while nothing fires that this calls in turn.
    pub(crate) fn candidates(&self, now: Timestamp, fleet: &Fleet, entity: &Entity) -> Vec<Entity> {
        let starved = self
            .signals(entity)
            .any(|e| e.waits() && e.symptom.by_neighbour);
        let neighbour = fleet.neighbour(entity).filter(|_| starved);
        let mut candidates: Vec<Entity> = neighbour.into_iter().collect();
        candidates.push(entity.clone());
        let Some(service) = &entity.service else {
            return candidates;
        };
        let fires = |suspect: &Entity| self.fires_since(now, suspect);
        let roots = self
            .suspects(entity, service)
            .into_iter()
            .filter_map(|suspect| {
                let since = fires(&suspect)?;
                let below = suspect
                    .service
                    .as_ref()
                    .map(|name| self.suspects(&suspect, name));
                let mut below = below.into_iter().flatten();
                let is_root = !below.any(|below| below != *entity && fires(&below).is_some());
                is_root.then_some((since, suspect))
            });
        let roots: BTreeSet<(Timestamp, Entity)> = roots.collect();
        candidates.extend(roots.into_iter().map(|(_, suspect)| suspect));
        candidates.truncate(CANDIDATES_MAX);
        candidates
    }

    /// Since when it is abnormal, if it is and does not linger.
    fn fires_since(&self, now: Timestamp, entity: &Entity) -> Option<Timestamp> {
        let abnormal = self
            .signals(entity)
            .filter(|entry| entry.view.raised && entry.symptom.hurts())
            .filter(|entry| !entry.lingers(now, self.correlation.grace));
        abnormal.map(|entry| entry.view.first_abnormal_at).min()
    }

    /// What the service calls, wherever it runs, and those nodes themselves: a silent node hurts callers too. In a circle of
    /// calls the other replicas of the service itself are among them.
    fn suspects(&self, entity: &Entity, service: &ServiceName) -> BTreeSet<Entity> {
        let mut called = self.graph.dependencies(service);
        called.extend(self.graph.component(service));
        let replicas = called.iter().flat_map(|name| {
            self.graph.replicas(name).flat_map(move |node| {
                [
                    Entity::service(node.clone(), name.clone()),
                    Entity::node(node.clone()),
                ]
            })
        });
        // After a restart an incident may be known before the node that runs the service was heard.
        let known = self.entries.keys().filter(|known| {
            let name = known.service.as_ref();
            name.is_some_and(|name| called.contains(name))
        });
        let suspects = replicas.chain(known.cloned());
        suspects.filter(|suspect| suspect != entity).collect()
    }

    /// One calls the other, directly or not.
    pub(crate) fn calls(&self, caller: &Entity, other: &Entity) -> bool {
        let service = caller.service.as_ref();
        service.is_some_and(|service| self.suspects(caller, service).contains(other))
    }

    /// It has an open incident whose symptom is there, or was until now.
    fn explains(&self, now: Timestamp, fleet: &Fleet, suspect: &Entity) -> bool {
        let restarts = fleet.restart(suspect) == Some(Restart::GoingOn);
        self.signals(suspect).any(|entry| {
            let own = entry.placed.as_ref() == Some(suspect) && entry.view.raised;
            own && entry.symptom.hurts()
                && (restarts || !entry.lingers(now, self.correlation.grace))
        })
    }

    /// What it calls may be about to show that it is the cause, or was the cause until now.
    fn is_inhibited(
        &self,
        now: Timestamp,
        fleet: &Fleet,
        entity: &Entity,
        service: &ServiceName,
        suspects: &BTreeSet<Entity>,
    ) -> bool {
        let circle = self.graph.component(service);
        let in_circle = |suspect: &Entity| {
            let name = suspect.service.as_ref();
            name.is_some_and(|name| circle.contains(name))
        };
        let was_until = |over: Timestamp| self.is_borrowed(now, entity, over);
        let restarts = |suspect: &Entity| match fleet.restart(suspect) {
            Some(Restart::GoingOn) => true,
            Some(Restart::Over(at)) => was_until(at),
            None => false,
        };
        let has_cleared = |entry: &Entry| entry.quiet_at.is_some_and(was_until);
        let lingers = |entry: &Entry| entry.lingers(now, self.correlation.grace);
        let may_explain = |suspect: &Entity| {
            self.signals(suspect).any(|entry| {
                let abnormal = entry.is_abnormal() && !lingers(entry) && !in_circle(suspect);
                entry.symptom.hurts() && (abnormal || has_cleared(entry))
            })
        };
        suspects.iter().any(|s| restarts(s) || may_explain(s))
            || self.speaker(now, entity, suspects.iter().filter(|s| in_circle(s))) != Some(entity)
    }

    /// What cleared at `over` explains the entity's symptoms for the grace, when they began before it or at most a hold later.
    fn is_borrowed(&self, now: Timestamp, entity: &Entity, over: Timestamp) -> bool {
        let waiting = self.signals(entity).filter(|entry| entry.waits());
        let began = waiting.map(|entry| entry.view.first_abnormal_at).min();
        let before = began.is_none_or(|began| began <= over + self.correlation.hold);
        before && now < over + self.correlation.grace
    }

    /// Another entity, which explained the entity's symptoms, has just cleared.
    pub(crate) fn has_just_cleared(&self, now: Timestamp, entity: &Entity, other: &Entity) -> bool {
        let hurt = self.signals(other).filter(|entry| entry.symptom.hurts());
        let mut cleared = hurt.filter_map(|entry| entry.quiet_at);
        cleared.any(|over| self.is_borrowed(now, entity, over))
    }

    /// Who speaks for a circle of calls: whose symptom cannot be borrowed, else who was abnormal first.
    fn speaker<'a>(
        &self,
        now: Timestamp,
        entity: &'a Entity,
        circle: impl Iterator<Item = &'a Entity>,
    ) -> Option<&'a Entity> {
        let everybody = circle.chain(std::iter::once(entity));
        let claims = everybody.filter_map(|member| {
            let abnormal = self
                .signals(member)
                .filter(|entry| entry.is_abnormal() && !entry.lingers(now, self.correlation.grace));
            let claim = |e: &Entry| (e.symptom.felt_by_callers, e.view.first_abnormal_at);
            Some((abnormal.map(claim).min()?, member))
        });
        claims.min().map(|(_, member)| member)
    }

    /// Of a service that starves beside its neighbour: it belongs to the neighbour's incident, or to another's that starves
    /// beside the same one. `None`: it does not starve.
    fn verdict_of_starved(
        &self,
        now: Timestamp,
        fleet: &Fleet,
        entity: &Entity,
        from: Timestamp,
    ) -> Option<Verdict> {
        let starves = |entry: &&Entry| entry.symptom.by_neighbour && entry.view.raised;
        let first = self.signals(entity).find(starves)?;
        if let Some(parent) = &first.placed
            && self.book.opened_at(parent).is_some()
        {
            return Some(Verdict::Fold(parent.clone()));
        }
        let Some(neighbour) = fleet.neighbour(entity) else {
            return Some(Verdict::Open);
        };
        if self.explains(now, fleet, &neighbour) {
            return Some(Verdict::Fold(neighbour));
        }
        if let Some(other) = self.book.caused_by(&neighbour) {
            return Some(Verdict::Fold(other.clone()));
        }
        let speaks_soon = self.signals(&neighbour).any(|entry| {
            let speaks = entry.says_more_soon() || entry.waits() && !entry.symptom.felt_by_callers;
            speaks && !entry.symptom.by_neighbour
        });
        if (speaks_soon || self.has_just_cleared(now, entity, &neighbour))
            && now < from + INHIBIT_MAX
        {
            return Some(Verdict::Wait);
        }
        Some(Verdict::Open)
    }
}
