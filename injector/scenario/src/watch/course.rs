//! The course of a run: when it is steady, and when it is over.

use std::time::Duration;

use arena_expression::Mistake;

use super::view::View;
use crate::judge::{self, Conditions, Hold, Part, Policy, Sample};
use crate::{Expect, Scenario};

/// How the steady state stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steady {
    /// Not yet found.
    Wanted,
    /// It holds since then.
    Found {
        /// Milliseconds since the run began.
        since_ms: u64,
    },
    /// It did not come in its time: why.
    Missed(String),
}

/// Waits for the steady state of a scenario.
#[derive(Debug)]
pub struct SteadyWatch {
    conditions: Conditions,
    hold: Hold,
    limit_ms: u64,
}

impl SteadyWatch {
    /// Of this scenario. Fails when a check does not compile, which one that was read from a file cannot.
    pub fn new(scenario: &Scenario) -> Result<Self, Mistake> {
        let steady = &scenario.steady_state;
        Ok(Self {
            conditions: Conditions::compile(&steady.checks)?,
            hold: Hold::new(steady.hold),
            limit_ms: millis(steady.within + steady.hold),
        })
    }

    /// Takes what is known at this moment.
    pub fn step(&mut self, at_ms: u64, sample: &Sample) -> Steady {
        let broken = self.conditions.broken(sample);
        if let Some(held) = self.hold.step(at_ms, broken.is_none()) {
            return Steady::Found {
                since_ms: held.since_ms,
            };
        }
        if at_ms <= self.limit_ms {
            return Steady::Wanted;
        }
        let why = broken.map_or_else(
            || "it was not well for long enough".to_owned(),
            |check| format!("`{check}` does not hold"),
        );
        let limit_ms = self.limit_ms;
        Steady::Missed(format!("no steady state within {limit_ms} ms: {why}"))
    }
}

/// Whether the run is over: the word of the story, and why. `played`: everything that has a time was injected.
pub fn over(
    scenario: &Scenario,
    view: &View,
    played: bool,
    at_ms: u64,
) -> Result<Option<(&'static str, &'static str)>, Mistake> {
    let facts = &view.facts;
    let injections = facts
        .faults
        .iter()
        .filter(|fault| fault.part == Part::Injection);
    let first = injections.filter_map(|fault| fault.active_ms).min();
    let since = at_ms.saturating_sub(first.unwrap_or(facts.play_ms));
    let limit = millis(scenario.limit);
    let patience = millis(scenario.healed.within + scenario.healed.hold).min(limit);
    let over = facts.faults.iter().all(|fault| fault.state.is_final());
    let is_felix = facts.policy == Policy::Felix;
    let escalated = || is_felix && facts.incidents.iter().any(|one| one.escalated_ms.is_some());
    Ok(match scenario.truth.expect {
        Expect::Heal if played && judge::healed(scenario, facts)? => {
            Some(("healed", "users are well"))
        }
        Expect::Heal if played && since > patience => Some(("end", "it had to be healed by now")),
        Expect::Escalate if played && escalated() => Some(("end", "a person was called")),
        Expect::Escalate if played && !is_felix && since > patience => {
            Some(("end", "nobody was there to call a person"))
        }
        Expect::NoAction
            if played && over && since > patience && judge::settled(scenario, facts)? =>
        {
            Some(("end", "it is over, and users are well"))
        }
        _ if since > limit => Some(("end", "the scenario's time is up")),
        _ => None,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
