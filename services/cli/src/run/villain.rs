//! The villain of a run: the injector's, with the scenario as its script.

use arena_operator::{Kind, Operator};
use arena_proto::{VillainOperation, VillainPolicy, VillainRequest};
use arena_scenario::{Scenario, When};

use crate::exit::{Exit, Failure};
use arena_scenario::watch::View;

/// Between two questions what was refused.
const ASK_EVERY_MS: u64 = 1000;
/// From when an injection is due until its node has said something of it: on a busy machine a few hundred milliseconds.
const PLAYED_AFTER_MS: u64 = 1500;

/// The injector's villain, while it plays a scenario.
#[derive(Debug)]
pub(super) struct Villain {
    /// The last injection with a time is due.
    last_ms: u64,
    asked_ms: u64,
    refusals: Vec<String>,
}

impl Villain {
    /// Hands the scenario to the injector; its clock starts now.
    pub(super) async fn begin(
        operator: &Operator,
        scenario: &Scenario,
        at_ms: u64,
    ) -> Result<Self, Failure> {
        let request = VillainRequest {
            op: VillainOperation::Start,
            policy: Some(VillainPolicy::Scripted),
            scenario_name: scenario.name.clone(),
            scenario: Some(scenario.to_toml()),
            ..VillainRequest::default()
        };
        let asked = operator.villain(&request).await;
        asked.map_err(|error| match error.kind {
            Kind::Refused => Exit::Failed.because(format!("the villain does not play it: {error}")),
            _ => error.into(),
        })?;
        let planned = scenario.all_injections();
        let times = planned.iter().filter_map(|one| match one.injection.when {
            When::At(at) => u64::try_from(at.as_millis()).ok(),
            When::If(..) => None,
        });
        let last = times.max();
        Ok(Self {
            last_ms: at_ms + last.map_or(0, |last| last + PLAYED_AFTER_MS),
            asked_ms: at_ms,
            refusals: Vec::new(),
        })
    }

    /// Asks now and then what was refused, and adds that to the facts; the words of what is new.
    pub(super) async fn watch(
        &mut self,
        operator: &Operator,
        view: &mut View,
        at_ms: u64,
    ) -> Result<Vec<String>, Failure> {
        if at_ms < self.asked_ms + ASK_EVERY_MS {
            return Ok(Vec::new());
        }
        self.asked_ms = at_ms;
        let status = operator.villain(&VillainRequest::default()).await?;
        let is_new = |refusal: &String| !self.refusals.contains(refusal);
        let new: Vec<String> = status.refusals.into_iter().filter(is_new).collect();
        self.refusals.extend(new.iter().cloned());
        view.facts.refusals.clone_from(&self.refusals);
        Ok(new)
    }

    /// Everything with a time was asked for, and its node has had the time to say something of it.
    pub(super) const fn has_played(&self, at_ms: u64) -> bool {
        at_ms >= self.last_ms
    }
}

/// Its end: its faults are reverted. That there is none is what is wanted.
pub(super) async fn end(operator: &Operator) -> Result<(), Failure> {
    let request = VillainRequest {
        op: VillainOperation::Stop,
        ..VillainRequest::default()
    };
    match operator.villain(&request).await {
        Err(error) if error.kind != Kind::Refused => Err(error.into()),
        _ => Ok(()),
    }
}
