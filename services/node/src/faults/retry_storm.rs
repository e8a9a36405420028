//! `retry-storm`: the inbound leg becomes a queue before one worker, and a client that repeats what takes too long.

use arena_node_core::Effect;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Storm, StormSettings};

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let settings = StormSettings {
        retries: u32::try_from(effect.params.count("retries")).unwrap_or(1),
        timeout: effect.params.duration("timeout"),
        work: effect.params.duration("work"),
        trigger: effect.params.duration("trigger"),
    };
    let leg = legs::inbound(faults, effect)?;
    let upstream = leg.upstream().clone();
    // It lives in the leg: a leg that is set up anew has no queue.
    leg.conditions().place(&effect.fault, true, |over| {
        Condition::Storm(Storm::start(settings, upstream, faults.clock, over.clone()))
    });
    Ok(())
}
