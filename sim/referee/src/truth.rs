//! What is true of a run, put where telemetry's word stands: so that both are read in the same way.

use arena_scenario::judge::{Facts, Sample};

/// The facts with what users truly felt as their samples; `None` where nobody knows the truth.
pub(crate) fn facts(facts: &Facts) -> Option<Facts> {
    let truth = facts.truth.as_ref()?;
    let mut told = facts.samples.iter().peekable();
    let mut last: Option<&Sample> = None;
    let users = truth.users.iter().map(|user| {
        while let Some(next) = told.next_if(|sample| sample.at_ms <= user.at_ms) {
            last = Some(next);
        }
        // What is not the users' stays as it was told: the nodes' own word, and the detector's.
        Sample {
            services_unhealthy: user.services_unhealthy.or_else(|| last?.services_unhealthy),
            incidents_open: user.incidents_open.or_else(|| last?.incidents_open),
            ..*user
        }
    });
    Some(Facts {
        samples: users.collect(),
        ..facts.clone()
    })
}
