//! `scripted`: what a scenario says, when it says it.
//!
//! The clock starts with the first step: whoever starts this villain has found the steady state. What the load and the telemetry of the
//! scenario are made of is among its injections.

use std::time::Duration;

use arena_expression::Mistake;
use arena_proto::Timestamp;
use arena_scenario::judge::{Conditions, Sample};
use arena_scenario::{Planned, Scenario, When};

use super::{Choice, Policy, View};

/// An injection that was not made yet.
#[derive(Debug)]
struct Pending {
    planned: Planned,
    /// What it waits for.
    condition: Option<Conditions>,
    /// When it is made; `None` while its condition has not held.
    due: Option<Timestamp>,
}

/// Plays a scenario.
#[derive(Debug)]
pub struct Scripted {
    seed: u64,
    pending: Vec<Pending>,
    started_at: Option<Timestamp>,
}

impl Scripted {
    /// The injections of this scenario. Fails when a condition does not compile, which one that was read from a file does.
    pub fn new(scenario: &Scenario) -> Result<Self, Mistake> {
        let read = |planned: Planned| {
            let condition = match &planned.injection.when {
                When::At(_) => None,
                When::If(check, _) => Some(Conditions::compile([check])?),
            };
            Ok(Pending {
                planned,
                condition,
                due: None,
            })
        };
        let all = scenario.all_injections().into_iter();
        Ok(Self {
            seed: scenario.seed,
            pending: all.map(read).collect::<Result<_, _>>()?,
            started_at: None,
        })
    }

    /// How long it plays at the most: the limit counts from the first fault on.
    #[must_use]
    pub fn length(scenario: &Scenario) -> Duration {
        let starts = scenario
            .injections
            .iter()
            .map(|injection| match injection.when {
                When::At(after) | When::If(_, after) => after,
            });
        scenario.limit + starts.min().unwrap_or_default()
    }
}

impl Policy for Scripted {
    fn step(&mut self, now: Timestamp, view: &View<'_>) -> Vec<Choice> {
        let started_at = *self.started_at.get_or_insert(now);
        let sample = sample(view);
        let waiting = self
            .pending
            .iter_mut()
            .filter(|pending| pending.due.is_none());
        for pending in waiting {
            let holds = |condition: &Conditions| condition.hold(&sample);
            pending.due = match pending.planned.injection.when {
                When::At(after) => Some(started_at + after),
                When::If(_, after) => {
                    let holds = pending.condition.as_ref().is_some_and(holds);
                    holds.then(|| now + after)
                }
            };
        }
        let is_due = |pending: &Pending| pending.due.is_some_and(|due| due <= now);
        let targets = arena_scenario::View::of(view.public.nodes().values());
        let mut choices = Vec::new();
        for Pending { planned, .. } in self.pending.extract_if(.., |pending| is_due(pending)) {
            let Planned {
                injection, index, ..
            } = planned;
            let hit = injection
                .target
                .resolve(injection.fault, &targets, self.seed, index);
            choices.extend(hit.into_iter().map(|target| Choice {
                fault: injection.fault,
                target,
                ttl: injection.ttl,
                params: injection.params.clone(),
            }));
        }
        choices
    }

    fn next_wakeup(&self) -> Option<Timestamp> {
        self.pending.iter().filter_map(|pending| pending.due).min()
    }

    /// What was refused is not made up for: later would be another scenario. The status tells it.
    fn refused(&mut self, _: &Choice) {}

    fn is_done(&self) -> bool {
        self.pending.is_empty()
    }
}

fn sample(view: &View<'_>) -> Sample {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of services and incidents"
    )]
    let count = |number: usize| Some(number as f64);
    Sample {
        // Nobody asks how old a moment is.
        at_ms: 0,
        user_error_percent: view.users.error_percent,
        user_latency_p95_ms: view.users.latency_p95_ms,
        user_request_rate_hz: view.users.rate_hz,
        services_unhealthy: count(view.services_unhealthy()),
        incidents_open: count(view.incidents_open()),
    }
}
