//! `error-burst`: the inbound leg answers with an error in the service's place.

use arena_node_core::Effect;
use hyper::StatusCode;

use super::{Faults, Refusal, legs};
use crate::sidecar::{Condition, Reply};

pub(super) fn apply(faults: &Faults, effect: &Effect) -> Result<(), Refusal> {
    let status = u16::try_from(effect.params.count("status")).ok();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let reply = Reply {
        share: effect.params.count("share"),
        status,
        words: status.canonical_reason().unwrap_or("Failed").to_owned(),
    };
    let leg = legs::inbound(faults, effect)?;
    legs::place(effect, vec![leg.conditions()], || {
        Condition::Reply(reply.clone())
    });
    Ok(())
}
