//! What follows from the facts of a run: what is to blame, what cured it, since when users are well and whose merit that is.

use std::collections::BTreeSet;

use arena_expression::Mistake;
use arena_proto::{Entity, FaultReason};

use super::facts::{ActionFact, Facts, FaultFact, IncidentFact, Part, Policy, Sample};
use super::hold::{Conditions, Held, Hold};
use super::roots;
use super::taken_out::{TakenOut, taken_out};
use crate::model::Scenario;

/// Fewer of the users of the steady state than this share are not users who are well, but users who are gone. The generator begins its
/// checkouts on time, whatever becomes of them (docs/workload.md): a third less is no noise, also on a machine that is busy.
const USERS_SHARE_MIN: f64 = 0.7;

/// A scenario and what happened in it.
#[derive(Debug)]
pub struct Case<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) facts: &'a Facts,
    conditions: Conditions,
    taken_out: Vec<TakenOut<'a>>,
    /// What is to blame.
    pub roots: BTreeSet<Entity>,
}

impl<'a> Case<'a> {
    /// Fails when a check of the scenario does not compile, which a scenario that was read from a file cannot.
    pub fn new(scenario: &'a Scenario, facts: &'a Facts) -> Result<Self, Mistake> {
        let roots = roots(scenario, &facts.faults);
        Ok(Self {
            conditions: Conditions::compile(&scenario.healed.checks)?,
            taken_out: taken_out(scenario, facts, &roots),
            roots,
            scenario,
            facts,
        })
    }

    /// The faults of the scenario, without those that its load and its telemetry are made of.
    pub fn injections(&self) -> impl Iterator<Item = &'a FaultFact> {
        let all = self.facts.faults.iter();
        all.filter(|fault| fault.part == Part::Injection)
    }

    /// The faults that are to be healed.
    pub fn root_faults(&self) -> impl Iterator<Item = &'a FaultFact> {
        self.injections()
            .filter(|fault| self.roots.iter().any(|root| covers(root, &fault.target)))
    }

    /// When the first fault may first have been felt.
    #[must_use]
    pub fn first_fault_ms(&self) -> u64 {
        let begun = self
            .injections()
            .filter_map(|fault| fault.armed_ms.or(fault.active_ms));
        begun.min().unwrap_or(self.facts.play_ms)
    }

    pub(super) fn detect_ms(&self) -> Option<u64> {
        let first = self.first_fault_ms();
        let opened = self
            .facts
            .incidents
            .iter()
            .map(|incident| incident.opened_ms);
        let opened = opened.filter(|opened| *opened >= first).min()?;
        Some(opened - first)
    }

    /// Incidents for which who is to heal called a person, and when. A remediator that only observes calls, too: that is nobody's merit
    /// or fault where it is not to heal.
    pub fn calls(&self) -> impl Iterator<Item = (&'a IncidentFact, u64)> {
        let is_felix = self.facts.policy == Policy::Felix;
        let incidents = self.facts.incidents.iter();
        incidents
            .filter(move |_| is_felix)
            .filter_map(|one| Some((one, one.escalated_ms?)))
    }

    /// It acts on a root (or on a service of a node that is one), and does not take back what was done before.
    #[must_use]
    pub fn is_at_root(&self, action: &ActionFact) -> bool {
        self.roots.iter().any(|root| covers(root, &action.target))
    }

    /// An action that the truth accepts, at what is to blame.
    #[must_use]
    pub fn is_cure(&self, action: &ActionFact) -> bool {
        self.scenario.truth.cures.contains(&action.action) && self.is_at_root(action)
    }

    /// When the first accepted cure of this root was done. What was done before its fault was there cured nothing.
    #[must_use]
    pub fn cured_ms(&self, root: &Entity) -> Option<u64> {
        let here = |fault: &&FaultFact| covers(root, &fault.target);
        let begun = self.root_faults().filter(here);
        let begun = begun.filter_map(|fault| fault.armed_ms.or(fault.active_ms));
        let begun = begun.min().unwrap_or(0);
        let cures = self.facts.actions.iter();
        cures
            .filter(|action| action.issued_ms >= begun)
            .filter(|action| {
                self.is_cure(action) && covers(root, &action.target) && action.is_done()
            })
            .filter_map(|action| action.end_ms)
            .min()
    }

    /// Users are well for as long as they must be: after a cure at every root, and before the faults would have ended anyway.
    pub fn healed(&self) -> Result<Held, String> {
        let from = self.first_fault_ms();
        let after = self.cure_end_ms()?;
        let limit = from.saturating_add(ms(self.scenario.healed.within));
        let mut watch = Hold::new(self.scenario.healed.hold);
        let mut samples = self.facts.samples.iter().filter(|one| one.at_ms >= after);
        let held = samples.find_map(|sample| watch.step(sample.at_ms, self.is_well(sample)));
        let held = held.ok_or_else(|| self.why_unwell(after))?;
        if held.since_ms > limit {
            return Err(format!(
                "users were well after {}, and must be within {}",
                seconds(held.since_ms - from),
                seconds(limit - from)
            ));
        }
        self.ended_by_itself(held).map_or(Ok(held), Err)
    }

    /// From when on being well can be a cure's merit.
    pub(super) fn cure_end_ms(&self) -> Result<u64, String> {
        if self.roots.is_empty() {
            return Err("nothing is to blame, so nothing is to heal".to_owned());
        }
        let mut after = self.root_faults().filter_map(|fault| fault.active_ms).max();
        for root in &self.roots {
            let cured = self.cured_ms(root);
            let cured = cured.ok_or_else(|| format!("no accepted cure was done at {root}"))?;
            after = after.max(Some(cured));
        }
        Ok(after.unwrap_or(self.facts.play_ms))
    }

    /// Users are well, as many as before, and every service is there for them.
    #[must_use]
    pub fn is_well(&self, sample: &Sample) -> bool {
        sample.services_unhealthy == Some(0.0)
            && self.conditions.hold(sample)
            && !self.users_gone(sample)
            && self.taken_out_at(sample.at_ms).is_none()
    }

    /// What users feel is as it should be; nothing is said of services.
    #[must_use]
    pub fn checks_hold(&self, sample: &Sample) -> bool {
        self.conditions.hold(sample)
    }

    /// Most of the users of the steady state do not come any more, or nobody knows: who is not there feels nothing.
    fn users_gone(&self, sample: &Sample) -> bool {
        let wanted = self.facts.steady_rate_hz.map(|rate| rate * USERS_SHARE_MIN);
        wanted.is_some_and(|wanted| sample.user_request_rate_hz.is_none_or(|rate| rate < wanted))
    }

    fn taken_out_at(&self, at_ms: u64) -> Option<&TakenOut<'_>> {
        let mut taken_out = self.taken_out.iter();
        taken_out.find(|one| one.covers(at_ms))
    }

    pub(super) fn why_unwell(&self, after: u64) -> String {
        let last = self.facts.samples.iter().rfind(|one| !self.is_well(one));
        let last = last.filter(|sample| sample.at_ms >= after);
        last.map_or_else(
            || "the watch ended before users were well for long enough".to_owned(),
            |sample| self.why_this_is_unwell(sample),
        )
    }

    /// Why [`Case::is_well`] does not hold of it.
    #[must_use]
    pub fn why_this_is_unwell(&self, sample: &Sample) -> String {
        if let Some(check) = self.conditions.broken(sample) {
            return format!("`{check}` does not hold ({})", readings(sample));
        }
        if sample.services_unhealthy != Some(0.0) {
            return format!("services are unhealthy ({})", readings(sample));
        }
        if let Some(one) = self.taken_out_at(sample.at_ms) {
            return format!("{} is left {}", one.entity, one.how);
        }
        let rate =
            |rate: Option<f64>| rate.map_or_else(|| "?".to_owned(), |rate| format!("{rate:.1}"));
        format!(
            "users ask {} times a second, and did {} times before: who is gone is not well",
            rate(sample.user_request_rate_hz),
            rate(self.facts.steady_rate_hz)
        )
    }

    /// What the end of a fault healed is nobody's merit. A fault that is short by the scenario's will may end.
    fn ended_by_itself(&self, held: Held) -> Option<String> {
        let healed = &self.scenario.healed;
        let healed_by = self.first_fault_ms() + ms(healed.within + healed.hold);
        let lasting =
            |fault: &&FaultFact| fault.natural_end_ms().is_some_and(|end| end >= healed_by);
        self.root_faults().filter(lasting).find_map(|fault| {
            let ended = fault.end_ms.is_some_and(|end| end <= held.until_ms);
            let reason = fault.reason.filter(|reason| ended && by_itself(*reason))?;
            let name = fault.fault.name.as_str();
            Some(format!(
                "{name} on {} ended by itself ({reason})",
                fault.target
            ))
        })
    }
}

/// No action on the target ended it.
const fn by_itself(reason: FaultReason) -> bool {
    matches!(
        reason,
        FaultReason::TtlExpired
            | FaultReason::LeaseExpired
            | FaultReason::RevertRequested
            | FaultReason::AgentRestarted
    )
}

/// The entity itself, or a service of the node.
#[must_use]
pub fn covers(root: &Entity, entity: &Entity) -> bool {
    root == entity || (root.service.is_none() && root.node == entity.node)
}

fn readings(sample: &Sample) -> String {
    let one = |name: &str, value: Option<f64>| {
        let value = value.map_or_else(|| "no data".to_owned(), |value| format!("{value:.1}"));
        format!("{name} {value}")
    };
    [
        one("user_error_percent", sample.user_error_percent),
        one("user_latency_p95_ms", sample.user_latency_p95_ms),
        one("services_unhealthy", sample.services_unhealthy),
    ]
    .join(", ")
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a run lasts minutes")]
pub(super) fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}
