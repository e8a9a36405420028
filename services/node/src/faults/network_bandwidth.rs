//! `network-bandwidth`: each leg is a narrow pipe of its own.

use arena_node_core::Effect;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Pipe};

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let bytes_per_second = effect.params.count("rate") * 1024;
    legs::place(effect, legs::directed(faults, effect)?, || {
        Condition::Pipe(Pipe::new(bytes_per_second, faults.clock))
    });
    Ok(())
}
