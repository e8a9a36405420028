//! `gray`: some requests are slow, or answered with something else, and nothing that asks whether the service is well notices.

use std::time::Duration;

use arena_node_core::Effect;
use hyper::StatusCode;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Hold, Reply};

/// What no service says.
const WRONG: &str = "this is not what was asked for";

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let share = effect.params.count("share");
    let latency = effect.params.duration("latency");
    let is_wrong = effect.params.word("kind") == "wrong";
    let leg = legs::inbound(faults, effect)?;
    legs::place(effect, vec![leg.conditions()], || {
        if is_wrong {
            return Condition::Reply(Reply {
                share,
                status: StatusCode::OK,
                words: WRONG.to_owned(),
            });
        }
        Condition::Hold(Hold {
            share,
            latency,
            jitter: Duration::ZERO,
        })
    });
    Ok(())
}
