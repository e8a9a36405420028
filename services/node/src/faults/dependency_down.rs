//! `dependency-down`: the outbound legs say what they say when no replica is healthy.

use arena_node_core::Effect;
use hyper::StatusCode;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Reply, nobody};

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    for leg in legs::outbound(faults, effect)? {
        legs::place(effect, vec![leg.conditions()], || {
            Condition::Reply(Reply {
                share: 100,
                status: StatusCode::SERVICE_UNAVAILABLE,
                words: nobody(leg.dependency()),
            })
        });
    }
    Ok(())
}
