//! `noisy-neighbour`: a helper of no service's group takes the CPU.

use arena_node_core::Effect;

use super::{Faults, Refusal, helpers};
use crate::helper::Kind;

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    helpers::start_beside(faults, effect, kind(effect)).map_err(helpers::no_helper)
}

pub(super) async fn revert(faults: &Faults, effect: &Effect) -> Result<(), String> {
    helpers::end(faults, effect, kind(effect)).await
}

fn kind(effect: &Effect) -> Kind {
    Kind::Burn {
        cores: effect.params.count("cores"),
    }
}
