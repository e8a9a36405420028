//! The villain of a run: the injector's, with the scenario as its script.

use arena_bus::Bus;
use arena_scenario::judge::Conditions;
use arena_scenario::{Planned, Scenario, When};

use super::live::bad_check;
use super::view::View;
use crate::exit::Failure;
use crate::inject;

/// Plays what a scenario plans.
#[derive(Debug)]
pub(super) struct Villain {
    began_ms: u64,
    planned: Vec<Planned>,
    /// By place in the plan.
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// Its condition first held.
    held_ms: Option<u64>,
    made: bool,
}

impl Villain {
    /// From now on.
    pub(super) fn begin(scenario: &Scenario, at_ms: u64) -> Self {
        let planned = scenario.all_injections();
        Self {
            began_ms: at_ms,
            marks: vec![Mark::default(); planned.len()],
            planned,
        }
    }

    /// Makes what is due; the words of what was refused.
    pub(super) async fn step(
        &mut self,
        bus: &Bus,
        seed: u64,
        view: &View,
        at_ms: u64,
    ) -> Result<Vec<String>, Failure> {
        let sample = view.sample(at_ms);
        let mut refused = Vec::new();
        for (planned, mark) in self.planned.iter().zip(&mut self.marks) {
            let injection = &planned.injection;
            let due_ms = match &injection.when {
                When::At(at) => Some(self.began_ms + ms(*at)),
                When::If(check, delay) => {
                    let conditions = Conditions::compile([check]).map_err(bad_check)?;
                    if mark.held_ms.is_none() && conditions.hold(&sample) {
                        mark.held_ms = Some(at_ms);
                    }
                    mark.held_ms.map(|held_ms| held_ms + ms(*delay))
                }
            };
            if mark.made || due_ms.is_none_or(|due_ms| at_ms < due_ms) {
                continue;
            }
            mark.made = true;
            let hittable = arena_scenario::View::of(view.nodes());
            let name = injection.fault.name.as_str();
            let targets = injection
                .target
                .resolve(injection.fault, &hittable, seed, planned.index);
            for target in targets {
                let params = injection.params.to_text();
                let asked =
                    inject::request(bus, name, &target.to_string(), injection.ttl, params).await;
                if let Err(failure) = asked {
                    refused.push(format!("{name} on {target}: {:#}", failure.error));
                }
            }
        }
        Ok(refused)
    }

    /// Everything with a time, and what its condition has begun, was asked for.
    pub(super) fn has_played(&self) -> bool {
        let due = |planned: &Planned, mark: &Mark| {
            matches!(planned.injection.when, When::At(_)) || mark.held_ms.is_some()
        };
        let mut all = self.planned.iter().zip(&self.marks);
        all.all(|(planned, mark)| mark.made || !due(planned, mark))
    }
}

fn ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
