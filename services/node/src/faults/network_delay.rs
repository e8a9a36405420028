//! `network-delay`: requests wait in a leg.

use arena_node_core::Effect;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Hold};

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let hold = Hold {
        share: 100,
        latency: effect.params.duration("latency"),
        jitter: effect.params.duration("jitter"),
    };
    legs::place(effect, legs::directed(faults, effect)?, || {
        Condition::Hold(hold)
    });
    Ok(())
}
