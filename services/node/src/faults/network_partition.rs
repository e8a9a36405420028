//! `network-partition`: walls in the legs, around a service or around the node.

use arena_node_core::Effect;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Wall};

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let (meant, wall) = match effect.service {
        Some(_) => (legs::directed(faults, effect)?, Wall::Closed),
        None => (legs::of_node(faults, effect)?, Wall::AroundNode),
    };
    legs::place(effect, meant, || Condition::Wall(wall));
    Ok(())
}
