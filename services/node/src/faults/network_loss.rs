//! `network-loss`: some requests are stalled, or their connections closed.

use std::time::Duration;

use arena_node_core::Effect;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Cut, Hold};

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let share = effect.params.count("share");
    let latency = effect.params.duration("stall");
    let resets = effect.params.word("kind") == "reset";
    legs::place(effect, legs::directed(faults, effect)?, || {
        if resets {
            return Condition::Cut(Cut { share });
        }
        Condition::Hold(Hold {
            share,
            latency,
            jitter: Duration::ZERO,
        })
    });
    Ok(())
}
